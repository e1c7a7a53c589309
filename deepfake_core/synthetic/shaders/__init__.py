"""GLSL of the renderer. Light per vertex arrives in `light` (rgb irradiance, a = ambient occlusion)."""

from pathlib import Path


def _source(*names: str) -> str:
    return "".join((Path(__file__).with_name(f"{name}.glsl")).read_text() for name in names)


def shade(surface: int) -> str:
    """Fragment shader of one surface: a program of its own, so that no surface pays for another's look."""
    source = _source("common", "skin", "eye", "hair", "plain", "glass", "main")
    return source.replace("const int surface = 0;", f"const int surface = {surface};")


VERTEX = _source("vertex")
LABEL_VERTEX, LABEL = _source("label_vertex"), _source("label")
DEPTH = _source("depth")
SHADOW_VERTEX = _source("shadow_vertex")
UNWRAP_VERTEX, UNWRAP = _source("unwrap_vertex"), _source("unwrap")
