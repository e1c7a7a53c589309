"""A frame's way from the camera to the audience."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Protocol

from deepfake_core.compositing.compositor import Compositor, Looked
from deepfake_core.compositing.turning import Turning, smooth
from deepfake_core.compositing.view import FaceAstray, SeenFace
from deepfake_core.disclosure.mark import Disclosure, MarkedFrame
from deepfake_core.disclosure.slate import slate
from deepfake_core.facemesh.tracking import Face, FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Identity, Library
from deepfake_core.inference.errors import InferenceError, ModelError, NetworkFailed
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.performer import PerformerChoice
from deepfake_core.quality import Level, QualityGovernor
from deepfake_core.settings import Mode, NoResult, Settings
from deepfake_core.swapping.alignment import Pose, fit_pose
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.swapping.dfm import DfmDecoder
from deepfake_core.swapping.swapper import DriverSquare, Swapper
from deepfake_core.threads import Beside

BRIDGE_SECONDS = 0.4
"""A result this young is held, whatever the setting, before a lost face shows: no flash for a dropped frame."""
CHECK_SECONDS = 1.0
"""How often the opened identity is asked whether it may still be used, and a refused one tried again."""

TEXTURE_ONLY = "A network gave no usable result, so the bare texture is shown; run tools/doctor.py."
UNPARSED = "The face parser does not run, so hands and hair before the face are painted over; run tools/doctor.py."
FACE_ONLY = "Only the face is replaced: a whole head needs the face parser, an identity with hair, and one face alone."

_log = logging.getLogger(__name__)


class Processor(Protocol):
    """What a worker drives: anything that turns camera frames into marked ones."""

    def configure(self, settings: Settings) -> None:
        """Take new settings before the next frame."""

    def load(self) -> None:
        """Open the networks."""

    def process(self, frame: Frame) -> MarkedFrame:
        """Turn a camera frame into a marked one, in place."""

    def placeholder(self, frame: Frame) -> MarkedFrame:
        """A marked picture that needs no network and shows nothing of the camera's frame."""

    def status(self) -> "PipelineStatus":
        """What is true now."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True)
class PipelineStatus:
    """What is true now, for the properties dialog and the tools."""

    provider: str = ""
    """The ONNX Runtime provider that really runs; empty before the networks are open."""
    identity: str = ""
    resolution: int = 0
    """Side of the drawn face in pixels."""
    frames_swapped: int = 0
    frames_without_result: int = 0
    last_error: str = ""
    """One sentence with the cure; empty when all is well."""


class Pipeline:
    """Turns camera frames into marked frames; one for each filter, its networks shared with the others.

    `configure` and `status` may be called from any thread, everything else from the worker's.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        library: Library | None = None,
        threads: int = 2,
        provider: str = "auto",
        template_only: bool = False,
    ) -> None:
        """Keep the arguments; no network is opened before `load`.

        threads: how many work on a frame: with two, what it shows is looked at beside the drawing; more help large
        networks. provider: an ONNX Runtime provider's short name, or "auto".
        template_only: draw identities without the swap's networks, to see what these add.
        """
        self._library = library or Library()
        self._threads = threads
        self._provider = provider
        self._template_only = template_only
        self._settings = settings or Settings()
        self._pending: Settings | None = None
        self._pending_lock = threading.Lock()
        self._tracker: FaceTracker | None = None
        self._swapper: Swapper | None = None
        self._identity: Identity | None = None
        self._decoder: IdentityDecoder | DfmDecoder | None = None
        self._disclosure = self._plain_disclosure = Disclosure()
        self._renew_disclosures()
        self._refusal = ""
        self._next_check = 0.0
        self._performer = PerformerChoice()
        self._governor = QualityGovernor()
        self._held: Frame | None = None
        self._held_seconds = float("-inf")
        self._spare: Frame | None = None
        self._previous_seconds: float | None = None
        self._parser: FaceParser | None = None
        self._compositor = Compositor()
        self._turning = Turning()
        self._beside = Beside("OBS Deepfake, looks at the frame", threads=threads)
        self._complaint = ""
        self._status = PipelineStatus()

    def configure(self, settings: Settings) -> None:
        """Take new settings before the next frame."""
        with self._pending_lock:
            self._pending = settings

    def load(self) -> None:
        """Open the networks and the identity; what fails is said in the status and on the slate."""
        self._next_check = time.monotonic() + CHECK_SECONDS
        try:
            if self._tracker is None:
                # Its networks are so small that they are done before a second thread has woken up.
                self._tracker = FaceTracker(max_faces=4, threads=1, provider=self._provider)
            if self._swapper is None:
                self._swapper = Swapper(threads=self._threads, provider=self._provider)
            if self._decoder is None:
                self._identity = self._library.open(self._settings.identity, self._settings.purpose)
                self._decoder = load_decoder(self._identity, threads=self._threads, provider=self._provider)
            if self._parser is None:
                self._parser = self._opened_parser()
        except (IdentityError, InferenceError) as error:
            self._refuse(str(error))
        except Exception as error:  # noqa: BLE001  A surprise while opening must end in a slate, not in a dead worker.
            self._refuse(f"The networks do not open ({type(error).__name__}: {error}); run tools/doctor.py.")
        else:
            self._refusal = ""
            self._renew_disclosures()
            self._status = replace(
                self._status,
                provider=self._swapper.provider,
                identity=self._identity.title if self._identity else "",
                last_error="",
            )

    def process(self, frame: Frame) -> MarkedFrame:
        """Turn a camera frame into a marked one, in place; bad content never raises.

        Whatever happens, the picture that returns is a swapped one or the chosen picture for "no result", labelled.
        """
        started = time.perf_counter()
        try:
            self._take_settings()
            self._check_identity()
            swapped = not self._refusal and self._swap(frame)
        except Exception as error:  # noqa: BLE001  Rule: a failing stage shows the "no result" picture, never a raw face.
            sentence = f"The swap failed: {error}; see the log."
            # A failure in each frame must not fill the log.
            if sentence != self._status.last_error:
                _log.error("%s", sentence, exc_info=error)
            self._status = replace(self._status, last_error=sentence)
            swapped = False
        if swapped and not self._turning.share:
            self._hold(frame)
        shows_identity = swapped or self._show_no_result(frame)
        self._report(started, frame, swapped=swapped)
        return (self._disclosure if shows_identity else self._plain_disclosure).mark(frame)

    def placeholder(self, frame: Frame) -> MarkedFrame:
        """A marked slate in the frame's layout; needs no network and shows no camera pixel."""
        slate(frame, "Deepfake", [self._refusal or "Starting..."])
        return self._plain_disclosure.mark(frame)

    def status(self) -> PipelineStatus:
        """What is true now."""
        return self._status

    def close(self) -> None:
        """Let go of the networks and of every held picture."""
        self._tracker = self._swapper = self._parser = self._decoder = self._identity = None
        self._held = self._spare = None
        self._beside.close()

    def _swap(self, frame: Frame) -> bool:
        """Replace the chosen faces; False when there is none or one is missing."""
        if self._tracker is None or self._swapper is None or self._decoder is None:
            return False
        settings = self._settings
        self._tracker.smoothing = settings.smoothing
        # Where all are replaced, a face that nobody noticed yet would show.
        self._tracker.eager = settings.all_faces
        faces = self._tracker.update(frame, frame.timestamp_ns)
        chosen = self._performer.choose(faces, frame.timestamp_ns / 1e9, all_faces=settings.all_faces)
        if settings.all_faces and self._tracker.unaccounted:
            return False
        if not chosen:
            self._turning.lost()
            self._compositor.composite(frame, [], settings)
            return False
        poses = [fit_pose(face.landmarks) for face in chosen]
        turned = self._turning.update(poses, frame.timestamp_ns / 1e9)
        if turned == 1:
            return False
        instead = self._copied(frame) if turned else None
        failures = self._swapper.network_failures
        level = self._governor.level(settings.quality)
        with self._beside as beside:
            # All that is read of the frame is read before the first face is written.
            swaps = [
                self._swapper.start(
                    frame,
                    face.landmarks,
                    self._decoder,
                    beside,
                    resolution=level.resolution,
                    network_size=level.network_size,
                    head_mode=settings.mode is Mode.HEAD,
                    own_tone=1.0 if settings.mode is Mode.HEAD else 1.0 - settings.colour_match,
                    template_only=self._template_only,
                    driver_id=face.track_id,
                    pose=pose,
                )
                for face, pose in zip(chosen, poses, strict=True)
            ]
            placed = [(face, swap.square) for face, swap in zip(chosen, swaps, strict=True)]
            looking = beside.submit(lambda: self._look(frame, placed, settings, level, beside))
            drawn = [swap.draw() for swap in swaps]
            try:
                looked, parsed = looking.result()
            except FaceAstray:
                # Noise or speed led the landmarks away; the face has to be found again.
                self._tracker.reset()
                return False
            replaced = self._compositor.lay(frame, looked, drawn)
        if self._swapper.network_failures > failures:
            self._complaint = TEXTURE_ONLY
        elif not parsed:
            self._complaint = UNPARSED
        else:
            self._complaint = "" if replaced is settings.mode else FACE_ONLY
        if instead is not None:
            self._show_no_result(instead)
            frame.mix(instead, smooth(turned))
        return True

    def _opened_parser(self) -> FaceParser | None:
        """Without a parser there is still a swap, which `status` complains of."""
        try:
            # Beside it one thread draws.
            return FaceParser(threads=max(1, self._threads - 1), provider=self._provider)
        except ModelError as error:
            _log.error("The face parser does not open: %s", error)
            return None

    def _look(
        self, frame: Frame, faces: list[tuple[Face, DriverSquare]], settings: Settings, level: Level, beside: Beside
    ) -> tuple[Looked, bool]:
        """What the frame says of the faces, and whether all were parsed; for the second thread. Raises FaceAstray."""
        seen = [
            SeenFace(square, self._parse(frame, face, square.pose, fine=level.fine_parsing), face.track_id)
            for face, square in faces
        ]
        return self._compositor.look(frame, seen, settings, beside), all(each.parsing is not None for each in seen)

    def _parse(self, frame: Frame, face: Face, pose: Pose, *, fine: bool) -> Parsing | None:
        if self._parser is None:
            return None
        self._parser.fine = fine
        try:
            return self._parser.parse(frame, face.landmarks, face.track_id, pose)
        except NetworkFailed:
            return None

    def _copied(self, frame: Frame) -> Frame:
        if self._spare is None or not self._spare.same_layout(frame):
            self._spare = Frame.like(frame)
        self._spare.copy_from(frame)
        return self._spare

    def _hold(self, frame: Frame) -> None:
        """Keep this picture for the moments without one."""
        if self._held is None or not self._held.same_layout(frame):
            self._held = Frame.like(frame)
        self._held.copy_from(frame)
        self._held_seconds = frame.timestamp_ns / 1e9

    def _show_no_result(self, frame: Frame) -> bool:
        """Overwrite the camera's picture with the last result, a blur or a slate; whether it shows the identity."""
        if self._refusal:
            slate(frame, "Deepfake", [self._refusal])
            return False
        held = self._held if self._held is not None and self._held.same_layout(frame) else None
        # A head that turned away has faded to the choice already.
        young = not self._turning.share and 0 <= frame.timestamp_ns / 1e9 - self._held_seconds <= BRIDGE_SECONDS
        choice = self._settings.no_result
        if held is not None and (young or choice is NoResult.HOLD):
            frame.copy_from(held)
            return True
        if choice is NoResult.BLUR:
            frame.blur()
        else:
            reason = "The head is turned too far." if self._turning.share else "No face in the picture."
            slate(frame, "Deepfake", [self._status.last_error or reason])
        return False

    def _take_settings(self) -> None:
        with self._pending_lock:
            settings, self._pending = self._pending, None
        if settings is None or settings == self._settings:
            return
        previous, self._settings = self._settings, settings
        self._renew_disclosures()
        if (settings.identity, settings.purpose) != (previous.identity, previous.purpose):
            self._decoder = self._identity = self._held = None
            self.load()

    def _check_identity(self) -> None:
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_SECONDS
        if self._identity is None or self._decoder is None:
            self.load()
            return
        try:
            self._library.check(self._identity)
        except IdentityError as error:
            self._decoder = self._identity = self._held = None
            self._refuse(str(error))

    def _renew_disclosures(self) -> None:
        """Marks of the chosen look: with the opened identity's consent record, and with none."""
        corner, language = self._settings.label_corner, self._settings.label_language
        record = self._identity.consent.short_id if self._identity is not None else 0
        self._disclosure = Disclosure(corner, language, record=record)
        self._plain_disclosure = Disclosure(corner, language)

    def _refuse(self, sentence: str) -> None:
        self._refusal = sentence
        self._status = replace(self._status, identity="", last_error=sentence)

    def _report(self, started: float, frame: Frame, *, swapped: bool) -> None:
        seconds = frame.timestamp_ns / 1e9
        if swapped and self._previous_seconds is not None:
            self._governor.report(time.perf_counter() - started, seconds - self._previous_seconds)
        self._previous_seconds = seconds
        self._status = replace(
            self._status,
            resolution=self._governor.level(self._settings.quality).resolution,
            frames_swapped=self._status.frames_swapped + swapped,
            frames_without_result=self._status.frames_without_result + (not swapped),
            last_error=self._complaint if swapped else self._status.last_error,
        )
