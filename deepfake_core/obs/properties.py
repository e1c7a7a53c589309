"""The filter's properties dialog, and its status text that lives while the dialog is open.

libobs can only rebuild a whole dialog, which would tear a slider out of the user's hand and the keyboard's focus away.
So it is rebuilt about once a second while nothing is held or was changed just now, and the focus is put back; where
Qt cannot be asked for that, a button refreshes the status.
"""

import json
import logging
import time
from collections import Counter, deque

from deepfake_core.disclosure.languages import LANGUAGES
from deepfake_core.identities.library import Library, Summary
from deepfake_core.identities.purposes import WORDS, Purpose
from deepfake_core.obs import libobs, qt
from deepfake_core.obs.filter import Filter
from deepfake_core.settings import Glasses, LabelCorner, Mode, NoResult, Quality, Settings

CALM_SECONDS = 2.0
"""A dialog whose settings changed more recently is left alone: its user is at work."""

_MODE = {
    Mode.FACE: "Face: the performer's own hair",
    Mode.HEAD: "Whole head: with hair and ears",
}
_GLASSES = {
    Glasses.KEEP: "The performer's stay on",
    Glasses.TAKE: "As the identity has them",
}
_NO_RESULT = {
    NoResult.HOLD: "Hold the last swapped picture",
    NoResult.BLUR: "Blur the whole picture",
    NoResult.SLATE: "Show a slate",
}
_QUALITY = {
    Quality.AUTO: "Auto: the best that keeps up",
    Quality.FAST: "Fast",
    Quality.BALANCED: "Balanced",
    Quality.BEST: "Best",
}
_CORNERS = {
    LabelCorner.TOP_RIGHT: "Top right",
    LabelCorner.TOP_LEFT: "Top left",
    LabelCorner.BOTTOM_RIGHT: "Bottom right",
    LabelCorner.BOTTOM_LEFT: "Bottom left",
}
_STATUS = b"status"

_log = logging.getLogger(__name__)

# libobs keeps the address of what it calls, beyond a reload of the script: this module is never reloaded.
_open: Counter[int] = Counter()
_summaries: dict[Purpose, list[Summary]] = {}
_due: deque[Filter] = deque()


def is_open(source: int) -> bool:
    """Whether a dialog of this filter is open."""
    return _open[source] > 0


def refresh(live: Filter) -> None:
    """Let OBS rebuild the open dialogs of a filter unless the user is at work. Not for the graphics thread."""
    if qt.KNOWN and live not in _due:
        _due.append(live)
        libobs.queue_task(libobs.TASK_UI, _refresh_due, None, False)


def defaults(data: int) -> None:
    """Put every setting's default into an obs_data_t."""
    for name, value in Settings().model_dump(mode="json").items():
        key = name.encode()
        if isinstance(value, bool):
            libobs.default_bool(data, key, value)
        elif isinstance(value, float):
            libobs.default_double(data, key, value)
        else:
            libobs.default_string(data, key, str(value).encode())


def build(source: int, status: str) -> int:
    """A new obs_properties_t for the filter `source`; status: text, one line for each line shown."""
    settings = _mended_settings(source)
    if not is_open(source):
        # A dialog that is only rebuilt keeps its list: opening every identity again each second would stutter.
        _summaries.clear()
    if settings.purpose not in _summaries:
        _summaries[settings.purpose] = Library().summaries(settings.purpose)
    properties: int = libobs.properties_create()
    try:
        _fill(properties, source, settings, status)
    except BaseException:
        libobs.properties_destroy(properties)
        raise
    _open[source] += 1
    libobs.properties_set_param(properties, source, _closed)
    return properties


def _mended_settings(source: int) -> Settings:
    """The settings in use; broken ones are taken out of OBS's, so that the dialog shows the defaults used instead."""
    data = libobs.get_settings(source)
    try:
        text = libobs.json(data)
        settings, warnings = Settings.parse(text)
        if warnings:
            valid = settings.model_dump(mode="json")
            for name, value in json.loads(text).items():
                if name in valid and value != valid[name]:
                    libobs.data_erase(data, name.encode())
            # A value of another type has kept libobs from taking the default in.
            defaults(data)
        return settings
    finally:
        libobs.data_release(data)


