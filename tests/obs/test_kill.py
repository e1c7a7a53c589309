"""Nothing raw and nothing unmarked leaves, whatever breaks: judged on every frame of OBS's virtual camera.

Faults are injected from outside, by the harness's own script inside OBS: the product has no switch for them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from obs_footage import Judge, Verdict, numbered, person, stranger, to_and_fro, track, write_camera
from obs_harness import REPOSITORY, SCRIPT, Ended, Harness

pytestmark = pytest.mark.obs

SIZE = (640, 480)

BREAK_NETWORKS = """
import numpy, onnxruntime
healthy = onnxruntime.InferenceSession.run
def broken(self, *arguments, **options):
    return [numpy.full(output.shape, numpy.nan, numpy.float32) for output in healthy(self, *arguments, **options)]
onnxruntime.InferenceSession.run = broken
"""
MEND_NETWORKS = "onnxruntime.InferenceSession.run = healthy"

BREAK_PIPELINE = """
import time
from deepfake_core.pipeline import Pipeline
healthy = Pipeline.process
def broken(self, frame):
    {fault}
Pipeline.process = broken
"""
MEND_PIPELINE = "Pipeline.process = healthy"


def footage() -> list[np.ndarray]:
    return numbered(to_and_fro(person(*SIZE, 25)))


def run_with_fault(scratch: Path, fault: str, cure: str, seconds: float = 3) -> tuple[Ended, Verdict, list[np.ndarray]]:
    """OBS swaps, breaks for some seconds, is mended and swaps again; what left it meanwhile."""
    frames = footage()
    with Harness(scratch, camera=write_camera(scratch, "YUYV", frames), virtual_camera=True) as obs:
        obs.wait_for_swapped(20)
        obs.execute(fault)
        time.sleep(seconds)
        obs.execute(cure)
        obs.wait_for_swapped(20)
        ended = obs.close()
    output = list(obs.virtual_frames())
    return ended, Judge(frames).judge(output), output


def assert_clean(ended: Ended, verdict: Verdict) -> None:
    assert ended.exit_code == 0
    assert verdict.pictures >= 60
    assert verdict.raw == []
    assert verdict.unmarked == []


def test_a_network_that_returns_no_numbers(scratch: Path) -> None:
    ended, verdict, _ = run_with_fault(scratch, BREAK_NETWORKS, MEND_NETWORKS)
    assert_clean(ended, verdict)
    assert len(verdict.numbers) < verdict.pictures, "without a result the picture must be covered"


@pytest.mark.parametrize(
    "fault",
    ["raise RuntimeError('injected')", "raise SystemExit", "time.sleep(2.5); return healthy(self, frame)"],
    ids=["raises", "exits", "hangs"],
)
def test_a_worker_that_fails(scratch: Path, fault: str) -> None:
    ended, verdict, _ = run_with_fault(scratch, BREAK_PIPELINE.format(fault=fault), MEND_PIPELINE, 6)
    assert_clean(ended, verdict)
    assert len(verdict.numbers) < verdict.pictures, "without a result the picture must be covered"


def test_a_worker_thread_that_ends(scratch: Path) -> None:
    kill = """
