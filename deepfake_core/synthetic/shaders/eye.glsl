// The eyeball below the cornea (which mirrors, as glass): matt, and dark where the lids shade it.
vec4 shade_eye(Point p) { return vec4(lambert(p) * mix(0.4, 1.0, p.open), 1); }