def _fill(properties: int, source: int, settings: Settings, status: str) -> None:
    _add_identities(properties, settings.identity, _summaries[settings.purpose])
    _add_list(properties, "purpose", "Used for", {str(k): v for k, v in WORDS.items()})
    _add_list(properties, "mode", "Replace", {str(k): v for k, v in _MODE.items()})
    _add_list(properties, "glasses", "Glasses", {str(k): v for k, v in _GLASSES.items()})
    _add_list(properties, "no_result", "When there is no result", {str(k): v for k, v in _NO_RESULT.items()})
    _add_slider(properties, "smoothing", "Smoothing")
    _add_slider(properties, "colour_match", "Colour match (face)")
    _add_slider(properties, "matte_size", "Matte size")
    _add_slider(properties, "matte_softness", "Matte softness")
    _add_list(properties, "quality", "Quality", {str(k): v for k, v in _QUALITY.items()})
    libobs.add_bool(properties, b"all_faces", b"Replace all faces")
    _add_list(properties, "label_corner", "Label corner", {str(k): v for k, v in _CORNERS.items()})
    languages = {code: f"{label.name}: {label.text}" for code, label in LANGUAGES.items()}
    _add_list(properties, "label_language", "Label language", languages)
    libobs.add_text(properties, _STATUS, _plain(status), libobs.TEXT_INFO)
    if not qt.KNOWN:
        libobs.add_button(properties, b"refresh", b"Refresh status", _refresh_clicked, source)


def _add_identities(properties: int, chosen: str, known: list[Summary]) -> None:
    identities = libobs.add_list(
        properties, b"identity", b"Identity", libobs.COMBO_TYPE_LIST, libobs.COMBO_FORMAT_STRING
    )
    first = next((f": {summary.title}" for summary in known if summary.usable), "")
    libobs.list_add_string(identities, _plain(f"Automatic{first}"), b"")
    summaries = [*known]
    if chosen and chosen not in [summary.name for summary in summaries]:
        # Without a line of its own OBS would silently change the setting to the first of the list.
        summaries.append(Summary(chosen, chosen, "not installed", usable=False))
    for summary in summaries:
        line = f"{summary.title} - {summary.consent_line}"
        index = libobs.list_add_string(identities, _plain(line), summary.name.encode())
        libobs.list_disable(identities, index, not summary.usable)


def _add_list(properties: int, name: str, description: str, choices: dict[str, str]) -> None:
    entries = libobs.add_list(
        properties, name.encode(), description.encode(), libobs.COMBO_TYPE_LIST, libobs.COMBO_FORMAT_STRING
    )
    for value, words in choices.items():
        libobs.list_add_string(entries, words.encode(), value.encode())


def _add_slider(properties: int, name: str, description: str) -> None:
    constraints = Settings.model_fields[name].metadata
    low = next(float(limit.ge) for limit in constraints if hasattr(limit, "ge"))
    high = next(float(limit.le) for limit in constraints if hasattr(limit, "le"))
    libobs.add_slider(properties, name.encode(), description.encode(), low, high, 0.01)


def _plain(text: str) -> bytes:
    """Text that Qt does not take for HTML, whatever an identity or an error says."""
    return text.replace("<", "‹").replace("\0", "").encode("utf-8", "replace")


@libobs.Call
def _closed(source: int) -> None:
    _open[source] -= 1
    if _open[source] <= 0:
        del _open[source]


@libobs.Call
def _refresh_due(_nothing: int) -> None:
    try:
        live = _due.popleft()
        if qt.busy() or time.monotonic() - live.changed < CALM_SECONDS:
            return
        held = live.hold()
        if held:
            place = qt.focus()
            libobs.update_properties(held)
            libobs.source_release(held)
            if place is not None:
                qt.restore(place)
    except Exception:  # noqa: BLE001  No exception may reach ctypes, see `registration`.
        _log.exception("The status could not be refreshed.")


@libobs.ButtonClicked
def _refresh_clicked(_properties: int, _property: int, source: int) -> bool:
    libobs.update_properties(source)
    return False
