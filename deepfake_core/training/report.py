"""What a long training shows: a progress bar, a log, curves for TensorBoard, and a grid of pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame
from deepfake_core.training.configuration import Configuration

LOG = "log.jsonl"
CURVES = "tensorboard"
_EVERY = 50


class Report:
    """Progress of one run into its folder and onto the console."""

    def __init__(
        self,
        folder: Path,
        settings: Configuration,
        until: float,
        *,
        done: Callable[[int], float] = float,
        preview_seconds: float = 150.0,
        quiet: bool = False,
    ) -> None:
        """until: where the bar ends, in steps, or in whatever `done` makes of a step; quiet: show nothing."""
        self._folder = folder
        self._settings = settings
        self._console = Console(quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._done = done
        self._task = self._progress.add_task("training", total=until)
        self._preview_seconds = preview_seconds
        self._previewed = time.monotonic()
        self._sums: dict[str, list[float]] = {}
        self._rows = 0
        self._since = time.monotonic()
        self._writer = _summary_writer(folder / CURVES)

    @contextmanager
    def running(self, step: int) -> Iterator[None]:
        """While the training goes on."""
        self._since = time.monotonic()
        with self._progress:
            self._progress.update(self._task, completed=self._done(step))
            yield

    def step(self, step: int, rows: int, values: dict[str, float]) -> None:
        """After each step, with its losses."""
        self._rows += rows
        for name, value in values.items():
            self._sums.setdefault(name, []).append(value)
        if step % _EVERY:
            return
        rate = self._rows / max(time.monotonic() - self._since, 1e-6)
        means = {name: float(np.mean(found)) for name, found in self._sums.items()}
        self._sums, self._rows, self._since = {}, 0, time.monotonic()
        self._progress.update(
            self._task, completed=self._done(step), description=f"loss {means['total']:.4f}, {rate:.1f} images/s"
        )
        self._note(step, {"per_second": rate, **means})

    def judged(self, step: int, figure: float) -> None:
        """After a look at the held-out samples."""
        self._note(step, {"held_out": figure})

    def preview_due(self) -> bool:
        """Whether it is time for pictures again."""
        return time.monotonic() - self._previewed > self._preview_seconds

    def preview(self, step: int, batch: dict[str, np.ndarray], drawn: dict[str, Any]) -> None:
        """Write the grid of pictures: driver, template, output, truth, and the mattes drawn, a row for a sample.

        It shows fakes, so it is marked like every other picture of one.
        """
        self._previewed = time.monotonic()
        marked = Disclosure().mark(Frame.from_bgr(grid(batch, drawn)))
        data = cv2.imencode(".png", marked.frame.to_bgr())[1].tobytes()
        for name in ("preview.png", f"preview-{step:06d}.png"):
            temporary = self._folder / f".{name}"
            temporary.write_bytes(data)
            temporary.replace(self._folder / name)

    def _note(self, step: int, values: dict[str, float]) -> None:
        line = json.dumps({"step": step, **{name: round(value, 5) for name, value in values.items()}})
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True, highlight=False)
        if self._writer is not None:
            import tensorflow as tf

            # As tf.summary.scalar does, which would need TensorBoard itself to be installed.
            kind = tf.compat.v1.SummaryMetadata(
                plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
            )
            with self._writer.as_default():
                for name, value in values.items():
                    tf.summary.write(name, tf.constant(value, tf.float32), step, kind)
            self._writer.flush()


def grid(batch: dict[str, np.ndarray], drawn: dict[str, Any]) -> np.ndarray:
    """uint8 BGR: driver, template, output, truth, face matte and head matte in a row; two samples side by side."""
    outputs = {name: np.asarray(keras.ops.convert_to_numpy(x), np.float32) for name, x in drawn.items()}
    columns = [
        *(
            as_picture(x)
            for x in (batch["driver"], batch["template"][..., :3], outputs["reflectance"], batch["target"])
        ),
        *(_grey(outputs[name]) for name in ("face_matte", "head_matte")),
    ]
    rows = [np.hstack([column[k] for column in columns]) for k in range(len(columns[0]))]
    rows = rows[: len(rows) // 2 * 2]
    return np.hstack([np.vstack(rows[0::2]), np.vstack(rows[1::2])])


def as_picture(reflectance: np.ndarray) -> np.ndarray:
    """Centred reflectance float32 (..., 3), -1..1, as uint8 pictures of the same shape: plain skin is mid grey."""
    return np.clip((reflectance + 1.0) * 127.5, 0, 255).astype(np.uint8)


def _grey(matte: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(matte * 255.0, 0, 255).astype(np.uint8), 3, axis=-1)


def _summary_writer(folder: Path) -> Any:
    """A TensorBoard writer where TensorFlow is the back end; elsewhere the log has the same numbers."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.summary.create_file_writer(str(folder))
