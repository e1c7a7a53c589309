from typing import Any

import doctor
import obs_install
import pytest

HEALTHY: dict[str, Any] = {
    "models": [["a.onnx", ""], ["b.onnx", ""]],
    "identities": [["vesper", True, "Vesper depicts nobody."]],
    "provider": "cpu",
    "picture": "",
    "milliseconds": 12.3,
}


def test_a_healthy_report_has_no_cure() -> None:
    lines = list(doctor.report(HEALTHY))
    assert all(line.well for line in lines)
    text = "\n".join(map(str, lines))
    assert "2 files" in text
    assert "cpu (the one that really runs)" in text
    assert "12 ms" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": [["a.onnx", "The model a.onnx is not the one the manifest lists."]]}, "git checkout"),
        ({"identities": []}, "none in"),
        ({"identities": [["vesper", False, "The consent has ended."]]}, "The consent has ended."),
        ({"picture": "a frame came out without its label"}, "without its label"),
    ],
)
def test_each_fault_is_required_and_names_its_cure(change: dict[str, Any], words: str) -> None:
    lines = list(doctor.report(HEALTHY | change))
    assert any(line.required and line.cure for line in lines)
    assert words in "\n".join(map(str, lines))


def test_an_obs_with_an_unsupported_python_is_required_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_install, "program", lambda: "/usr/bin/obs")
    monkeypatch.setattr(obs_install, "version", lambda: (32, 0, 0))
    monkeypatch.setattr(obs_install, "embedded_python", lambda: "3.13")
    wrong = [line for line in doctor.obs() if line.cure]
    assert [(line.found, line.required) for line in wrong] == [("3.13", True)]


def test_without_obs_the_doctor_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(obs_install, "program", lambda: None)
    monkeypatch.setattr(doctor, "self_test", lambda: iter(()))
    monkeypatch.setattr(doctor, "environments", lambda: iter(()))
    assert doctor.main() == 1
    assert "MISSING  OBS: not installed; run: python3 tools/start.py" in capsys.readouterr().out
