#version 330
// One instance per light, each drawn into a tile of its own: the box around the person fills a tile, no more.
in vec3 position; in vec2 uv;
uniform mat4 to_light[16]; uniform int tiles;
out vec2 t;
void main() {
  t = uv;
  vec4 p = to_light[gl_InstanceID] * vec4(position, 1);
  vec2 tile = vec2(gl_InstanceID % tiles, gl_InstanceID / tiles);
  gl_Position = vec4((p.xy + 1 + 2 * tile) / tiles - 1, p.z, 1);
}
