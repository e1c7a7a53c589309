"""A benchmark in the renderer's format, made in a second from the clip of the synthetic performer."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np

from deepfake_core.evaluation.parsers import LandmarkPolygons
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.synthetic import dataset
from deepfake_core.training.still_landmarks import StillLandmarks

SIZE = 256
UNITS = ("JawDrop",)


def clip(count: int) -> list[np.ndarray]:
    """Frames of the performer, uint8 (256, 256, 3) BGR."""
    with av.open(str(MODELS_DIR / "performer.mp4")) as container:
        frames = [
            frame.to_ndarray(format="bgr24") for frame, _ in zip(container.decode(video=0), range(count), strict=False)
        ]
    left = (frames[0].shape[1] - frames[0].shape[0]) // 2
    return [
        cv2.resize(frame[:, left : left + frame.shape[0]], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for frame in frames
    ]


def samples(frames: list[np.ndarray], views: tuple[dataset.View, ...], tone: int, seed: int) -> dataset.Arrays:
    """Arrays of a shard: the truths show the performer's own face in another colour."""
    n = len(frames)
    find, parse = StillLandmarks(), LandmarkPolygons()
    points = np.array([find(frame) for frame in frames])
    labels = np.array([parse(frame, frame[..., 0]) for frame in frames])
    face = np.where(labels > 0, 255, 0).astype(np.uint8)
    actor = np.array(frames)
    swapped = actor.copy()
    swapped[face > 0] = np.clip(swapped[face > 0] + np.array([30, 0, -30]), 0, 255)
    arrays: dataset.Arrays = {}
    for view in views:
        arrays[f"{view}_bgr"] = actor if view == "actor" else swapped if view != "plate" else np.zeros_like(actor)
        if view != "plate":
            for name in ("alpha", "head_matte", "hair_matte"):
                arrays[f"{view}_{name}"] = face
            arrays[f"{view}_labels"] = labels
            arrays[f"{view}_points"] = points.astype(np.float32)
            arrays[f"{view}_head"] = np.tile(np.eye(4, dtype=np.float32), (n, 1, 1))
    if "face_in_tone" in views:
        arrays["swap_matte"] = face
    for name in ("yaw", "pitch", "roll", "fov", "exposure"):
        arrays[name] = np.zeros(n, np.float32)
    arrays["time"] = (np.arange(n) / 30).astype(np.float32)
    arrays["sequence"] = np.full(n, seed, np.int32)
    arrays["frame"] = np.arange(n, dtype=np.int32)
    arrays["actor_seed"] = arrays["identity_seed"] = np.full(n, 2**40 + seed)
    arrays["monk_tone"] = np.full(n, tone, np.uint8)
    for name in ("sex", "light", "case"):
        arrays[name] = np.zeros(n, np.uint8)
    arrays["occluded"] = np.zeros(n, np.uint16)
    arrays["expression"] = np.zeros((n, len(UNITS)), np.float32)
    arrays["gaze"] = np.random.default_rng(seed).uniform(-15, 15, (n, 2)).astype(np.float32)
    return arrays


def write_benchmark(folder: Path, sequences: int = 2, frames: int = 4, stills: int = 3) -> Path:
    """Write a whole benchmark and return its folder."""
    pictures = clip(sequences * frames)
    views: tuple[dataset.View, ...] = ("actor", "identity", "face_in_tone", "plate")
    moving = dataset.Description(
        kind="sequences",
        identity="vesper",
        size=SIZE,
        seed=0,
        count=sequences,
        frames=frames,
        views=views,
        webcam=False,
        units=UNITS,
        lights=("even",),
        command="test",
    )
    dataset.start_dataset(folder / "sequences", moving)
    for k in range(sequences):
        part = pictures[k * frames : (k + 1) * frames]
        dataset.write_shard(folder / "sequences", k, samples(part, views, tone=1 + k, seed=k))
    changes = {"kind": "stills", "identity": "", "count": stills, "frames": 1, "views": ("actor",)}
    standing = moving.model_copy(update=changes)
    dataset.start_dataset(folder / "parsing", standing)
    dataset.write_shard(folder / "parsing", 0, samples(pictures[:stills], ("actor",), tone=3, seed=99))
    (folder / "benchmark.json").write_text(json.dumps({"version": "test"}))
    return folder
