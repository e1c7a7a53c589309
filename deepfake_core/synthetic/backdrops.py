"""What is seen behind a person at a computer: walls, shelves, pictures, doors, windows, out of focus."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH = 240, 320
Floats = npt.NDArray[np.float32]


def random_backdrop(g: np.random.Generator, bright_side: int | None = None) -> Floats:
    """Linear RGB (240, 320, 3), a white wall in full light being 1.

    bright_side: light falls from the left (-1) or the right (1); 0: the middle is a window; None: from anywhere.
    """
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    picture[:] = _wall_colour(g)
    if g.random() < 0.4:  # a corner of the room
        edge = int(g.uniform(0.1, 0.9) * WIDTH)
        picture[:, edge:] *= np.float32(g.uniform(0.6, 1.25))
    if g.random() < 0.25:  # a skirting, a lower wall or a sofa's back
        picture[int(g.uniform(0.55, 0.9) * HEIGHT) :] = _colour(g, 0.05, 0.6)
    things = (_shelves, _frames, _door, _window, _plant, _curtain, _screen)
    for thing in (
        things[k] for k in g.choice(len(things), int(g.choice(4, p=(0.25, 0.35, 0.25, 0.15))), replace=False)
    ):
        thing(g, picture)
    if bright_side == 0:
        _window(g, picture, brightness=float(g.uniform(1.5, 4)))
    _light_falls(g, picture, bright_side)
    if g.random() < 0.2:
        _lamp(g, picture)
    sigma = float(np.exp(g.uniform(np.log(0.7), np.log(9))))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _wall_colour(g: np.random.Generator) -> Floats:
    return _colour(g, 0.35, 0.85, 0.12) if g.random() < 0.65 else _colour(g, 0.03, 0.5, 0.5)


def _colour(g: np.random.Generator, low: float, high: float, chroma: float = 0.4) -> Floats:
    """Linear RGB of a given brightness; chroma: how far the channels may lie apart."""
    return (g.uniform(low, high) * (1 + g.uniform(-chroma, chroma, 3))).astype(np.float32)


def _rectangle(g: np.random.Generator, sides: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Left, top, width, height in px of a rectangle at least partly in the picture; sides: least and most width and
    height in shares of the picture's height."""
    width, height = (int(g.uniform(a, b) * HEIGHT) for a, b in (sides[:2], sides[2:]))
    return (
        int(g.uniform(-0.3 * width, WIDTH - 0.7 * width)),
        int(g.uniform(0, max(1, 0.7 * HEIGHT - height))),
        width,
        height,
    )


def _fill(picture: Floats, *box: float, colour: Floats | float) -> None:
    """Paint a box of left, top, width, height in px."""
    left, top, width, height = box
    x, y = max(0, int(left)), max(0, int(top))
    picture[y : max(y, int(top + height)), x : max(x, int(left + width))] = colour


def _shelves(g: np.random.Generator, picture: Floats) -> None:
    left, top, width, height = _rectangle(g, (0.5, 1.4, 0.5, 1.1))
    top = int(top - 0.2 * HEIGHT)
    wood = _colour(g, 0.05, 0.7, 0.25)
    _fill(picture, left, top, width, height, colour=wood * np.float32(0.35))
    row = int(g.uniform(0.16, 0.3) * HEIGHT)
    for y in range(top, top + height, row):
        x = left + 4.0
        while x < left + width - 8:
            thick, tall = g.uniform(3, 13), g.uniform(0.5, 0.88) * row
            if g.random() < 0.85:
                _fill(picture, x, y + row - tall, thick, tall, colour=_colour(g, 0.03, 0.6, 0.7))
            x += thick + (g.uniform(0, 12) if g.random() < 0.2 else 0.5)
        _fill(picture, left, y + row, width, 4, colour=wood)


def _frames(g: np.random.Generator, picture: Floats) -> None:
    for _ in range(g.integers(1, 4)):
        left, top, width, height = _rectangle(g, (0.15, 0.5, 0.2, 0.6))
        _fill(picture, left, top, width, height, colour=_colour(g, 0.02, 0.6, 0.2))
        rim = g.uniform(2, 7)
        inner = g.uniform(0, 0.8, (int(g.integers(2, 7)), int(g.integers(2, 7)), 3)).astype(np.float32)
        size = max(1, int(width - 2 * rim)), max(1, int(height - 2 * rim))
        style = cv2.INTER_CUBIC if g.random() < 0.6 else cv2.INTER_NEAREST
        painted = np.clip(cv2.resize(inner, size, interpolation=style), 0, 1)
        x, y = max(0, int(left + rim)), int(top + rim)
        room = picture[y : y + size[1], x : x + size[0]]
        room[:] = painted[: room.shape[0], : room.shape[1]]


