"""The filter type as libobs knows it, from the first script_load until OBS ends.

libobs never forgets a type and keeps its function pointers, while the script may be reloaded or removed at any time.
So this module is imported once and never reloaded; it owns every callback, and the script only gives it an
implementation or takes it away. Only the standard library is used: the type exists even where the virtual environment
is broken, because without it OBS would show the camera as if there were no filter.

Nothing raw leaves while a filter of this type is enabled:
- `filter_video` returns a frame only when the implementation has overwritten it with a marked picture. Otherwise,
  without an implementation too, it releases the frame and returns NULL.
- NULL makes OBS draw its last texture again, and that may be raw: the filter was just added or enabled, or a media
  source put its first frame there without asking the filters. `video_render` therefore lets the picture through only
  after a marked one has reached the texture, counted anew whenever `video_tick` sees the filter disabled or its
  source without a picture.

A handle (libobs' `data`) is the address of the filter's own obs_source_t: nothing must be kept between `create` and
`destroy`, and `destroy` can be a native function without effect.
"""

import ctypes as C  # noqa: N812
import traceback
from typing import Any, Protocol

from deepfake_core.obs import libobs

NAME = C.create_string_buffer(b"Deepfake")


class Implementation(Protocol):
    """What a loaded script gives the type. `source` is the address of the filter's obs_source_t."""

    def adopt(self, source: int, settings: int) -> None:
        """A filter was created; settings: obs_data_t. Any thread."""

    def update(self, source: int, settings: int) -> None:
        """The filter's settings changed; settings: obs_data_t. Graphics thread."""

    def remove(self, source: int) -> None:
        """The filter was taken off its source. Any thread."""

    def defaults(self, settings: int) -> None:
        """Put the defaults into an obs_data_t. Any thread."""

    def properties(self, source: int) -> int:
        """A new obs_properties_t. UI thread."""

    def exchange(self, source: int, frame: int) -> bool:
        """Overwrite an obs_source_frame with a marked picture; False when there is none. Graphics thread."""

    def tick(self, source: int) -> None:
        """Another frame of OBS begins. Graphics thread."""

    def may_draw(self, source: int) -> bool:
        """Whether the source's texture holds a marked picture. Graphics thread."""


class _State:
    """What outlives the script."""

    implementation: Implementation | None = None
    absence = "The script obs_deepfake.py is not loaded, so the camera is hidden; load it in Tools > Scripts."
    registered = False
    last_failure = ""


def _failed(callback: str) -> None:
    """Log the exception that is being handled; one that repeats itself, as in each frame, only once."""
    text = f"{callback} failed: {traceback.format_exc()}"
    if text != _State.last_failure:
        _State.last_failure = text
        libobs.log(libobs.LOG_ERROR, text)


# An exception must not reach ctypes, which would print it to OBS's stderr stub and return garbage to libobs: hence the
# blind excepts below.


@libobs.Name
def _get_name(_type_data: int) -> int:
    return C.addressof(NAME)


@libobs.Create
def _create(settings: int, source: int) -> int:
    try:
        if _State.implementation is not None:
            _State.implementation.adopt(source, settings)
    except BaseException:  # noqa: BLE001
        _failed("create")
    return source


@libobs.Call
def _get_defaults(settings: int) -> None:
    try:
        if _State.implementation is not None:
            _State.implementation.defaults(settings)
    except BaseException:  # noqa: BLE001
        _failed("get_defaults")


@libobs.Properties
def _get_properties(source: int) -> int:
    try:
        if _State.implementation is not None:
            return _State.implementation.properties(source)
    except BaseException:  # noqa: BLE001
        _failed("get_properties")
    properties: int = libobs.properties_create()
    libobs.add_text(properties, b"absence", _State.absence.encode(), libobs.TEXT_INFO)
    return properties


@libobs.Call2
def _update(source: int, settings: int) -> None:
    try:
        if _State.implementation is not None:
            _State.implementation.update(source, settings)
    except BaseException:  # noqa: BLE001
        _failed("update")


@libobs.Tick
def _video_tick(source: int, _seconds: float) -> None:
    try:
        if _State.implementation is not None:
            _State.implementation.tick(source)
    except BaseException:  # noqa: BLE001
        _failed("video_tick")


@libobs.Call2
def _video_render(source: int, _effect: int) -> None:
    try:
        implementation = _State.implementation
        # A filter that is being removed has no parent any more, and libobs does not check that itself.
        if implementation is not None and implementation.may_draw(source) and libobs.filter_get_parent(source):
            libobs.skip_video_filter(source)
    except BaseException:  # noqa: BLE001
        _failed("video_render")


@libobs.FilterVideo
def _filter_video(source: int, frame: int) -> int | None:
    try:
        if _State.implementation is not None and _State.implementation.exchange(source, frame):
            return frame
    except BaseException:  # noqa: BLE001
        _failed("filter_video")
    libobs.release_frame(libobs.filter_get_parent(source), frame)
    return None


@libobs.Call2
def _filter_remove(source: int, _parent: int) -> None:
    try:
        if _State.implementation is not None:
            _State.implementation.remove(source)
    except BaseException:  # noqa: BLE001
        _failed("filter_remove")


_INFO = libobs.SourceInfo(
    id=libobs.FILTER_ID,
    type=libobs.SOURCE_TYPE_FILTER,
    # SRGB: `video_render` only passes on, so the render state must stay as it is.
    output_flags=libobs.OUTPUT_VIDEO | libobs.OUTPUT_ASYNC | libobs.OUTPUT_SRGB,
    get_name=_get_name,
    create=_create,
    destroy=libobs.native_no_op(),
    get_defaults=_get_defaults,
    get_properties=_get_properties,
    update=_update,
    video_tick=_video_tick,
    video_render=_video_render,
    filter_video=_filter_video,
    filter_remove=_filter_remove,
)


def register() -> None:
    """Make the filter type known to OBS; once for each process, however often the script is loaded."""
    if not _State.registered:
        _State.registered = True
        libobs.register_source(C.byref(_INFO), C.sizeof(_INFO))


def set_implementation(implementation: Implementation) -> None:
    """Bring the filters to life."""
    _State.implementation = implementation


def take_implementation(absence: str | None = None) -> Any:
    """Leave the filters without implementation, showing nothing; returns the one that was there, or None.

    absence: what their properties dialog says meanwhile, one sentence.
    """
    implementation, _State.implementation = _State.implementation, None
    if absence is not None:
        _State.absence = absence
    return implementation
