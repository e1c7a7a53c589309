"""Faces followed from frame to frame: each keeps its id, also through a moment out of sight or behind another.

A face in sight is followed as in mediapipe's face_landmark_front graph (see `mediapipe_graph`): the region of its
last landmarks is read again. What is added: a lost face is looked for where its motion should have taken it, then
by the detector, in the same frame; a face just detected is read until its landmarks settle; small faces are
searched for in parts of the picture; lost faces keep their id for a second; two tracks never share one face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.facemesh.detection import FaceDetector
from deepfake_core.facemesh.landmarks import LandmarkNetwork, Reading
from deepfake_core.facemesh.region import SCALE, Region, around_landmarks
from deepfake_core.facemesh.smoothing import OneEuroFilter
from deepfake_core.frame import Box, Frame

MAX_FACES = 4
MIN_PRESENCE = 0.5
THUMBNAIL_SIDE = 256
SETTLED = 0.02
"""The landmarks of a detected face are settled when their region differs by less than this share of its side from
the region they were read in."""
MAX_READS = 4
HURRIED = 0.06
"""A followed face whose region changed by more than this share is read once more: it moves fast or is adrift."""
LOOK_FOR_MORE_S = 0.3
"""How often the detector looks for further faces while every known one is in sight; see `FaceTracker.eager`."""
MEMORY_S = 1.0
"""How long a lost face keeps its id."""
COAST_S = 0.3
"""How long a lost face is assumed to move on as before."""
SAME_FACE = 0.4
"""Mean distance of two tracks' landmarks, in face sides, below which they are on one face."""
ON_FACE = 0.25
"""Distance of a track from what the detector sees, in face sides, below which the track is on that face."""
ASTRAY = 1.0
"""Distance, in face sides, up to which a track that no detection confirms is put on one that no track explains."""
STRANGE = 0.12
"""Difference from a track's colours above which it may not be on its face any more. Seen: below 0.09 from one frame to
the next, 0.23 for quick turns at five frames a second, 0.15 for landmarks that hang half on the wall."""
DOUBT_S = 0.5
"""How long a track that took a large step or looks strange, and that the detector does not confirm, is kept back. Then
it is believed: the detector does not see every face, a profile for example."""
LOOK_WEIGHT = 2.0
"""What a difference in colours counts for against a distance in face sides, when an id is given back."""
NORMAL_STEP_S = 1 / 30
LONGEST_STEP_S = 1.0


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    landmarks: float32 (468, 3), smoothed; x, y in pixels of the full frame, z in pixels, away from the camera.
    raw: the same without smoothing. presence: 0..1. age_frames: frames in sight so far, 1 for a new face.
    box: x0, y0, x1, y1 around `landmarks`.
    """

    track_id: int
    landmarks: np.ndarray
    raw: np.ndarray
    presence: float
    age_frames: int
    box: tuple[float, float, float, float]


class _Track:
    """What is known about one face."""

    def __init__(self, track_id: int, reading: Reading, now: float) -> None:
        self.id = track_id
        self.filter = OneEuroFilter()
        self.velocity = np.zeros(2)
        self.age = 0
        self.look = reading.look
        self.region = around_landmarks(reading.landmarks)
        self.seen = now
        self.doubted_until = float("-inf")
        self.accept(reading, now)

    @property
    def side(self) -> float:
        """The longer side of the face's box in pixels."""
        return self.region.size / SCALE

    def expected(self, now: float) -> Region:
        """Where the face should be now."""
        shift = self.velocity * min(now - self.seen, COAST_S)
        return self.region.moved(shift[0], shift[1])

    def accept(self, reading: Reading, now: float) -> None:
        """The face was seen: learn its place, motion and colours."""
        region, step = around_landmarks(reading.landmarks), now - self.seen
        if step > 0:
            moved = np.array([region.x - self.region.x, region.y - self.region.y]) / step
            self.velocity = (self.velocity + moved) / 2
        self.look = self.look + 0.1 * (reading.look - self.look)
        self.region, self.reading, self.seen = region, reading, now
        self.age += 1

    def doubted(self, now: float) -> bool:
        """Whether the landmarks may hang off the face, so that nothing must be drawn on them."""
        return now < self.doubted_until

    def mismatch(self, reading: Reading, now: float) -> float:
        """How badly `reading` continues this track: distance in face sides, weighted size and colours."""
        expected, found = self.expected(now), around_landmarks(reading.landmarks)
        distance = np.hypot(found.x - expected.x, found.y - expected.y) / self.side
        scale = abs(np.log(found.size / expected.size))
        look = np.abs(reading.look - self.look).mean()
        return float(distance + scale + LOOK_WEIGHT * look)


