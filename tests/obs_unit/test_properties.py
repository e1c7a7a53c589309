"""What the properties dialog is made of, read back from libobs."""

import ctypes as C
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deepfake_core.identities.library import Library, Summary
from deepfake_core.settings import Settings

SUMMARIES = [
    Summary("broken", "broken", "The identity is broken.", usable=False),
    Summary("vesper", "Vesper <b>", "Nobody", usable=True),
]
SOURCE = 4711


def libobs_function(result: Any, name: str, *arguments: Any) -> Any:
    function = C.CDLL(None)[name]
    function.restype, function.argtypes = result, arguments
    return function


class Source:
    """Stands in for a filter's obs_source_t: only its settings are asked for."""

    def __init__(self, settings: dict[str, Any]) -> None:
        create = libobs_function(C.c_void_p, "obs_data_create_from_json", C.c_char_p)
        self.data = create(json.dumps(settings).encode())
        self.add_reference = libobs_function(None, "obs_data_addref", C.c_void_p)

    def get_settings(self, _source: int) -> Any:
        self.add_reference(self.data)
        return self.data


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from deepfake_core.obs import libobs, properties

    made = []

    def build(settings: dict[str, Any], status: str = "All is well.") -> tuple[int, Source]:
        source = Source(settings)
        monkeypatch.setattr(libobs, "get_settings", source.get_settings)
        monkeypatch.setattr(Library, "summaries", lambda _self, _purpose: list(SUMMARIES))
        made.append(properties.build(SOURCE, status))
        return made[-1], source

    yield build
    for one in made:
        libobs.properties_destroy(one)
    assert not properties.is_open(SOURCE), "a destroyed dialog counts as open"


def prop(properties: int, name: str) -> Any:
    found = libobs_function(C.c_void_p, "obs_properties_get", C.c_void_p, C.c_char_p)(properties, name.encode())
    assert found, f"there is no {name}"
    return found


def choices(properties: int, name: str) -> dict[str, tuple[str, bool]]:
    """The list's values, what is shown for each, and whether it can be chosen."""
    entry = prop(properties, name)
    count = libobs_function(C.c_size_t, "obs_property_list_item_count", C.c_void_p)(entry)
    arguments = (C.c_void_p, C.c_size_t)
    value = libobs_function(C.c_char_p, "obs_property_list_item_string", *arguments)
    shown = libobs_function(C.c_char_p, "obs_property_list_item_name", *arguments)
    disabled = libobs_function(C.c_bool, "obs_property_list_item_disabled", *arguments)
    return {value(entry, i).decode(): (shown(entry, i).decode(), not disabled(entry, i)) for i in range(count)}


def test_every_setting_can_be_set(built: Any) -> None:
    properties, _ = built({})
    for name in Settings.model_fields:
        prop(properties, name)


def test_the_defaults_are_those_of_the_settings() -> None:
    from deepfake_core.obs import libobs, properties

    data = libobs.data_create()
    properties.defaults(data)
    with_defaults = libobs_function(C.c_char_p, "obs_data_get_json", C.c_void_p)
    for name, default in Settings().model_dump(mode="json").items():
        if isinstance(default, bool):
            assert (
                libobs_function(C.c_bool, "obs_data_get_bool", C.c_void_p, C.c_char_p)(data, name.encode()) is default
            )
        elif isinstance(default, float):
            read = libobs_function(C.c_double, "obs_data_get_double", C.c_void_p, C.c_char_p)
            assert read(data, name.encode()) == default
        else:
            read = libobs_function(C.c_char_p, "obs_data_get_string", C.c_void_p, C.c_char_p)
            assert read(data, name.encode()).decode() == default
    settings, warnings = Settings.parse(with_defaults(data).decode())
    assert settings == Settings()
    assert warnings == []
    libobs.data_release(data)


def test_sliders_have_the_limits_of_the_settings(built: Any) -> None:
    properties, _ = built({})
    low = libobs_function(C.c_double, "obs_property_float_min", C.c_void_p)
    high = libobs_function(C.c_double, "obs_property_float_max", C.c_void_p)
    limits = {name: (low(prop(properties, name)), high(prop(properties, name))) for name in ("smoothing", "matte_size")}
    assert limits == {"smoothing": (0, 1), "matte_size": (0.8, 1.2)}


@pytest.mark.parametrize("name", ["no_result", "purpose", "quality", "label_corner", "label_language"])
def test_every_choice_is_a_valid_setting_and_the_default_is_among_them(built: Any, name: str) -> None:
    properties, _ = built({})
    values = choices(properties, name)
    assert getattr(Settings(), name) in values
    for value, (shown, usable) in values.items():
        settings, warnings = Settings.parse(json.dumps({name: value}))
        assert (getattr(settings, name), warnings) == (value, [])
        assert shown
        assert usable


def test_the_identities_say_who_consented_and_the_refused_ones_why(built: Any) -> None:
    properties, _ = built({"identity": "vesper"})
    assert choices(properties, "identity") == {
        "": ("Automatic: Vesper ‹b>", True),
        "broken": ("broken - The identity is broken.", False),
        "vesper": ("Vesper ‹b> - Nobody", True),
    }


def test_an_identity_that_is_gone_stays_chosen(built: Any) -> None:
    properties, source = built({"identity": "gone"})
    assert choices(properties, "identity")["gone"] == ("gone - not installed", False)
    from deepfake_core.obs import libobs

    assert json.loads(libobs.json(source.data)) == {"identity": "gone"}


def test_broken_values_are_shown_as_the_defaults_that_are_used(built: Any) -> None:
    from deepfake_core.obs import libobs

    broken = {
        "smoothing": 7,
        "no_result": "explode",
        "matte_size": "big",
        "matte_softness": 0.1,
        "of_a_later_version": 1,
    }
    _, source = built(broken)
    assert json.loads(libobs.json(source.data)) == {"matte_softness": 0.1, "of_a_later_version": 1}
    read = libobs_function(C.c_double, "obs_data_get_double", C.c_void_p, C.c_char_p)
    assert read(source.data, b"matte_size") == Settings().matte_size


def test_a_status_is_no_html(built: Any) -> None:
    properties, _ = built({}, status="<img src='x'> 1\n2")
    text = libobs_function(C.c_char_p, "obs_property_description", C.c_void_p)(prop(properties, "status")).decode()
    assert text == "‹img src='x'> 1\n2"


def test_a_dialog_that_is_rebuilt_reads_the_library_once(built: Any) -> None:
    built({})
    first = list(SUMMARIES)
    SUMMARIES.append(Summary("new", "New", "Nobody", usable=True))
    try:
        properties, _ = built({})
        assert "new" not in choices(properties, "identity")
    finally:
        SUMMARIES[:] = first


def test_a_failed_build_leaves_nothing_open(built: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake_core.obs import libobs, properties

    def fail(*_arguments: Any) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr(libobs, "add_text", fail)
    with pytest.raises(RuntimeError, match="injected"):
        built({})
    assert not properties.is_open(SOURCE)
