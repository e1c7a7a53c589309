import json

from hypothesis import given
from hypothesis import strategies as st

from deepfake_core.settings import NoResult, Settings


def test_defaults_survive_a_round_trip() -> None:
    settings, warnings = Settings.parse(Settings().model_dump_json())
    assert settings == Settings()
    assert not warnings


def test_one_broken_value_costs_only_itself() -> None:
    text = json.dumps({"no_result": "pass_through", "smoothing": 0.25, "all_faces": True})
    settings, warnings = Settings.parse(text)
    assert settings.no_result is NoResult.BLUR
    assert settings.smoothing == 0.25
    assert settings.all_faces
    assert len(warnings) == 1
    assert "no_result" in warnings[0]


def test_unknown_settings_are_named() -> None:
    settings, warnings = Settings.parse('{"hide_label": true}')
    assert settings == Settings()
    assert "hide_label" in warnings[0]


def test_not_a_number_falls_back() -> None:
    settings, warnings = Settings.parse('{"matte_size": NaN, "matte_softness": 1e999}')
    assert settings == Settings()
    assert len(warnings) == 2


def test_deep_nesting_falls_back() -> None:
    settings, warnings = Settings.parse("[" * 60_000)
    assert settings == Settings()
    assert len(warnings) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)) | st.text(max_size=8), json_values))
def test_nonsense_never_raises_and_always_gives_valid_settings(values: dict[str, object]) -> None:
    settings, _ = Settings.parse(json.dumps(values))
    assert Settings.parse(settings.model_dump_json()) == (settings, [])


@given(st.text())
def test_any_text_gives_settings(text: str) -> None:
    settings, _ = Settings.parse(text)
    assert isinstance(settings, Settings)
