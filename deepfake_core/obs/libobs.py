"""libobs as ctypes sees it: the structures and functions that the filter needs, bound to the OBS that runs us.

Nothing else is imported here, so that it works without the virtual environment. obspython is never used for sources
and filters: its wrappers keep the GIL while they wait for libobs' locks, and OBS's graphics thread waits for the GIL
with those locks held. A call through `ctypes.CDLL` lets go of the GIL.
"""

import ctypes as C  # noqa: N812  The module is an address book of C types.
import sys
from typing import Any

FILTER_ID = b"obs_deepfake_filter"

SOURCE_TYPE_FILTER = 1
OUTPUT_VIDEO, OUTPUT_ASYNC, OUTPUT_SRGB = 1 << 0, 1 << 2, 1 << 15

COMBO_TYPE_LIST, COMBO_FORMAT_STRING = 2, 3
TEXT_INFO = 3

TASK_UI = 0

LOG_ERROR, LOG_WARNING, LOG_INFO = 100, 200, 300

MAX_PLANES = 8

_pointer = C.c_void_p

# A CFUNCTYPE takes the GIL when C calls it, on whatever thread.
Name = C.CFUNCTYPE(_pointer, _pointer)
Create = C.CFUNCTYPE(_pointer, _pointer, _pointer)
Properties = C.CFUNCTYPE(_pointer, _pointer)
FilterVideo = C.CFUNCTYPE(_pointer, _pointer, _pointer)
Tick = C.CFUNCTYPE(None, _pointer, C.c_float)
Call = C.CFUNCTYPE(None, _pointer)
Call2 = C.CFUNCTYPE(None, _pointer, _pointer)
ButtonClicked = C.CFUNCTYPE(C.c_bool, _pointer, _pointer, _pointer)


class SourceFrame(C.Structure):
    """struct obs_source_frame, unchanged from OBS 29.0.2 to 32.2.2."""

    _fields_ = (
        ("data", _pointer * MAX_PLANES),
        ("linesize", C.c_uint32 * MAX_PLANES),
        ("width", C.c_uint32),
        ("height", C.c_uint32),
        ("timestamp", C.c_uint64),
        ("format", C.c_int),
        ("color_matrix", C.c_float * 16),
        ("full_range", C.c_bool),
        ("max_luminance", C.c_uint16),
        ("color_range_min", C.c_float * 3),
        ("color_range_max", C.c_float * 3),
        ("flip", C.c_bool),
        ("flags", C.c_uint8),
        ("trc", C.c_uint8),
        ("refs", C.c_long),
        ("prev_frame", C.c_bool),
    )


class SourceInfo(C.Structure):
    """struct obs_source_info as of OBS 29.0.2. Later versions only append, so its 400 bytes fit each of them."""

    _fields_ = (
        ("id", C.c_char_p),
        ("type", C.c_int),
        ("output_flags", C.c_uint32),
        ("get_name", Name),
        ("create", Create),
        ("destroy", _pointer),
        ("get_width", _pointer),
        ("get_height", _pointer),
        ("get_defaults", Call),
        ("get_properties", Properties),
        ("update", Call2),
        ("activate", _pointer),
        ("deactivate", _pointer),
        ("show", _pointer),
        ("hide", _pointer),
        ("video_tick", Tick),
        ("video_render", Call2),
        ("filter_video", FilterVideo),
        ("filter_audio", _pointer),
        ("enum_active_sources", _pointer),
        ("save", _pointer),
        ("load", _pointer),
        ("mouse_click", _pointer),
        ("mouse_move", _pointer),
        ("mouse_wheel", _pointer),
        ("focus", _pointer),
        ("key_click", _pointer),
        ("filter_remove", Call2),
        ("type_data", _pointer),
        ("free_type_data", _pointer),
        ("audio_render", _pointer),
        ("enum_all_sources", _pointer),
        ("transition_start", _pointer),
        ("transition_stop", _pointer),
        ("get_defaults2", _pointer),
        ("get_properties2", _pointer),
        ("audio_mix", _pointer),
        ("icon_type", C.c_int),
        ("media_play_pause", _pointer),
        ("media_restart", _pointer),
        ("media_stop", _pointer),
        ("media_next", _pointer),
        ("media_previous", _pointer),
        ("media_get_duration", _pointer),
        ("media_get_time", _pointer),
        ("media_set_time", _pointer),
        ("media_get_state", _pointer),
        ("version", C.c_uint32),
        ("unversioned_id", C.c_char_p),
        ("missing_files", _pointer),
        ("video_get_color_space", _pointer),
    )


class NotInsideObs(RuntimeError):
    """There is no libobs in this process."""


