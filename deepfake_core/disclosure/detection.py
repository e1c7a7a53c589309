"""Finds the visible label in a picture that was encoded or scaled since it was drawn."""

import cv2
import numpy as np

from deepfake_core.disclosure.labels import label_picture

# Correlation with the drawn label. Heavily compressed labels at 360p stay above 0.9; footage, blurred pictures
# and slates without one stay below 0.4.
_ALIKE = 0.7
# Least spread of brightness, as a part of the drawn label's: a ghost of a label is not readable.
_VISIBLE = 0.5
# How far scaling and rounding may have moved it, as a part of the picture's height.
_SLACK = 0.01


def is_labelled(bgr: np.ndarray, *, corner: str = "top_right", language: str = "en") -> bool:
    """Whether the uint8 (h, w, 3) picture shows this label in this corner.

    The picture may be scaled, not cropped or framed: the label is looked for where its size says it must be.
    """
    height, width = bgr.shape[:2]
    box, label, _ = label_picture(width, height, corner, language)
    slack = max(2, round(_SLACK * height))
    place = bgr[max(box.y0 - slack, 0) : box.y1 + slack, max(box.x0 - slack, 0) : box.x1 + slack]
    seen = cv2.cvtColor(np.ascontiguousarray(place), cv2.COLOR_BGR2GRAY)
    drawn = cv2.cvtColor(label, cv2.COLOR_BGR2GRAY)
    scores = cv2.matchTemplate(seen, drawn, cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    found = seen[y : y + drawn.shape[0], x : x + drawn.shape[1]]
    return bool(score >= _ALIKE and found.std() >= _VISIBLE * drawn.std())
