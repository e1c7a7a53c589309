#version 330
in vec2 t;
uniform sampler2D picture; uniform float threshold;
void main() { if (threshold > 0 && texture(picture, t).a < threshold) discard; }
