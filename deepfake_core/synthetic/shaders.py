"""GLSL of the renderer. Light per vertex arrives in `light` (rgb irradiance, a = ambient occlusion)."""

VERTEX = """#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec4 light;
uniform mat4 clip;
out vec3 place; out vec3 n; out vec2 t; out vec4 irradiance;
void main() { place = position; n = normal; t = uv; irradiance = light; gl_Position = clip * vec4(position, 1); }
"""

SHADE = """#version 330
in vec3 place; in vec3 n; in vec2 t; in vec4 irradiance;
out vec4 colour;
uniform sampler2D picture; uniform sampler2D panorama;
uniform vec3 eye; uniform mat3 to_panorama; uniform vec3 harmonics[9];
uniform int surface; uniform bool blending; uniform float reflections;
uniform vec3 tint; uniform float roughness; uniform float specular; uniform float bump;

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
void main() {
  bool hair = surface == 2;
  vec4 albedo = texture(picture, t);
  albedo.rgb = pow(albedo.rgb, vec3(2.2)) * tint;
  float alpha = hair || surface == 3 ? albedo.a : 1.0;
  // Hair: first what is nearly opaque (writes depth), then its soft rims, blended.
  if (!blending && alpha < 0.55) discard;
  if (blending && (alpha >= 0.55 || alpha < 0.02)) discard;
  vec3 N = normalize(n), V = normalize(eye - place);
  if (dot(N, V) < 0 && surface != 0) N = -N;
  vec3 smooth_n = N;
  if (bump > 0) {  // relief from the picture's brightness (Mikkelsen 2010)
    float h = dot(texture(picture, t).rgb, vec3(0.33));
    vec3 dx = dFdx(place), dy = dFdy(place), r1 = cross(dy, N), r2 = cross(N, dx);
    float det = dot(dx, r1);
    N = normalize(abs(det) * N - bump * sign(det) * (dFdx(h) * r1 + dFdy(h) * r2));
  }
  float open = irradiance.a;
  vec3 light = irradiance.rgb * clamp(diffuse(N) / diffuse(smooth_n), 0.6, 1.6);
  vec3 result = albedo.rgb * light / 3.14159;
  float facing = clamp(dot(N, V), 0.02, 1);
  float grazing = pow(1 - facing, 5);
  vec3 mirror = reflect(-V, N);
  if (hair) {
    result += reflected(mirror, 5) * 0.04 * mix(vec3(1), albedo.rgb * 3, 0.6) * open;
  } else if (surface == 3) {
    result = result * mix(0.45, 1.0, open) + reflected(mirror, 0.5) * (0.03 + 0.6 * grazing) * open;
  } else {
    float fresnel = (specular + (1 - specular) * grazing * (1 - roughness) * 0.35) * 0.8;
    float occlusion = clamp(pow(facing + open, 2 * roughness + 0.3) - 1 + open, 0, 1);
    vec3 shine = 0.7 * reflected(mirror, 3.2 + roughness * 6) + 0.3 * reflected(mirror, 2.2 + roughness * 5);
    result += min(fresnel * occlusion * shine, vec3(1.2));
  }
  colour = vec4(result, blending ? alpha : 1.0);
}
"""

LABEL = """#version 330
in vec2 t;
out float value;
uniform sampler2D picture; uniform sampler2D regions;
uniform int surface; uniform float label; uniform float cutout;
void main() {
  if (surface == 2 && texture(picture, t).a < cutout) discard;
  value = (surface == 0 && label < 18.5 ? floor(texture(regions, t).r * 255 + 0.5) : label) / 255;
}
"""

DEPTH_VERTEX = """#version 330
in vec3 position; in vec2 uv;
uniform mat4 clip;
out vec2 t;
void main() { t = uv; gl_Position = clip * vec4(position, 1); }
"""

DEPTH = """#version 330
in vec2 t;
uniform sampler2D picture; uniform bool cut;
void main() { if (cut && texture(picture, t).a < 0.4) discard; }
"""

UNWRAP_VERTEX = """#version 330
in vec2 uv; in vec4 values;
out vec4 v;
void main() { v = values; gl_Position = vec4(uv * 2 - 1, 0, 1); }
"""

UNWRAP = """#version 330
in vec4 v;
out vec4 colour;
void main() { colour = v; }
"""
