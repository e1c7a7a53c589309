// Cloth, the inside of the mouth, plastic.
vec4 shade_plain(Point p) {
  vec3 shine = gloss(p);
  if (surface == 1) {
    if (!gl_FrontFacing) return vec4(0.3 * lambert(p), 1);  // the inside of clothes lies in their own shadow
    shine += 0.06 * p.albedo * p.light * pow(1 - p.facing, 3);  // fluff at the edges
  }
  return vec4(lambert(p) + shine, 1);
}
