"""An identity in use whose consent ends: nothing of it is shown any more, on a marked slate."""

import json
import shutil
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import packs
import pytest
from packs import KEYS, subject_record, write_list, write_pack

from deepfake_core import pipeline as pipeline_module
from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.frame import Frame
from deepfake_core.identities import library as library_module
from deepfake_core.identities import pack
from deepfake_core.identities.library import Library
from deepfake_core.identities.purposes import Purpose
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import NoResult, Settings
from tests.swapping.tiny_dfm import tiny_dfm

VESPER = MODELS_DIR / "identities" / "vesper"


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    with av.open(str(MODELS_DIR / "performer.mp4")) as source:
        return [frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(4), strict=False)]


@pytest.fixture
def consented(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with the shipped networks as if a person had consented to be shown by them."""
    files = {path.name: path.read_bytes() for path in VESPER.iterdir() if path.suffix != ".json"}
    encoder = json.loads((VESPER / pack.MANIFEST).read_text())["encoder_sha256"]
    write_pack(models, subject_record(), files=files, encoder_sha256=encoder)
    monkeypatch.setattr(pipeline_module, "CHECK_SECONDS", 0.0)
    return models


def run(pipeline: Pipeline, clip: list[np.ndarray]) -> list[np.ndarray]:
    return [pipeline.process(Frame.from_bgr(bgr.copy(), time.monotonic_ns())).frame.to_bgr().copy() for bgr in clip]


def live(models: Path, clip: list[np.ndarray], **settings: Any) -> Pipeline:
    pipeline = Pipeline(Settings(no_result=NoResult.HOLD, **settings), library=Library(models), threads=1)
    pipeline.load()
    run(pipeline, clip)
    assert pipeline.status().frames_swapped == len(clip)
    return pipeline


def shows_the_slate(pipeline: Pipeline, clip: list[np.ndarray]) -> bool:
    """Whether nothing of the camera or of the identity is seen, and the label is."""
    swapped = pipeline.status().frames_swapped
    outputs = run(pipeline, clip)
    assert pipeline.status().frames_swapped == swapped
    assert all(is_labelled(bgr) for bgr in outputs)
    # A slate owes nothing to the camera: two different pictures give the same, but for the watermark's few levels.
    difference = np.abs(outputs[0].astype(int) - run(pipeline, [np.full_like(clip[0], 60)])[0]).max()
    return bool(difference < 40)


def test_a_withdrawal_stops_it(consented: Path, clip: list[np.ndarray]) -> None:
    pipeline = live(consented, clip)
    path = consented / "identities/withdrawals-jane.json"
    write_list(path, KEYS.subject, "subject-0123456789ab")
    assert shows_the_slate(pipeline, clip)
    assert "withdrawn" in pipeline.status().last_error
    assert pipeline.status().identity == ""
    path.unlink()
    run(pipeline, clip)
    assert pipeline.status().frames_swapped > len(clip)


def test_the_end_of_the_consent_stops_it(
    consented: Path, clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = live(consented, clip)
    tomorrow = packs.TODAY + timedelta(days=366)
    monkeypatch.setattr(library_module, "date", type("Later", (date,), {"today": staticmethod(lambda: tomorrow)}))
    assert shows_the_slate(pipeline, clip)
    assert "ended" in pipeline.status().last_error


def test_a_lost_list_of_withdrawals_stops_it(consented: Path, clip: list[np.ndarray]) -> None:
    pipeline = live(consented, clip)
    (consented / "identities/withdrawals.json").unlink()
    assert shows_the_slate(pipeline, clip)


def test_another_purpose_stops_it(consented: Path, clip: list[np.ndarray]) -> None:
    pipeline = live(consented, clip)
    pipeline.configure(Settings(no_result=NoResult.HOLD, purpose=Purpose.FILM))
    assert shows_the_slate(pipeline, clip)
    assert "Film" in pipeline.status().last_error
    pipeline.configure(Settings(no_result=NoResult.HOLD, purpose=Purpose.STAGE))
    run(pipeline, clip)
    assert not pipeline.status().last_error


def test_a_refused_identity_is_never_shown_to_begin_with(consented: Path, clip: list[np.ndarray]) -> None:
    shutil.copy(VESPER / pack.CONSENT, consented / "identities" / packs.NAME / pack.CONSENT)
    pipeline = Pipeline(library=Library(consented), threads=1)
    pipeline.load()
    assert shows_the_slate(pipeline, clip)
    assert pipeline.status().frames_swapped == 0


def test_the_question_is_asked_at_least_once_a_minute() -> None:
    assert Pipeline.__module__ == pipeline_module.__name__
    assert pipeline_module.CHECK_SECONDS <= 60


def test_asking_costs_little(consented: Path) -> None:
    """It is asked every second on the worker's thread, between two frames."""
    opened = Library(consented)
    identity = opened.open()
    opened.check(identity)
    started = time.perf_counter()
    for _ in range(20):
        opened.check(identity)
    assert (time.perf_counter() - started) / 20 < 0.02


def test_an_imported_model_swaps_in_the_pipeline(models: Path, clip: list[np.ndarray]) -> None:
    portrait = cv2.imread(str(VESPER / "portrait.png"))
    assert portrait is not None
    decoder = tiny_dfm(cv2.resize(portrait, (96, 96)).astype(np.uint8), morph=True)
    files = {"decoder.onnx": decoder, "portrait.png": b"portrait"}
    crop = pack.Crop(alignment="dfl", extent=220)
    write_pack(models, subject_record(), files=files, networks="dfm", size=96, crop=crop)
    pipeline = live(models, clip)
    assert pipeline.status().identity == "Somebody"
    write_list(models / "identities/withdrawals-jane.json", KEYS.subject, "subject-0123456789ab")
    pipeline._next_check = 0.0
    assert shows_the_slate(pipeline, clip)
