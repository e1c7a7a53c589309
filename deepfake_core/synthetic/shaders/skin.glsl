// Light that is thrown to and fro in folds takes on the skin's colour: pale skin glows red there, dark skin does not.
vec4 shade_skin(Point p) {
  vec3 bounced = 1 / (1 - 0.75 * p.albedo * (1 - p.open));
  return vec4(lambert(p) * bounced + gloss(p), 1);
}
