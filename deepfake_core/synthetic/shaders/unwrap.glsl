#version 330
in vec4 v;
out vec4 colour;
void main() { colour = v; }
