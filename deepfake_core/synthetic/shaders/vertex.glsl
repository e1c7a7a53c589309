#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec4 light;
uniform mat4 clip;
out vec3 place; out vec3 n; out vec2 t; out vec4 irradiance;
invariant gl_Position;
void main() { place = position; n = normal; t = uv; irradiance = light; gl_Position = clip * vec4(position, 1); }
