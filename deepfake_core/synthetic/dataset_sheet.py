"""Contact sheet of a data set folder: what the networks see, and what they are to learn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.dataset import Arrays, Description, read_description, read_shard, shard_paths
from deepfake_core.synthetic.labels import PALETTE_BGR

POINT_COLOUR = (80, 255, 80)


def dataset_sheet(folder: Path, samples: int, *, partial: bool = False) -> npt.NDArray[np.uint8]:
    """BGR picture: a row for each of `samples` samples spread over the set; its views, then the actor's labels,
    head, hair and swap matte, and the 468 points."""
    description = read_description(folder)
    paths = shard_paths(folder, partial=partial)
    present = min(len(paths) * description.shard_samples, description.samples)
    places = np.linspace(0, present - 1, min(samples, present)).astype(int)
    rows: list[npt.NDArray[np.uint8]] = []
    opened: tuple[int, Arrays] | None = None
    for shard, sample in (divmod(int(place), description.shard_samples) for place in places):
        if opened is None or opened[0] != shard:
            opened = shard, read_shard(paths[shard], description)
        arrays = opened[1]
        rows.append(_row(arrays, sample, description))
    return np.vstack(rows)


def _row(arrays: Arrays, i: int, description: Description) -> npt.NDArray[np.uint8]:
    tiles = [arrays[f"{view}_bgr"][i] for view in description.views]
    tiles.append(PALETTE_BGR[arrays["actor_labels"][i]])
    mattes = [arrays[f"actor_{name}"][i] for name in ("head_matte", "hair_matte")]
    if "swap_matte" in arrays:
        mattes.append(arrays["swap_matte"][i])
    tiles += [cv2.cvtColor(matte, cv2.COLOR_GRAY2BGR).astype(np.uint8) for matte in mattes]
    dotted = arrays["actor_bgr"][i].copy()
    for x, y, _ in arrays["actor_points"][i]:
        cv2.circle(dotted, (round(float(x)), round(float(y))), 0, POINT_COLOUR, -1)
    tiles.append(dotted)
    first = tiles[0].copy()
    case = description.cases[arrays["case"][i]]
    text = f"{arrays['actor_seed'][i]} tone {arrays['monk_tone'][i]} {case}"
    cv2.putText(first, text, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255, 255, 255), 1, cv2.LINE_AA)
    return np.hstack([first, *tiles[1:]])
