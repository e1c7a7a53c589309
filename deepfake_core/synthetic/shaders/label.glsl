#version 330
in vec2 t;
out float value;
uniform sampler2D picture; uniform sampler2D regions;
uniform int surface; uniform float label; uniform float cutout;
void main() {
  if (surface == 2 && texture(picture, t).a < cutout) discard;
  value = (surface == 0 && label < 18.5 ? floor(texture(regions, t).r * 255 + 0.5) : label) / 255;
}
