#version 330
in vec2 uv; in vec4 values;
out vec4 v;
void main() { v = values; gl_Position = vec4(uv * 2 - 1, 0, 1); }
