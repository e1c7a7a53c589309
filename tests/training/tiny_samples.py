"""Small sample folders to train on in tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deepfake_core.training.sample_format import CHANNELS, SAMPLE_SIZE


def write_shard(
    folder: Path, name: str, identity: int, count: int = 6, *, seed: int = 0, sequence: bool = False
) -> Path:
    """Smooth random pictures and full masks: something that a few steps can learn. Returns the shard's folder."""
    generator = np.random.default_rng(seed)
    made = folder / name
    made.mkdir(parents=True)
    for array, channels in CHANNELS.items():
        full = np.full((count, SAMPLE_SIZE, SAMPLE_SIZE), 255, np.uint8)
        if channels == 3:
            np.save(made / f"{array}.npy", np.stack([picture(generator) for _ in range(count)]))
        else:
            np.save(made / f"{array}.npy", full * (array not in ("openings", "target_emphasis")))
    numbers = np.arange(count, dtype=np.int64)
    np.savez(
        made / "meta.npz",
        allow_pickle=False,
        identity_index=np.full(count, identity, np.int64),
        actor_seed=numbers + 100 * seed,
        sequence=np.full(count, 0 if sequence else -1, np.int32),
        frame=numbers.astype(np.int32) * sequence,
    )
    return made


def picture(generator: np.random.Generator) -> np.ndarray:
    """Smooth uint8 (208, 208, 3)."""
    small = generator.integers(60, 200, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_LINEAR)
