// Thin glass: nearly clear from the front, a mirror at grazing angles.
vec4 shade_glass(Point p) {
  float mirror = specular + (1 - specular) * pow(1 - p.facing, 5);
  vec3 seen = reflected(reflect(-p.view, p.normal), 1.0);
  float opacity = clamp(mirror + p.alpha * (1 - dot(p.albedo, vec3(0.333))) * roughness, 0, 1);
  return vec4((seen * mirror + lambert(p) * 0.1) / max(opacity, 0.01), opacity);
}