def _process_libraries() -> tuple[C.CDLL, C.PyDLL]:
    """The libraries that are already loaded: a second copy of libobs would know nothing of the running one.

    Linux: obs links libobs, so the process's global scope has it. macOS is meant to work the same way and Windows
    needs the DLL's name; neither was run.
    """
    library = "obs.dll" if sys.platform == "win32" else None
    try:
        unlocked, locked = C.CDLL(library), C.PyDLL(library)
    except OSError as error:
        raise NotInsideObs(f"{library} is not loaded; run this inside OBS Studio.") from error
    if not hasattr(unlocked, "obs_get_version"):
        raise NotInsideObs("libobs is not loaded in this process; run this inside OBS Studio.")
    return unlocked, locked


_unlocked, _locked = _process_libraries()


def _function(result: Any, name: str, *arguments: Any, library: C.CDLL = _unlocked) -> Any:
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


# These let go of the GIL: they may wait for a lock, draw, or call back.
register_source = _function(None, "obs_register_source_s", C.POINTER(SourceInfo), C.c_size_t)
release_frame = _function(None, "obs_source_release_frame", _pointer, _pointer)
skip_video_filter = _function(None, "obs_source_skip_video_filter", _pointer)
get_settings = _function(_pointer, "obs_source_get_settings", _pointer)
update_properties = _function(None, "obs_source_update_properties", _pointer)
source_release = _function(None, "obs_source_release", _pointer)
queue_task = _function(None, "obs_queue_task", C.c_int, Call, _pointer, C.c_bool)
data_create = _function(_pointer, "obs_data_create")
data_release = _function(None, "obs_data_release", _pointer)
data_json = _function(C.c_char_p, "obs_data_get_json", _pointer)
data_erase = _function(None, "obs_data_erase", _pointer, C.c_char_p)
default_string = _function(None, "obs_data_set_default_string", _pointer, C.c_char_p, C.c_char_p)
default_double = _function(None, "obs_data_set_default_double", _pointer, C.c_char_p, C.c_double)
default_bool = _function(None, "obs_data_set_default_bool", _pointer, C.c_char_p, C.c_bool)
properties_create = _function(_pointer, "obs_properties_create")
properties_set_param = _function(None, "obs_properties_set_param", _pointer, _pointer, Call)
properties_destroy = _function(None, "obs_properties_destroy", _pointer)
add_list = _function(_pointer, "obs_properties_add_list", _pointer, C.c_char_p, C.c_char_p, C.c_int, C.c_int)
list_add_string = _function(C.c_size_t, "obs_property_list_add_string", _pointer, C.c_char_p, C.c_char_p)
list_disable = _function(None, "obs_property_list_item_disable", _pointer, C.c_size_t, C.c_bool)
add_slider = _function(
    _pointer,
    "obs_properties_add_float_slider",
    _pointer,
    C.c_char_p,
    C.c_char_p,
    C.c_double,
    C.c_double,
    C.c_double,
)
add_bool = _function(_pointer, "obs_properties_add_bool", _pointer, C.c_char_p, C.c_char_p)
add_text = _function(_pointer, "obs_properties_add_text", _pointer, C.c_char_p, C.c_char_p, C.c_int)
add_button = _function(
    _pointer, "obs_properties_add_button2", _pointer, C.c_char_p, C.c_char_p, ButtonClicked, _pointer
)

# These keep the GIL: they only read a field or count a reference, and are called for each frame.
filter_get_parent = _function(_pointer, "obs_filter_get_parent", _pointer, library=_locked)
source_enabled = _function(C.c_bool, "obs_source_enabled", _pointer, library=_locked)
base_width = _function(C.c_uint32, "obs_source_get_base_width", _pointer, library=_locked)
_source_name = _function(C.c_char_p, "obs_source_get_name", _pointer, library=_locked)
get_weak_source = _function(_pointer, "obs_source_get_weak_source", _pointer, library=_locked)
weak_get_source = _function(_pointer, "obs_weak_source_get_source", _pointer, library=_locked)
weak_release = _function(None, "obs_weak_source_release", _pointer, library=_locked)
weak_expired = _function(C.c_bool, "obs_weak_source_expired", _pointer, library=_locked)

_blog = _unlocked.blog


def name(source: int | None) -> str:
    """Name of an obs_source_t; empty for none."""
    return (_source_name(source) or b"").decode("utf-8", "replace") if source else ""


def json(data: int) -> str:
    """An obs_data_t as JSON: the values that differ from the defaults."""
    return (data_json(data) or b"{}").decode("utf-8", "replace")


def log(level: int, text: str) -> None:
    """Write to OBS's log; level: one of the LOG_ constants."""
    _blog(C.c_int(level), b"%s", b"[Deepfake] " + text.encode("utf-8", "replace"))


def native_no_op() -> int:
    """Address of a C function that takes one argument and has no effect.

    libobs calls `destroy` for sources that outlive Python, where a Python callback would crash OBS.
    """
    runtime = C.CDLL("ucrtbase.dll") if sys.platform == "win32" else C.CDLL(None)
    return C.cast(runtime.labs, C.c_void_p).value or 0
