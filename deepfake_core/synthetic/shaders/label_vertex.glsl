#version 330
in vec3 position; in vec2 uv;
uniform mat4 clip;
out vec2 t;
invariant gl_Position;
void main() { t = uv; gl_Position = clip * vec4(position, 1); }
