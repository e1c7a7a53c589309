"""The tracker on the rendered performer: following, losing, finding, telling faces apart."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deepfake_core.facemesh.tracking import Face, FaceTracker
from deepfake_core.frame import Frame, PixelFormat

PERFORMER = Path(__file__).resolve().parents[2] / "models/performer.mp4"
STEP_NS = 33_333_333
EMPTY = np.full((480, 640, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    with av.open(str(PERFORMER)) as source:
        return [frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(60), strict=False)]


def track(tracker: FaceTracker, frames: list[np.ndarray], first: int = 0) -> list[list[Face]]:
    return [tracker.update(Frame.from_bgr(bgr.copy()), (first + i) * STEP_NS) for i, bgr in enumerate(frames)]


def centre(face: Face) -> np.ndarray:
    return face.landmarks[:, :2].mean(axis=0)


def head(bgr: np.ndarray, tint: tuple[float, float, float]) -> np.ndarray:
    """The performer's head, half size, recoloured."""
    cut = cv2.resize(bgr[60:440, 170:490], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.clip(cut * np.array(tint), 0, 255).astype(np.uint8)


def test_one_face_keeps_its_id_and_is_where_it_was_rendered(clip: list[np.ndarray]) -> None:
    found = track(FaceTracker(threads=1), clip)
    assert all(len(faces) == 1 for faces in found)
    assert len({faces[0].track_id for faces in found}) == 1
    assert [faces[0].age_frames for faces in found] == list(range(1, len(clip) + 1))
    x0, y0, x1, y1 = found[0][0].box
    assert 220 < x0 < x1 < 440
    assert 100 < y0 < y1 < 400


def test_smoothing_takes_out_camera_noise(clip: list[np.ndarray]) -> None:
    generator = np.random.default_rng(0)
    still = [np.clip(clip[0] + generator.normal(0, 12, clip[0].shape), 0, 255).astype(np.uint8) for _ in range(25)]
    found = [faces[0] for faces in track(FaceTracker(threads=1, smoothing=0.7), still)][5:]
    jitter = [np.abs(np.diff([getattr(face, name) for face in found], axis=0)).mean() for name in ("raw", "landmarks")]
    assert jitter[1] < 0.5 * jitter[0]


def test_a_face_that_leaves_is_gone_and_found_again_with_its_id(clip: list[np.ndarray]) -> None:
    tracker = FaceTracker(threads=1)
    before = track(tracker, clip[:5])[-1][0]
    assert track(tracker, [EMPTY] * 10, 5) == [[]] * 10
    back = track(tracker, clip[15:18], 15)
    assert len(back[0]) == 1
    assert back[0][0].track_id == before.track_id


def test_long_gone_is_forgotten(clip: list[np.ndarray]) -> None:
    tracker = FaceTracker(threads=1)
    before = track(tracker, clip[:3])[-1][0]
    track(tracker, [EMPTY] * 40, 3)
    assert track(tracker, clip[:2], 50)[-1][0].track_id != before.track_id


def test_a_jump_is_followed_in_the_same_frame(clip: list[np.ndarray]) -> None:
    tracker = FaceTracker(threads=1)
    track(tracker, clip[:3])
    jumped = np.roll(clip[3], 180, axis=1)
    (face,) = track(tracker, [jumped], 3)[0]
    straight = track(FaceTracker(threads=1), [jumped])[0][0]
    assert np.abs(face.raw - straight.raw)[:, :2].mean() < 3


def test_two_faces_that_cross_keep_their_ids(clip: list[np.ndarray]) -> None:
    near, far = (1.0, 1.0, 1.0), (0.55, 0.7, 1.1)
    frames = []
    for step in range(60):
        picture = EMPTY.copy()
        picture[:] = cv2.GaussianBlur(clip[0], (0, 0), 30)
        left, right = round(20 + 7.2 * step), round(460 - 7.2 * step)
        # The second walks behind the first.
        for x, tint, y in ((right, far, 130), (left, near, 150)):
            cut = head(clip[step], tint)
            picture[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
        frames.append(picture)
    found = track(FaceTracker(max_faces=4, threads=1), frames)
    assert len(found[2]) == 2
    start = {face.track_id: centre(face)[0] for face in found[2]}
    end = {face.track_id: centre(face)[0] for face in found[-1]}
    assert start.keys() == end.keys()
    leftmost = min(start, key=lambda track_id: start[track_id])
    assert end[leftmost] == max(end.values())
    for faces in found:
        assert len({face.track_id for face in faces}) == len(faces) <= 2


def test_one_face_is_never_tracked_twice(clip: list[np.ndarray]) -> None:
    assert all(len(faces) == 1 for faces in track(FaceTracker(max_faces=4, threads=1), clip))


def test_a_second_face_is_noticed_within_a_second(clip: list[np.ndarray]) -> None:
    both = clip[0].copy()
    cut = head(clip[0], (0.6, 0.8, 1.0))
    both[:190, :160] = cut
    tracker = FaceTracker(max_faces=2, threads=1)
    track(tracker, clip[:3])
    assert len(track(tracker, [both] * 30, 3)[-1]) == 2


def test_an_eager_tracker_notices_a_second_face_at_once(clip: list[np.ndarray]) -> None:
    both = clip[0].copy()
    both[:190, :160] = head(clip[0], (0.6, 0.8, 1.0))
    tracker = FaceTracker(max_faces=2, threads=1)
    tracker.eager = True
    track(tracker, clip[:3])
    assert len(track(tracker, [both], 3)[-1]) == 2


def test_a_small_face_is_found(clip: list[np.ndarray]) -> None:
    picture = cv2.GaussianBlur(cv2.resize(clip[0], (1280, 720)), (0, 0), 40)
    small = cv2.resize(clip[0], (213, 160), interpolation=cv2.INTER_AREA)
    picture[300:460, 500:713] = small
    found = track(FaceTracker(threads=1), [picture] * 10)
    assert len(found[-1]) == 1
    assert np.linalg.norm(centre(found[-1][0]) - np.array([500 + 107, 300 + 83])) < 15


@pytest.mark.parametrize("pixel_format", [PixelFormat.I420, PixelFormat.Y800, PixelFormat.BGRA])
def test_every_kind_of_frame_shows_the_same_face(clip: list[np.ndarray], pixel_format: PixelFormat) -> None:
    expected = track(FaceTracker(threads=1), clip[:1])[0][0]
    frame = Frame.allocate(pixel_format, 640, 480)
    frame.blend(frame.box, clip[0], np.full((480, 640), 255, np.uint8))
    (face,) = FaceTracker(threads=1).update(frame, 0)
    assert np.abs(face.raw - expected.raw)[:, :2].mean() < 2.5


def test_time_that_stands_still_or_runs_back_is_survived(clip: list[np.ndarray]) -> None:
    tracker = FaceTracker(threads=1)
    for index, timestamp in enumerate([0, 0, 10**12, 5, -(10**15), 0]):
        assert len(tracker.update(Frame.from_bgr(clip[index].copy()), timestamp)) == 1


def test_pictures_without_a_face_give_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    assert track(FaceTracker(max_faces=4, threads=1), [noise, EMPTY, np.zeros((16, 16, 3), np.uint8)]) == [[], [], []]
