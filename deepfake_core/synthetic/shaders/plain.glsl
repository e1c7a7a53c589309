// Cloth, the inside of the mouth, plastic.
vec4 shade_plain(Point p) { return vec4(lambert(p) + gloss(p), 1); }