import ctypes, threading
for thread in threading.enumerate():
    if thread.name.startswith("deepfake-") and thread.name != "deepfake-supervisor":
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
"""
    ended, verdict, _ = run_with_fault(scratch, kill, "pass")
    assert_clean(ended, verdict)


def copy_of_the_project(folder: Path, *, with_environment: bool = True) -> Path:
    """A project whose files a test may break; returns its script."""
    copy = folder / "project"
    copy.mkdir()
    shutil.copyfile(SCRIPT, copy / SCRIPT.name)
    for part in ("deepfake_core", "models"):
        shutil.copytree(REPOSITORY / part, copy / part)
    if with_environment:
        (copy / ".venv").symlink_to(REPOSITORY / ".venv")
    return copy / SCRIPT.name


def test_an_identity_deleted_while_live(scratch: Path) -> None:
    script = copy_of_the_project(scratch)
    frames = footage()
    camera = write_camera(scratch, "YUYV", frames)
    with Harness(scratch, camera=camera, virtual_camera=True, script=script) as obs:
        obs.wait_for_swapped(20)
        shutil.rmtree(script.parent / "models" / "identities")
        obs.wait(lambda: obs.statuses()[-1]["last_error"], "the report of the missing identity")
        time.sleep(2)
        ended = obs.close()
    output = list(obs.virtual_frames())
    verdict = Judge(frames).judge(output)
    assert_clean(ended, verdict)
    # From then on a slate: none of the camera's numbers is seen.
    assert Judge(frames).judge(output[-15:]).numbers == []


def test_a_project_without_its_environment(scratch: Path) -> None:
    script = copy_of_the_project(scratch, with_environment=False)
    frames = footage()
    with Harness(scratch, camera=write_camera(scratch, "YUYV", frames), virtual_camera=True, script=script) as obs:
        time.sleep(4)
        ended = obs.close()
    verdict = Judge(frames).judge(list(obs.virtual_frames()))
    assert ended.exit_code == 0
    assert "Number of memory leaks" in ended.log
    assert verdict.raw == []
    assert verdict.numbers == []
    assert "start.py" in ended.log, "the log must name the cure"


def test_a_face_that_leaves_and_comes_back(scratch: Path) -> None:
    away = [40 * step for step in range(1, 13)]
    shifts = [0] * 12 + away + [480] * 8 + away[::-1] + [0] * 6
    still = person(*SIZE, len(shifts))
    frames = numbered([shifted(frame, shift) for frame, shift in zip(still, shifts, strict=True)])
    with Harness(scratch, camera=write_camera(scratch, "YUYV", frames), virtual_camera=True) as obs:
        obs.wait_for_swapped(20)
        time.sleep(3 * len(frames) / 30)
        ended = obs.close()
    judge = Judge(frames)
    assert 20 <= judge.faces < len(frames)
    verdict = judge.judge(list(obs.virtual_frames()))
    assert_clean(ended, verdict)
    assert verdict.swapped >= 30


def shifted(frame: np.ndarray, pixels: int) -> np.ndarray:
    """The picture moved to the right, its left edge drawn out."""
    matrix = np.array([[1, 0, pixels], [0, 1, 0]], np.float32)
    return cv2.warpAffine(frame, matrix, (frame.shape[1], frame.shape[0]), borderMode=cv2.BORDER_REPLICATE)


def test_two_people_who_cross(scratch: Path) -> None:
    frames, faces = crossing(person(*SIZE, 40), stranger(*SIZE, 40))
    camera = write_camera(scratch, "NV12", frames, rate=15)
    with Harness(scratch, camera=camera, virtual_camera=True, settings={"all_faces": True}) as obs:
        obs.wait_for_swapped(10)
        time.sleep(2 * len(frames) / 15)
        ended = obs.close()
    verdict = Judge(frames, faces).judge(list(obs.virtual_frames()))
    assert_clean(ended, verdict)
    assert verdict.swapped >= 30


def crossing(
    behind: Sequence[np.ndarray], before: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Two heads that pass each other on a wall, and the landmarks of those that are in sight, for each frame."""
    width, height = 960, 540
    frames, faces = [], []
    for index, (one, other, marks, other_marks) in enumerate(
        zip(behind, before, track(behind), track(before), strict=True)
    ):
        share = index / (len(behind) - 1)
        scene: np.ndarray = np.full((height, width, 3), (168, 172, 170), np.uint8)
        places = []
        for picture, landmarks, x in ((one, marks[0], 200 + 560 * share), (other, other_marks[0], 760 - 560 * share)):
            shift = np.array([x, height / 2], np.float32) - landmarks.mean(axis=0)
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
            moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            oval = np.zeros((height, width), np.float32)
            radius = 0.75 * np.ptp(landmarks[:, 1])
            cv2.ellipse(oval, (int(x), height // 2), (int(0.8 * radius), int(radius)), 0, 0, 360, 1.0, -1)
            head = cv2.GaussianBlur(oval, (0, 0), 6)[..., None]
            scene = (moved * head + scene * (1 - head)).astype(np.uint8)
            places.append(landmarks + shift)
        gap = abs(places[0].mean(axis=0)[0] - places[1].mean(axis=0)[0])
        covered = gap < 0.8 * np.ptp(places[0][:, 0])
        frames.append(scene)
        faces.append(places[1:] if covered else places)
    return numbered(to_and_fro(frames)), to_and_fro(faces)  # type: ignore[arg-type, return-value]