def _door(g: np.random.Generator, picture: Floats) -> None:
    left, width = g.uniform(-0.1, 0.9) * WIDTH, g.uniform(0.35, 0.5) * HEIGHT
    colour = _colour(g, 0.08, 0.8, 0.15)
    top = g.uniform(-0.1, 0.25) * HEIGHT
    _fill(picture, left - 5, top - 5, width + 10, HEIGHT * 2, colour=colour * np.float32(0.7))
    _fill(picture, left, top, width, HEIGHT * 2, colour=colour)
    if g.random() < 0.4:  # ajar: dark behind
        _fill(
            picture,
            left,
            top,
            width * g.uniform(0.2, 0.9),
            HEIGHT * 2,
            colour=colour * np.float32(g.uniform(0.03, 0.3)),
        )


def _window(g: np.random.Generator, picture: Floats, brightness: float = 1.5) -> None:
    left, top, width, height = _rectangle(g, (0.4, 1.3, 0.5, 1.0))
    top -= int(0.1 * HEIGHT)
    frame = _colour(g, 0.2, 0.8, 0.05)
    _fill(picture, left - 5, top - 5, width + 10, height + 10, colour=frame)
    sky = np.float32(brightness) * _colour(g, 0.7, 1.2, 0.12)
    _fill(picture, left, top, width, height, colour=sky)
    _fill(
        picture, left, top + height * g.uniform(0.55, 0.95), width, height * 0.3, colour=sky * _colour(g, 0.1, 0.6, 0.3)
    )
    for share in np.linspace(0, 1, int(g.integers(2, 5)))[1:-1]:
        _fill(picture, left + width * share - 2, top, 4, height, colour=frame)
    if g.random() < 0.3:  # blinds
        for y in np.arange(top, top + height, g.uniform(6, 11)):
            _fill(picture, left, y, width, 3, colour=frame)


def _plant(g: np.random.Generator, picture: Floats) -> None:
    x, y = g.uniform(0, WIDTH), g.uniform(0.4, 0.9) * HEIGHT
    green = _colour(g, 0.02, 0.14, 0.2) * np.array([0.6, 1.3, 0.4], np.float32)
    for _ in range(g.integers(12, 40)):
        angle = g.uniform(np.pi, 2 * np.pi)
        reach = g.uniform(10, 60)
        end = int(x + reach * np.cos(angle)), int(y + reach * np.sin(angle))
        axes = int(g.uniform(6, 16)), int(g.uniform(2, 6))
        colour = (green * np.float32(g.uniform(0.4, 1.7))).tolist()
        cv2.ellipse(picture, end, axes, float(np.degrees(angle)), 0, 360, colour, -1)


def _curtain(g: np.random.Generator, picture: Floats) -> None:
    left, width = g.uniform(-0.2, 0.9) * WIDTH, int(g.uniform(0.2, 0.7) * HEIGHT)
    folds = 0.75 + 0.25 * np.sin(np.arange(width) * g.uniform(0.15, 0.6) + np.sin(np.arange(width) * 0.06) * 2)
    x = max(0, int(left))
    shown = folds[: max(0, min(width, WIDTH - x))].astype(np.float32)
    picture[:, x : x + len(shown)] = shown[None, :, None] * _colour(g, 0.1, 0.7, 0.3)


def _screen(g: np.random.Generator, picture: Floats) -> None:
    left, top, width, height = _rectangle(g, (0.4, 0.8, 0.25, 0.45))
    _fill(picture, left, top, width, height, colour=0.01)
    if g.random() < 0.5:
        _fill(picture, left + 3, top + 3, width - 6, height - 6, colour=_colour(g, 0.1, 1.5, 0.6))


def _light_falls(g: np.random.Generator, picture: Floats, bright_side: int | None) -> None:
    """Walls are never lit evenly."""
    across = float(bright_side or g.normal(0, 0.4)) * g.uniform(0.2, 0.6)
    down = g.normal(-0.1, 0.2)
    x, y = np.linspace(-1, 1, WIDTH)[None, :], np.linspace(-1, 1, HEIGHT)[:, None]
    noise = cv2.resize(g.normal(0, 0.06, (5, 7)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture *= np.exp(across * x + down * y + noise).astype(np.float32)[..., None]


def _lamp(g: np.random.Generator, picture: Floats) -> None:
    x, y = g.uniform(0, WIDTH), g.uniform(0, 0.6) * HEIGHT
    yy, xx = np.mgrid[:HEIGHT, :WIDTH]
    r2 = ((xx - x) ** 2 + (yy - y) ** 2) / g.uniform(6, 14) ** 2
    glow = 3 * np.exp(-r2) + 0.5 / (1 + r2 * 0.15)
    colour = np.array([1.3, 1.0, 0.6]) if g.random() < 0.7 else g.uniform(0.1, 1.4, 3)
    picture += (glow[..., None] * colour).astype(np.float32)