class FaceTracker:
    """Detects, follows and smooths up to four faces. For one thread.

    `smoothing` (0..1, see `smoothing.parameters`) and `eager` may be changed at any time; `provider` is the active one.
    An eager tracker looks for further faces in every frame, for where none may stay unnoticed for a moment.
    `unaccounted` tells whether the detector saw a face in the last frame that none of the returned ones covers.
    """

    def __init__(self, *, max_faces: int = 1, threads: int = 2, provider: str = "auto", smoothing: float = 0.5) -> None:
        if not 1 <= max_faces <= MAX_FACES:
            raise ValueError(f"max_faces must lie in 1..{MAX_FACES}, not {max_faces}")
        self.max_faces = max_faces
        self.smoothing = smoothing
        self.eager = False
        self._detector = FaceDetector(threads=threads, provider=provider)
        self._network = LandmarkNetwork(threads=threads, provider=provider)
        self.provider = self._network.session.provider
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget every face."""
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._last_timestamp_ns: int | None = None
        self._clock = 0.0
        self._detected = float("-inf")
        self._window = 0
        self.unaccounted = False

    def update(self, frame: Frame, timestamp_ns: int) -> list[Face]:
        """The faces in `frame`, oldest first; `timestamp_ns` is the frame's time. Raises NetworkFailed.

        After a jump in time of more than a second, or backwards, a normal step is assumed.
        """
        step = self._advance(timestamp_ns)
        now = self._clock
        self.unaccounted = False
        self._follow(frame, now)
        if self._detection_due(now):
            self._detected = now
            self._find(frame, now)
        self._lost = [track for track in self._lost if now - track.seen <= MEMORY_S]
        return [self._face(track, step) for track in self._tracks if not track.doubted(now)]

    def _advance(self, timestamp_ns: int) -> float:
        """Move the tracker's own clock on; returns the step in seconds."""
        last, self._last_timestamp_ns = self._last_timestamp_ns, timestamp_ns
        step = (timestamp_ns - last) / 1e9 if last is not None else 0.0
        if not 0 < step <= LONGEST_STEP_S:
            step = NORMAL_STEP_S
        self._clock += step
        return step

    def _follow(self, frame: Frame, now: float) -> None:
        """Read every known face again; those not found, or found where another track is, become lost."""
        readings: list[tuple[_Track, Reading]] = []
        for track in self._tracks:
            reading = self._settle(frame, track.region, HURRIED, 2)
            if reading is None:
                reading = self._settle(frame, track.expected(now), SETTLED, MAX_READS)
            if reading is None:
                self._lose(track)
            else:
                change = _change(track.region, around_landmarks(reading.landmarks))
                strange = np.abs(reading.look - track.look).mean() > STRANGE
                if (change > HURRIED or strange) and not track.doubted(now):
                    track.doubted_until = now + DOUBT_S
                readings.append((track, reading))
        self._tracks = []
        # The track that a face continues best comes first; a later one that sits on the same face has lost its own.
        readings.sort(key=lambda pair: pair[0].mismatch(pair[1], now))
        for track, reading in readings:
            if self._taken(reading):
                self._lose(track)
            else:
                track.accept(reading, now)
                self._tracks.append(track)
        self._tracks.sort(key=lambda track: track.id)

    def _lose(self, track: _Track) -> None:
        track.filter.reset()
        self._lost.append(track)

    def _detection_due(self, now: float) -> bool:
        # After a large step the landmarks may hang half on the face: the detector confirms them or puts them right.
        if any(track.doubted(now) for track in self._tracks):
            return True
        if len(self._tracks) == self.max_faces:
            return False
        return self.eager or not self._tracks or bool(self._lost) or now - self._detected >= LOOK_FOR_MORE_S

    def _find(self, frame: Frame, now: float) -> None:
        """Run the detector; put tracks right that went astray, take back lost faces and take on new ones."""
        regions = self._detect(frame, Box(0, 0, frame.width, frame.height))
        self._correct(frame, regions, now)
        readings = self._read_new(frame, regions)
        if not readings and not self._tracks:
            regions = self._detect(frame, self._search_window(frame, now))
            readings = self._read_new(frame, regions)
        pairs = [
            (track.mismatch(reading, now), index, track)
            for index, reading in enumerate(readings)
            for track in self._lost
        ]
        pairs.sort(key=lambda pair: pair[:2])
        for mismatch, index, track in pairs:
            # The longer a face was out of sight, the further away it may come back.
            if mismatch > 1 + 4 * (now - track.seen) or track not in self._lost:
                continue
            if len(self._tracks) < self.max_faces and not self._taken(readings[index]):
                track.accept(readings[index], now)
                self._lost.remove(track)
                self._tracks.append(track)
        for reading in readings:
            if len(self._tracks) < self.max_faces and not self._taken(reading):
                self._tracks.append(_Track(self._next_id, reading, now))
                self._next_id += 1
        self._tracks.sort(key=lambda track: track.id)
        for track in self._tracks:
            if any(_on_face(track, region) for region in regions):
                track.doubted_until = float("-inf")
        self.unaccounted = any(not self._covered(region) for region in regions)

    def _correct(self, frame: Frame, regions: list[Region], now: float) -> None:
        """Move a track that no detection confirms to a detection near it that no track explains."""
        for region in regions:
            if self._covered(region):
                continue
            strays = [
                track
                for track in self._tracks
                if not any(_on_face(track, other) for other in regions) and _apart(track, region) < ASTRAY
            ]
            reading = self._settle(frame, region, SETTLED, MAX_READS) if strays else None
            if reading is not None:
                min(strays, key=lambda track: _apart(track, region)).accept(reading, now)

    def _read_new(self, frame: Frame, regions: list[Region]) -> list[Reading]:
        """The faces in those regions that no track is on."""
        fresh = [region for region in regions if not self._covered(region)]
        settled = [self._settle(frame, region, SETTLED, MAX_READS) for region in fresh[: self.max_faces]]
        return [reading for reading in settled if reading is not None]

    def _detect(self, frame: Frame, window: Box) -> list[Region]:
        """Where the detector sees faces in `window` of the frame, largest first."""
        if window == (0, 0, frame.width, frame.height):
            picture, scale = frame.thumbnail(THUMBNAIL_SIDE)
        else:
            picture, scale = frame.region(window), 1.0
        # Half a pixel: a thumbnail's pixel lies in the middle of those that it averages.
        offset = 0.5 / scale - 0.5
        regions = [
            Region(r.x / scale + offset + window.x0, r.y / scale + offset + window.y0, r.size / scale, r.angle)
            for r in (detection.region for detection in self._detector.detect(picture))
        ]
        return sorted(regions, key=lambda region: -region.size)

    def _settle(self, frame: Frame, region: Region, tolerance: float, reads: int) -> Reading | None:
        """Read a face, again until its landmarks no longer depend on the region, at most `reads` times.

        The first reading of a small face may lie half a face off, and mediapipe takes some frames to correct it.
        """
        reading = self._read(frame, region)
        for _ in range(reads - 1):
            if reading is None:
                break
            better = around_landmarks(reading.landmarks)
            if _change(region, better) < tolerance:
                break
            region = better
            reading = self._read(frame, region)
        return reading

    def _search_window(self, frame: Frame, now: float) -> Box:
        """A part of the frame in which a small or far face is large enough for the detector.

        Around the face lost last; else, one per frame, the five half-size windows: centre, then the corners.
        """
        if self._lost:
            expected = max(self._lost, key=lambda track: track.seen).expected(now)
            side = min(4 * expected.size, max(frame.width, frame.height) / 2)
            x, y = expected.x - side / 2, expected.y - side / 2
            width = height = side
        else:
            width, height = frame.width / 2, frame.height / 2
            column, row = ((0.5, 0.5), (0, 0), (1, 0), (0, 1), (1, 1))[self._window]
            self._window = (self._window + 1) % 5
            x, y = column * width, row * height
        x0 = int(min(max(x, 0), max(frame.width - width, 0)))
        y0 = int(min(max(y, 0), max(frame.height - height, 0)))
        return Box(x0, y0, min(x0 + max(int(width), 1), frame.width), min(y0 + max(int(height), 1), frame.height))

    def _read(self, frame: Frame, region: Region) -> Reading | None:
        reading = self._network.read(frame, region)
        return reading if reading is not None and reading.presence >= MIN_PRESENCE else None

    def _covered(self, region: Region) -> bool:
        """Whether a track is on the face that the detector saw in `region`."""
        return any(_on_face(track, region) for track in self._tracks)

    def _taken(self, reading: Reading) -> bool:
        """Whether a track already holds the face of `reading`."""
        return any(
            np.hypot(*(reading.landmarks - track.reading.landmarks)[:, :2].T).mean() < SAME_FACE * track.side
            for track in self._tracks
        )

    def _face(self, track: _Track, step: float) -> Face:
        raw = track.reading.landmarks
        landmarks = track.filter.update(raw, track.side, step, self.smoothing)
        x0, y0 = landmarks[:, :2].min(axis=0).tolist()
        x1, y1 = landmarks[:, :2].max(axis=0).tolist()
        return Face(track.id, landmarks, raw, track.reading.presence, track.age, (x0, y0, x1, y1))


def _change(before: Region, after: Region) -> float:
    """How far a region moved or grew, as a share of its side."""
    return max(abs(after.x - before.x), abs(after.y - before.y), abs(after.size - before.size)) / before.size


def _apart(track: _Track, region: Region) -> float:
    """Distance between a track and a detection, in sides of the track's face."""
    return float(np.hypot(region.x - track.region.x, region.y - track.region.y)) / track.side


def _on_face(track: _Track, region: Region) -> bool:
    """Whether a track is on the face that the detector saw in `region`."""
    return _apart(track, region) < ON_FACE
