// Two highlights across the strands: at the surface, white, and after a way through the strand, coloured
// (after Marschner 2003 in the shape of Kajiya and Kay 1989). Strands run along v in the picture.
vec4 shade_hair(Point p) {
  vec2 du = vec2(dFdx(p.uv.x), dFdy(p.uv.x)), dv = vec2(dFdx(p.uv.y), dFdy(p.uv.y));
  vec3 along = (dFdy(p.place) * du.x - dFdx(p.place) * du.y) * sign(du.x * dv.y - du.y * dv.x);
  float size = length(along);
  vec3 t = size > 0 ? along / size : vec3(0, -1, 0);
  vec3 facing = p.view - t * dot(p.view, t);
  facing = normalize(facing + 1e-4 * p.normal);
  // Strands lie unevenly (the less, the rougher the whole is said to be).
  float uneven = (0.5 - roughness) * 0.4 * (0.5 * sin(p.uv.x * 290) + 0.5 * sin(p.uv.x * 613));
  vec3 strand = normalize(p.normal + 0.8 * facing);
  float open = p.open * p.open, rim = 1 - p.facing;
  rim *= rim * rim;
  vec3 white = reflected(reflect(-p.view, strand + t * (uneven - 0.1)), 4.0);
  vec3 coloured = reflections * diffuse(reflect(-p.view, strand + t * (uneven + 0.16)));
  float brightest = max(p.albedo.r, max(p.albedo.g, p.albedo.b)) + 0.02;
  vec3 shine = white * specular * (1 + 2 * rim) + coloured * p.albedo * (0.012 / brightest + 0.3 * brightest);
  vec3 through = reflections * diffuse(-p.view) * p.albedo * 0.35 * rim;  // light from behind
  return vec4(lambert(p) + (min(shine, vec3(1.5)) + through) * open, p.alpha);
}
