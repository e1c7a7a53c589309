#version 330
in vec2 t;
uniform sampler2D picture; uniform bool cut;
void main() { if (cut && texture(picture, t).a < 0.4) discard; }
