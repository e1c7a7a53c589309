vec4 shade_eye(Point p) {
  float grazing = pow(1 - p.facing, 5);
  vec3 mirror = reflect(-p.view, p.normal);
  return vec4(lambert(p) * mix(0.45, 1.0, p.open) + reflected(mirror, 0.5) * (0.03 + 0.6 * grazing) * p.open, p.alpha);
}
