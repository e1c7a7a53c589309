import unicodedata

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.disclosure import labels
from deepfake_core.disclosure.labels import CORNERS, LANGUAGES, label_band, label_box, label_picture
from deepfake_core.disclosure.mark import Disclosure, MarkedFrame
from deepfake_core.disclosure.watermark import Watermark
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.inference.errors import ModelMissing
from deepfake_core.inference.manifest import Manifest

LANGUAGE_CODES = sorted(LANGUAGES)
SIZES = [
    (160, 120),
    (320, 240),
    (640, 360),
    (640, 480),
    (1280, 720),
    (1920, 1080),
    (4096, 2160),
    (720, 1280),
    (1080, 1920),
]


def noise(pixel_format: PixelFormat, width: int, height: int) -> Frame:
    frame = Frame.allocate(pixel_format, width, height)
    rng = np.random.default_rng(0)
    for plane in frame.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    return frame


def luminance(grey: np.ndarray) -> np.ndarray:
    """WCAG 2's relative luminance of sRGB greys 0..255."""
    value = grey / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def test_every_official_language_has_its_words() -> None:
    assert " ".join(LANGUAGE_CODES) == "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv"
    for label in LANGUAGES.values():
        assert label.text == f"{label.mark} {label.word}"
        assert label.text.isupper()
        assert len(label.mark) == 2
        assert unicodedata.is_normalized("NFC", label.text)
    assert LANGUAGES["en"].text == "AI MODIFIED"
    assert all("GREEK" in unicodedata.name(letter) for letter in LANGUAGES["el"].text if letter != " ")
    assert all("CYRILLIC" in unicodedata.name(letter) for letter in LANGUAGES["bg"].text if letter != " ")


@pytest.mark.parametrize("language", LANGUAGE_CODES)
def test_every_language_is_drawn_in_its_own_letters(language: str) -> None:
    """Count the letters' separate parts: a missing glyph (a box or a question mark) changes their number."""
    plate = labels._plate(language)
    word = plate[:, white_block_end(plate) :]
    count, _, stats, _ = cv2.connectedComponentsWithStats((word > 127).astype(np.uint8))
    parts = [index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] > 20]
    decomposed = unicodedata.normalize("NFD", LANGUAGES[language].word)
    dots = decomposed.count("\N{COMBINING DIAERESIS}")
    # K and A may touch.
    assert len(decomposed) + dots - len(parts) in (0, LANGUAGES[language].word.count("KA"))


def white_block_end(plate: np.ndarray) -> int:
    """The column after the white block behind the abbreviation."""
    row = plate[round(0.1 * plate.shape[0])] > 127
    start = int(np.argmax(row))
    return start + int(np.argmin(row[start:]))


@pytest.mark.parametrize("language", LANGUAGE_CODES)
def test_the_abbreviation_is_the_main_element(language: str) -> None:
    plate = labels._plate(language)
    end = white_block_end(plate)
    block, word = plate[:, :end], plate[:, end:]
    assert block.mean() > word.mean() + 20, "it stands out against the rest: black on white"
    letters = np.flatnonzero((block[:, round(0.1 * end) : round(0.93 * end)] < 127).any(1))
    inner = letters[(letters > 0.1 * plate.shape[0]) & (letters < 0.9 * plate.shape[0])]
    assert np.ptp(inner) >= 0.55 * plate.shape[0], "capitals fill the plate"


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("corner", CORNERS)
def test_size_and_place(width: int, height: int, corner: str) -> None:
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    band = label_band(width, height)
    for language in LANGUAGE_CODES:
        box = label_box(width, height, corner, language)
        assert box.height >= 0.05 * height
        assert left <= box.x0 < box.x1 <= left + side, "it leaves the middle square"
        assert top <= box.y0 < box.y1 <= top + side, "it leaves the middle square"
        assert (box.y0 + box.y1 < height) == corner.startswith("top")
        assert box.y1 <= top + band or box.y0 >= top + side - band
        if box.width < 0.8 * side:
            assert (box.x0 + box.x1 < width) == corner.endswith("left")


@settings(max_examples=200, deadline=None)
@given(st.integers(16, 4096), st.integers(16, 4096), st.sampled_from(CORNERS), st.sampled_from(LANGUAGE_CODES))
def test_any_size_has_a_label_inside_its_middle_square(width: int, height: int, corner: str, language: str) -> None:
    box = label_box(width, height, corner, language)
    side = min(width, height)
    assert box.width >= 2
    assert box.height >= 2
    # A pixel of rounding, where the middle of the picture lies between two.
    assert (width - side) // 2 - 1 <= box.x0 < box.x1 <= (width + side + 1) // 2 + 1
    assert (height - side) // 2 - 1 <= box.y0 < box.y1 <= (height + side + 1) // 2 + 1
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
@pytest.mark.parametrize(("width", "height"), [(321, 181), (160, 120), (180, 320)])
def test_the_label_is_opaque_and_all_else_gets_the_watermark_alone(
    pixel_format: PixelFormat, width: int, height: int
) -> None:
    frame, alone = noise(pixel_format, width, height), noise(pixel_format, width, height)
    marked = Disclosure().mark(frame)
    Watermark().add(alone)
    assert marked.frame is frame
    box, label, _ = label_picture(width, height, "top_right", "en")
    shown, expected = frame.to_bgr().astype(int), alone.to_bgr()
    # Chroma of a neighbour may stay in a site only where the box cuts one; its sides are even.
    assert np.abs(shown[box.y0 : box.y1, box.x0 : box.x1] - label).max() <= 14
    outside = np.ones((height, width), bool)
    outside[box.y0 : box.y1, box.x0 : box.x1] = False
    # The label changes the picture's texture, by which the watermark's strength goes.
    assert np.abs(shown - expected)[outside].max() <= 6


