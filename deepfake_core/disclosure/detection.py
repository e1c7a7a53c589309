"""Finds the visible label in a picture that was encoded or scaled since it was drawn."""

import cv2
import numpy as np

from deepfake_core.disclosure.labels import LANGUAGES, label_picture

# Correlation with the drawn label. Labels scaled to 360 rows and encoded by H.264 at CRF 50 stay above 0.8; footage
# without one stays below 0.4.
_ALIKE = 0.7
# Least spread of brightness, as a part of the drawn label's: a ghost of a label is not readable.
_VISIBLE = 0.5
# By how much another language's label must fit better to be the one seen: many share letters, "IA MODIFICAT(O)".
_BETTER = 0.01
# How far scaling and rounding may have moved it, as a part of the picture's height.
_SLACK = 0.01


def is_labelled(bgr: np.ndarray, *, corner: str = "top_right", language: str = "en") -> bool:
    """Whether the uint8 (h, w, 3) picture shows this language's label in this corner.

    The picture may be scaled, not cropped or framed: the label is looked for where its size says it must be. Two
    languages with the same words are not told apart.
    """
    score, contrast = _fit(bgr, corner, language)
    if score < _ALIKE or contrast < _VISIBLE:
        return False
    others = {label.text: code for code, label in LANGUAGES.items() if label.text != LANGUAGES[language].text}
    return all(_fit(bgr, corner, other)[0] <= score + _BETTER for other in others.values())


def _fit(bgr: np.ndarray, corner: str, language: str) -> tuple[float, float]:
    """Correlation with the label (-1..1) where it fits best, and the contrast there relative to the label's."""
    height, width = bgr.shape[:2]
    box, label, _ = label_picture(width, height, corner, language)
    slack = max(2, round(_SLACK * height))
    place = bgr[max(box.y0 - slack, 0) : box.y1 + slack, max(box.x0 - slack, 0) : box.x1 + slack]
    seen = cv2.cvtColor(np.ascontiguousarray(place), cv2.COLOR_BGR2GRAY)
    drawn = cv2.cvtColor(label, cv2.COLOR_BGR2GRAY)
    _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(seen, drawn, cv2.TM_CCOEFF_NORMED))
    found = seen[y : y + drawn.shape[0], x : x + drawn.shape[1]]
    return score, float(found.std() / drawn.std())
