"""GLSL of the renderer. Light per vertex arrives in `light` (rgb irradiance, a = ambient occlusion)."""

from pathlib import Path


def _source(*names: str) -> str:
    return "".join((Path(__file__).with_name(f"{name}.glsl")).read_text() for name in names)


VERTEX = _source("vertex")
SHADE = _source("common", "skin", "eye", "hair", "plain", "glass", "main")
LABEL = _source("label")
DEPTH_VERTEX, DEPTH = _source("depth_vertex"), _source("depth")
UNWRAP_VERTEX, UNWRAP = _source("unwrap_vertex"), _source("unwrap")
