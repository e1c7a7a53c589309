#version 330
// One instance per light, each drawn into a tile of its own.
in vec3 position; in vec2 uv;
uniform mat4 to_light[16]; uniform int tiles;
out vec2 t;
out float gl_ClipDistance[4];  // what lies beside a tile must not fall into the next
void main() {
  t = uv;
  vec4 p = to_light[gl_InstanceID] * vec4(position, 1);
  gl_ClipDistance[0] = 1 - p.x; gl_ClipDistance[1] = 1 + p.x; gl_ClipDistance[2] = 1 - p.y; gl_ClipDistance[3] = 1 + p.y;
  vec2 tile = vec2(gl_InstanceID % tiles, gl_InstanceID / tiles);
  gl_Position = vec4((p.xy + 1 + 2 * tile) / tiles - 1, p.z, 1);
}
