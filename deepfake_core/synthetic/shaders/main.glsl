void main() {
  vec4 albedo = texture(picture, t);
  Point p;
  p.albedo = pow(albedo.rgb, vec3(2.2)) * tint;
  bool soft = surface == 2 || surface == 3;  // their pictures have soft rims
  p.alpha = soft || surface == 6 ? albedo.a : 1.0;
  // What is nearly opaque is drawn first and writes depth, then the soft rims and glass are blended over it.
  bool solid = surface != 6 && p.alpha >= opaque_from;
  if (blending ? solid || p.alpha < 0.02 : !solid) discard;
  p.place = place; p.uv = t;
  p.view = normalize(eye - place);
  p.normal = normalize(n);
  if (dot(p.normal, p.view) < 0 && surface != 0) p.normal = -p.normal;
  vec3 smooth_n = p.normal;
  if (bump > 0) {  // relief from the picture's brightness (Mikkelsen 2010)
    float h = dot(albedo.rgb, vec3(0.33));
    vec3 dx = dFdx(place), dy = dFdy(place), r1 = cross(dy, p.normal), r2 = cross(p.normal, dx);
    float det = dot(dx, r1);
    p.normal = normalize(abs(det) * p.normal - bump * sign(det) * (dFdx(h) * r1 + dFdy(h) * r2));
  }
  p.open = irradiance.a;
  p.light = irradiance.rgb;
  if (surface != 2) p.light *= clamp(diffuse(p.normal) / diffuse(smooth_n), 0.6, 1.6);
  p.facing = clamp(dot(p.normal, p.view), 0.02, 1);
  vec4 result;
  if (surface == 0) result = shade_skin(p);
  else if (surface == 2) result = shade_hair(p);
  else if (surface == 3) result = shade_eye(p);
  else if (surface == 6) result = shade_glass(p);
  else result = shade_plain(p);
  colour = vec4(result.rgb, blending ? result.a : 1.0);
  cover = vec4(shares, colour.a);
  if (surface == 0) cover.b = max(cover.b, texture(marked, t).r);
  if (surface == 0 && floor(texture(regions, t).r * 255 + 0.5) == 14) cover.r = 0;  // the neck is not the head
}
