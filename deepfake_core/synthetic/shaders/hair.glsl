vec4 shade_hair(Point p) {
  vec3 mirror = reflect(-p.view, p.normal);
  return vec4(lambert(p) + reflected(mirror, 5) * 0.04 * mix(vec3(1), p.albedo * 3, 0.6) * p.open, p.alpha);
}
