// Cloth, the inside of the mouth, plastic and metal.
vec4 shade_plain(Point p) {
  if (specular > 0.2) {  // metal: reflections in its own colour
    vec3 seen = reflected(reflect(-p.view, p.normal), 2 + 6 * roughness) + reflected(p.normal, 5);
    return vec4(p.albedo * (0.12 * p.light + 0.3 * seen * (0.4 + 0.6 * p.open)), 1);
  }
  vec3 shine = gloss(p);
  if (surface == 1) {
    if (!gl_FrontFacing) return vec4(0.3 * lambert(p), 1);  // the inside of clothes lies in their own shadow
    shine += 0.06 * p.albedo * p.light * pow(1 - p.facing, 3);  // fluff at the edges
  }
  return vec4(lambert(p) + shine, 1);
}
