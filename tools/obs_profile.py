"""OBS's profile and scene collection "Deepfake": a camera with the filter. Standard library only.

Formats as OBS 29 to 32 read them: `basic/profiles/NAME/basic.ini`, `basic/scenes/NAME.json`, and `global.ini`
(from OBS 31 on also `user.ini`). What is the user's own stays as it is: only files named "Deepfake" are written,
and `global.ini` or `user.ini` only where OBS was never started.
"""

from __future__ import annotations

import configparser
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "Deepfake"
SOURCE = "Deepfake camera"
FILTER = "Deepfake"
FILTER_ID = "obs_deepfake_filter"
ARGUMENTS = ["--profile", NAME, "--collection", NAME, "--scene", NAME]
# The keys in which OBS remembers what was open last.
_OPEN_KEYS = ("Profile", "ProfileDir", "SceneCollection", "SceneCollectionFile")


class CollectionForeign(RuntimeError):
    """A scene collection named "Deepfake" exists that this project did not write, or that is broken."""


@dataclass(frozen=True)
class Picture:
    """Canvas of OBS: pixels and frames per second as a fraction."""

    width: int
    height: int
    rate: tuple[int, int] = (30, 1)

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height as OBS's encoders and virtual camera take them: multiples of 4 and 2."""
        return max(32, self.width // 4 * 4), max(32, self.height // 2 * 2)


@dataclass(frozen=True)
class Source:
    """An OBS source that plays the camera's part: libobs id and settings."""

    kind: str
    settings: dict[str, Any]
    picture: Picture


@dataclass(frozen=True)
class Setup:
    """All that a profile and scene collection are made from."""

    source: Source
    script: Path | None
    """The script that registers the filter; None for a collection that goes without (tests' baseline)."""
    filter_settings: dict[str, Any] = field(default_factory=dict)
    """Set in the filter; settings that are not named here keep the user's value."""
    recordings: Path | None = None
    """Folder of recordings; None leaves OBS's own choice."""
    with_filter: bool = True
    extra_scripts: tuple[Path, ...] = ()
    script_settings: dict[str, Any] = field(default_factory=dict)
    """Set in the product's script; what is not named here keeps the user's value."""


def camera(device: str, fourcc: str, width: int, height: int, interval: tuple[int, int]) -> Source:
    """A Video4Linux camera in one mode; interval: seconds per frame as a fraction."""
    settings = {
        "device_id": device,
        "input": 0,
        "pixelformat": int.from_bytes(fourcc.encode("ascii"), "little"),
        "resolution": width << 16 | height,
        "framerate": interval[0] << 16 | interval[1],
        "buffering": False,
    }
    return Source("v4l2_input", settings, Picture(width, height, (interval[1], interval[0])))


def video_file(path: Path, picture: Picture) -> Source:
    """A file that plays over and over in place of a camera."""
    settings = {
        "local_file": str(path),
        "is_local_file": True,
        "looping": True,
        "hw_decode": False,
        "restart_on_activate": False,
        "close_when_inactive": False,
        "clear_on_media_end": False,
    }
    return Source("ffmpeg_source", settings, picture)


def folder() -> Path:
    """Where OBS keeps its settings on Linux."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "obs-studio"


def write(obs_folder: Path, setup: Setup) -> list[Path]:
    """Writes profile and collection below `obs_folder`; returns the files that had to change (none: all was there).

    Raises CollectionForeign where a collection of this name holds something else.
    """
    wanted = {
        obs_folder / "basic" / "profiles" / NAME / "basic.ini": _profile,
        obs_folder / "basic" / "scenes" / f"{NAME}.json": _collection,
    }
    changed = []
    for path, make in wanted.items():
        before = path.read_text(encoding="utf-8-sig") if path.exists() else None
        after = make(before, setup)
        if after != before:
            _replace(path, after)
            changed.append(path)
    return changed


def write_first_run(
    obs_folder: Path, version: tuple[int, int, int] | None, extra: dict[str, dict[str, str]] | None = None
) -> list[Path]:
    """Where OBS was never started: settings that skip its first-run wizard. Returns what was written.

    version: of the OBS that will read them.
    extra: more sections and keys, for a folder that only an unattended run uses.
    """
    paths = [obs_folder / "global.ini", obs_folder / "user.ini"]
    if any(path.exists() for path in paths):
        return []
    if version is None or version < (31, 0, 0):  # OBS 31 moved most of global.ini into user.ini
        paths.pop()
    values = configparser.RawConfigParser()
    values.optionxform = str  # type: ignore[assignment,method-assign]
    values.read_dict({"General": {"FirstRun": "true"}})
    for section, keys in (extra or {}).items():
        if not values.has_section(section):
            values.add_section(section)
        for key, value in keys.items():
            values.set(section, key, value)
    for path in paths:
        _replace(path, _ini_text(values))
    return paths


def remembered(obs_folder: Path) -> dict[Path, dict[str, str]]:
    """What OBS would open next time, per settings file: to be handed to `remember` after a run of ours."""
    found = {}
    for path in (obs_folder / "global.ini", obs_folder / "user.ini"):
        if path.exists():
            values = _read_ini(path.read_text(encoding="utf-8-sig"))
            if values.has_section("Basic"):
                found[path] = {key: values["Basic"][key] for key in _OPEN_KEYS if key in values["Basic"]}
    return found


def remember(choices: dict[Path, dict[str, str]]) -> None:
    """Puts the user's own profile and collection back as the ones that OBS opens next time."""
    for path, keys in choices.items():
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        section = ""
        for number, line in enumerate(lines):
            if line.startswith("["):
                section = line.strip("[] ")
            key = line.split("=", 1)[0]
            if section == "Basic" and key in keys:
                lines[number] = f"{key}={keys[key]}"
        _replace(path, "\n".join(lines) + "\n")


def _profile(before: str | None, setup: Setup) -> str:
    width, height = setup.source.picture.canvas
    rate = setup.source.picture.rate
    wanted: dict[str, dict[str, Any]] = {
        "General": {"Name": NAME},
        "Video": {
            "BaseCX": width,
            "BaseCY": height,
            "OutputCX": width,
            "OutputCY": height,
            "FPSType": 2,
            "FPSNum": rate[0],
            "FPSDen": rate[1],
        },
    }
    if setup.recordings is not None:
        wanted["SimpleOutput"] = {
            "FilePath": setup.recordings,
            "RecFormat": "mkv",
            "RecFormat2": "mkv",
            "RecQuality": "Small",
            "RecEncoder": "x264",
        }
    values = _read_ini(before or "")
    for section, keys in wanted.items():
        if not values.has_section(section):
            values.add_section(section)
        for key, value in keys.items():
            values.set(section, key, str(value))
    same = before is not None and _sections(values) == _sections(_read_ini(before))
    return before if same and before is not None else _ini_text(values)


def _collection(before: str | None, setup: Setup) -> str:
    if before is None:
        collection = _empty_collection(setup.source)
        _apply(collection, setup)
        return json.dumps(collection, indent=1)
    try:
        collection = json.loads(before)
        _apply(collection, setup)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise CollectionForeign(
            f'OBS has a scene collection "{NAME}" that is not ours: rename it in OBS, then start again.'
        ) from error
    return before if collection == json.loads(before) else json.dumps(collection, indent=1)


def _apply(collection: dict[str, Any], setup: Setup) -> None:
    """Changes what `setup` names and leaves everything else, such as what the user set in OBS."""
    source = next(source for source in collection["sources"] if source["name"] == SOURCE)
    source["id"] = source["versioned_id"] = setup.source.kind
    source["settings"] = source.get("settings", {}) | setup.source.settings
    if setup.with_filter:
        _apply_filter(source, setup.filter_settings)
    ours = [path for path in (setup.script, *setup.extra_scripts) if path is not None]
    names = {path.name for path in ours}  # by name: the repository may have moved
    modules = collection.setdefault("modules", {})
    scripts = modules.get("scripts-tool", [])
    known = {script["path"]: script for script in scripts}
    mine = [known.get(str(path), {"path": str(path), "settings": {}}) for path in ours]
    for entry in mine[:1]:
        entry["settings"] = entry.get("settings", {}) | setup.script_settings
    modules["scripts-tool"] = mine + [script for script in scripts if Path(script["path"]).name not in names]


def _apply_filter(source: dict[str, Any], settings: dict[str, Any]) -> None:
    filters = source.setdefault("filters", [])
    ours = [entry for entry in filters if entry.get("id") == FILTER_ID]
    if not ours:
        ours = [_entry(FILTER_ID, FILTER, {})]
        filters += ours
    for entry in ours:
        entry["settings"] = entry.get("settings", {}) | settings


def _empty_collection(source: Source) -> dict[str, Any]:
    width, height = source.picture.canvas
    item = {
        "name": SOURCE,
        "id": 1,
        "visible": True,
        "locked": False,
        "rot": 0.0,
        "align": 5,
        "bounds_type": 2,  # scaled into the canvas: a camera that changes its mode still fills the picture
        "bounds_align": 0,
        "bounds": {"x": float(width), "y": float(height)},
        "pos": {"x": 0.0, "y": 0.0},
        "scale": {"x": 1.0, "y": 1.0},
        "scale_filter": "disable",
    }
    scene = _entry("scene", NAME, {"custom_size": False, "id_counter": 1, "items": [item]})
    return {
        "name": NAME,
        "current_scene": NAME,
        "current_program_scene": NAME,
        "scene_order": [{"name": NAME}],
        "sources": [_entry(source.kind, SOURCE, source.settings), scene],
        "groups": [],
        "transitions": [],
        "modules": {"scripts-tool": []},
    }


def _entry(kind: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A source, scene or filter as libobs saves it."""
    return {"id": kind, "versioned_id": kind, "name": name, "enabled": True, "settings": dict(settings)}


def _read_ini(text: str) -> configparser.RawConfigParser:
    values = configparser.RawConfigParser(strict=False, interpolation=None, delimiters=("=",))
    values.optionxform = str  # type: ignore[assignment,method-assign]
    values.read_string(text.lstrip("\ufeff"))
    return values


def _sections(values: configparser.RawConfigParser) -> dict[str, dict[str, str]]:
    return {section: dict(values[section]) for section in values.sections()}


def _ini_text(values: configparser.RawConfigParser) -> str:
    text = io.StringIO()
    values.write(text, space_around_delimiters=False)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Writes in one step, so that a crash leaves the old file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
