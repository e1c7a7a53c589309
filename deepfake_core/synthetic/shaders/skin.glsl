vec4 shade_skin(Point p) { return vec4(lambert(p) + gloss(p), 1); }
