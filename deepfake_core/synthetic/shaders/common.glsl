#version 330
// What every surface needs: the point that is shaded, and the light of the panorama.
in vec3 place; in vec3 n; in vec2 t; in vec4 irradiance;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 cover;  // shares of head, hair and marked parts, blended as the colour is
uniform sampler2D picture; uniform sampler2D panorama; uniform sampler2D regions; uniform sampler2D marked;
uniform vec3 eye; uniform mat3 to_panorama; uniform vec3 harmonics[9];
const int surface = 0;  // one program per part.Surface: see shaders/__init__.py
uniform bool blending; uniform float reflections;
uniform vec3 shares;
uniform vec3 tint; uniform float roughness; uniform float specular; uniform float bump; uniform float opaque_from;

struct Point {
  vec3 place, normal, view;  // the normal faces the viewer (but for skin), view points to the camera
  vec2 uv;
  vec3 albedo;               // linear, tinted
  float alpha;               // of the picture
  vec3 light;                // irradiance, shadows and scattering included
  float open;                // ambient occlusion: 1 lies open
  float facing;              // cosine between normal and view
};

vec3 reflected(vec3 d, float lod) {
  d = to_panorama * d;
  vec2 u = vec2(atan(d.x, -d.z) / 6.2831853 + 0.5, acos(clamp(d.y, -1, 1)) / 3.14159265);
  return reflections * textureLod(panorama, u, lod).rgb;
}
vec3 diffuse(vec3 d) {
  d = to_panorama * d;
  return max(harmonics[0] * 0.282095
    + 2.0 / 3.0 * 0.488603 * (harmonics[1] * d.y + harmonics[2] * d.z + harmonics[3] * d.x)
    + 0.25 * (1.092548 * (harmonics[4] * d.x * d.y + harmonics[5] * d.y * d.z + harmonics[7] * d.x * d.z)
    + 0.315392 * harmonics[6] * (3 * d.z * d.z - 1) + 0.546274 * harmonics[8] * (d.x * d.x - d.y * d.y)),
    vec3(0.02));
}
vec3 lambert(Point p) { return p.albedo * p.light / 3.14159; }
vec3 gloss(Point p) {
  float grazing = pow(1 - p.facing, 5);
  vec3 mirror = reflect(-p.view, p.normal);
  float fresnel = (specular + (1 - specular) * grazing * (1 - roughness) * 0.35) * 0.8;
  float occlusion = clamp(pow(p.facing + p.open, 2 * roughness + 0.3) - 1 + p.open, 0, 1);
  vec3 shine = 0.7 * reflected(mirror, 3.2 + roughness * 6) + 0.3 * reflected(mirror, 2.2 + roughness * 5);
  return min(fresnel * occlusion * shine, vec3(1.2));
}