def hostile_backgrounds() -> dict[str, np.ndarray]:
    """uint8 (720, 1280, 3): what could hide a label."""
    rng = np.random.default_rng(0)
    plain = np.zeros((720, 1280, 3), np.uint8)
    x = np.arange(1280)
    words = np.full_like(plain, 255)
    for row in range(0, 760, 26):
        cv2.putText(words, "AI MODIFIED AI MODIFIED " * 6, (-row, row), cv2.FONT_HERSHEY_DUPLEX, 1, (0, 0, 0), 2)
    return {
        "black": plain,
        "white": plain + 255,
        "grey": plain + 119,
        "noise": rng.integers(0, 256, plain.shape, np.uint8),
        "black and white noise": rng.choice(np.array([0, 255], np.uint8), (720, 1280, 1)).repeat(3, 2),
        "stripes as wide as a letter's stroke": (plain + ((x // 6 % 2) * 255)[None, :, None]).astype(np.uint8),
        "chequers": (plain + ((np.add.outer(np.arange(720) // 9, x // 9) % 2) * 255)[..., None]).astype(np.uint8),
        "the same words": words,
        **{f"colour {seed}": plain + np.random.default_rng(seed).integers(0, 256, 3, np.uint8) for seed in range(6)},
    }


def contrast(shown: np.ndarray, language: str) -> float:
    """WCAG contrast of the label's light parts against its dark ones: of letters against their ground.

    `shown`: uint8 (360, 640, 3). Letters' edges, which scaling mixes with their ground, are left out.
    """
    x0, y0, x1, y1 = (value // 2 for value in label_box(1280, 720, "top_right", language))
    drawn = cv2.resize(
        label_picture(1280, 720, "top_right", language)[1], (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA
    )
    seen = shown[y0:y1, x0:x1, 0]
    light, dark = (seen[mask] for mask in (drawn[..., 0] > 230, drawn[..., 0] < 25))
    # Hardly any pixel of a letter may come near its ground.
    bright, black = luminance(np.array([np.percentile(light, 5), np.percentile(dark, 95)]))
    return float((bright + 0.05) / (black + 0.05))


@pytest.mark.parametrize("language", ["en", "el", "bg"])
def test_wcag_contrast_holds_on_any_background(language: str) -> None:
    for name, background in hostile_backgrounds().items():
        frame = Frame.from_bgr(background.copy())
        Disclosure(language=language).mark(frame)
        small = cv2.resize(frame.to_bgr(), (640, 360), interpolation=cv2.INTER_AREA)
        assert contrast(small, language) >= 4.5, name
        # As a call shows it: coarsely quantised.
        packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
        assert contrast(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)), language) >= 4.5, f"{name}, coarse"


@pytest.mark.parametrize("background", [0, 60, 128, 255])
@pytest.mark.parametrize("language", ["en", "el", "bg"])
def test_contrast_at_360_rows_on_any_background(background: int, language: str) -> None:
    frame = Frame.from_bgr(np.full((720, 1280, 3), background, np.uint8))
    Disclosure(language=language).mark(frame)
    small = cv2.resize(frame.to_bgr(), (640, 360), interpolation=cv2.INTER_AREA)
    x0, y0, x1, y1 = (value // 2 for value in label_box(1280, 720, "top_right", language))
    plate = small[y0:y1, x0:x1, 0]
    dark, bright = luminance(np.percentile(plate, [10, 90]))
    assert (bright + 0.05) / (dark + 0.05) >= 4.5
    rim = np.concatenate([plate[0], plate[-1], plate[:, -1]])
    assert rim.max() < 40, "a dark rim parts the white block from a white background"


@pytest.mark.parametrize(("corner", "language"), [("nowhere", "xx"), ("", ""), ("TOP_LEFT", "EN")])
def test_an_unknown_choice_still_gives_a_label(corner: str, language: str) -> None:
    chosen, default = noise(PixelFormat.BGR3, 640, 360), noise(PixelFormat.BGR3, 640, 360)
    Disclosure(corner, language).mark(chosen)
    Disclosure().mark(default)
    assert np.array_equal(chosen.to_bgr(), default.to_bgr())


def test_a_missing_plate_is_drawn_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Manifest, name: str) -> bytes:
        raise ModelMissing(f"The model {name} is missing.")

    labels._plate.cache_clear()
    labels.label_picture.cache_clear()
    monkeypatch.setattr(Manifest, "read", missing)
    try:
        frame, before = noise(PixelFormat.BGR3, 640, 360), noise(PixelFormat.BGR3, 640, 360)
        Disclosure(language="de").mark(frame)
        box = label_box(640, 360, "top_right", "de")
    finally:
        labels._plate.cache_clear()
        labels.label_picture.cache_clear()
    plate = frame.to_bgr()[box.y0 : box.y1, box.x0 : box.x1, 0]
    assert box.height >= 0.05 * 360
    assert 0.1 < (plate > 200).mean() < 0.6
    assert (plate < 50).mean() > 0.3
    assert (frame.to_bgr() != before.to_bgr()).any()


def test_only_the_mark_makes_marked_frames() -> None:
    frame = Frame.allocate(PixelFormat.I420, 64, 64)
    with pytest.raises(TypeError, match=r"Disclosure\.mark"):
        MarkedFrame(frame)
    with pytest.raises(TypeError, match=r"Disclosure\.mark"):
        MarkedFrame(frame, object())
    with pytest.raises(TypeError, match="no subclasses"):
        type("Unmarked", (MarkedFrame,), {})
    marked = Disclosure().mark(frame)
    with pytest.raises(AttributeError):
        marked.frame = Frame.allocate(PixelFormat.I420, 64, 64)  # type: ignore[misc]
