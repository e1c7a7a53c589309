// Two highlights across the strands: at the surface, white, and after a way through the strand, coloured
// (after Marschner 2003 in the shape of Kajiya and Kay 1989). Strands run along v in the picture.
vec4 shade_hair(Point p) {
  vec2 du = vec2(dFdx(p.uv.x), dFdy(p.uv.x)), dv = vec2(dFdx(p.uv.y), dFdy(p.uv.y));
  vec3 along = (dFdy(p.place) * du.x - dFdx(p.place) * du.y) * sign(du.x * dv.y - du.y * dv.x);
  float size = length(along);
  vec3 t = size > 0 ? along / size : vec3(0, -1, 0);
  vec3 facing = p.view - t * dot(p.view, t);
  facing = normalize(facing + 1e-4 * p.normal);
  float uneven = 0.5 * sin(p.uv.x * 290) + 0.5 * sin(p.uv.x * 613);
  vec3 strand = normalize(p.normal + 0.8 * facing);
  vec3 first = normalize(strand + t * (0.13 * uneven - 0.1)), second = normalize(strand + t * (0.13 * uneven + 0.16));
  float open = p.open * p.open;
  vec3 white = reflected(reflect(-p.view, first), 4.0), coloured = reflected(reflect(-p.view, second), 5.0);
  vec3 tone = p.albedo / (max(p.albedo.r, max(p.albedo.g, p.albedo.b)) + 0.02);
  float rim = pow(1 - p.facing, 3);
  vec3 through = reflected(-p.view, 5.0) * p.albedo * 0.35 * rim;
  vec3 shine = white * (0.008 + 0.02 * rim) + coloured * tone * (0.012 + 0.22 * dot(p.albedo, vec3(0.33)));
  return vec4(lambert(p) + (min(shine, vec3(1.5)) + through) * open, p.alpha);
}
