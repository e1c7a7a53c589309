// Thin glass: nearly clear from the front, a mirror at grazing angles. The picture's alpha is the share of light
// that the glass takes away; a strong reflectance is a metal coating and takes on the tint.
vec4 shade_glass(Point p) {
  float mirror = specular + (1 - specular) * pow(1 - p.facing, 5);
  vec3 coating = mix(vec3(1), p.albedo, smoothstep(0.1, 0.25, specular));
  vec3 seen = reflected(reflect(-p.view, p.normal), 0.6) * coating;
  float opacity = 1 - (1 - mirror) * (1 - p.alpha);
  return vec4((min(seen * mirror, vec3(3)) + lambert(p) * p.alpha * (1 - mirror)) / max(opacity, 0.01), opacity);
}
