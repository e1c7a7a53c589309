"""The gate before a training: whose face is this, and did that person consent?

Whoever trains on a real person's footage hands in the signed record and the consent video that it names; every face of
the footage must be that of the video. For a rendered person the recipe is rendered again and takes the video's place.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.evaluation.embedding import FaceEmbedder
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities import consent_video, strict_json
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import ConsentRefused
from deepfake_core.identities.files import read_bounded
from deepfake_core.identities.library import FOLDER
from deepfake_core.identities.withdrawals import Withdrawals
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.training.errors import TrainingError

LOOK_EVERY_SECONDS = 0.25
SAME_PERSON = 0.45
"""Distance of embeddings to the nearest of the reference up to which neighbouring pictures, taken together, show the
same person. Seen on five people in one room: at most 0.38 for the same, 0.48 and more for others."""
SURELY_ANOTHER = 0.7
"""Distance from which a single picture is enough; a hand in front of the mouth was seen to make 0.6."""
_SAME_AS_THE_MIDDLE = 0.55
"""The same within a consent video, against its most typical picture alone."""
NEIGHBOURS = 3
"""So many pictures in a row are judged by their median: a blur or a hand in one of them accuses nobody."""
_SHOWN = 12
_MATTES = ("_alpha", "_labels", "_head", "_hair")  # beside the rendered views
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_SETTLE_NS = 1_000_000
_REPOSITORY = Path(__file__).resolve().parents[2]


class FootageRefused(TrainingError):
    """The footage shows somebody else, or nobody; the text says where."""


@dataclass(frozen=True)
class Look:
    """One picture to be judged. Those of one `stream` are judged together."""

    stream: str
    where: str
    """For people: the frame, or the file."""
    bgr: np.ndarray
    """uint8 (H, W, 3)."""
    follows: bool = True
    """Whether it follows the one before in time; in unrelated pictures each face is looked for anew."""


@dataclass(frozen=True)
class Person:
    """Somebody's face, known from some pictures."""

    known: np.ndarray
    """Embeddings, float (N, 128)."""
    origin: str
    """The id of the consent record, or "rendered:" and the name of the recipe."""

    def distance(self, embedding: np.ndarray) -> float:
        """To the nearest known picture."""
        return float(np.linalg.norm(self.known - embedding, axis=1).min())

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, known=self.known, origin=self.origin)

    @classmethod
    def load(cls, path: Path) -> Person:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["known"], str(file["origin"]))


class FaceReader:
    """Finds the faces of pictures, follows them where pictures follow each other, and embeds them."""

    def __init__(self) -> None:
        self._embed = FaceEmbedder()
        self._tracker = FaceTracker(max_faces=2, threads=1, provider="cpu", smoothing=0.0)
        self._tracker.eager = True
        self._stream = ""
        self._clock = 0

    def __call__(self, look: Look) -> list[np.ndarray]:
        """The embedding of each face in sight, float (128,)."""
        if look.stream != self._stream or not look.follows:
            self._stream = look.stream
            self._tracker.reset()
        frame = Frame.from_bgr(np.ascontiguousarray(look.bgr))
        for _ in range(2):  # a face just found is read again once its place is known
            self._clock += _SETTLE_NS
            faces = self._tracker.update(frame, self._clock)
        return [self._embed(look.bgr, face.raw) for face in faces]


def require_consent(
    record: Path, video: Path, footage: Sequence[Path], *, models_dir: Path = MODELS_DIR
) -> ConsentRecord:
    """The record that a training on this footage needs, completed with the hash of the footage's list.

    record: consent.json as tools/record_consent.py made it; video: the consent video; footage: video files, pictures
    and folders of them. Raises one of `identities.errors`, consent_video.VideoRefused, or FootageRefused with the
    frames that show somebody else. Nothing is trained unless it returns.
    """
    consent = consented(record, video, models_dir=models_dir)
    files = footage_files(footage)
    reader = FaceReader()
    person = person_of_video(video, reader, consent.record_id)
    check_footage(person, (look for file in files for look in looks(file)), reader)
    return ConsentRecord.model_validate({**consent.model_dump(), "footage_sha256": list_sha256(files)})


def consented(record: Path, video: Path, *, models_dir: Path = MODELS_DIR) -> ConsentRecord:
    """The record, if it holds today and the video is the one it names; raises as `require_consent` does."""
    try:
        data = read_bounded(record, strict_json.MAX_BYTES)
    except (OSError, ValueError) as error:
        raise ConsentRefused(
            f"There is no consent record {record} ({error}); the person depicted makes it with tools/record_consent.py."
        ) from error
    consent = ConsentRecord.parse(data, record.name)
    if consent.kind != "subject":
        raise ConsentRefused(f"{record} is about a rendered person; a real one signs with tools/record_consent.py.")
    consent.check_day(consent.depicted, date.today())
    Withdrawals(models_dir / FOLDER).check(consent.depicted, consent)
    if consent_video.inspect(video).sha256 != consent.video_sha256:
        raise ConsentRefused(f"{video} is not the consent video that {record} names; ask {consent.depicted} for it.")
    return consent


def person_of_video(video: Path, reader: FaceReader, record_id: str) -> Person:
    """The one person of a consent video; raises FootageRefused where it shows several."""
    taken = [(look, reader(look)) for look in looks(video)]
    embeddings = [found[0] for _, found in taken if found]
    if len(embeddings) < 2 * NEIGHBOURS:
        raise FootageRefused(f"{video.name} shows a face in {len(embeddings)} pictures only; record it again.")
    known = np.stack(embeddings)
    middle = known[np.argmin(np.linalg.norm(known[:, None] - known[None], axis=2).sum(1))]
    _refuse_strangers(Person(middle[None], record_id), taken, _SAME_AS_THE_MIDDLE, NEIGHBOURS)
    return Person(known, record_id)


def rendered_person(name: str, reader: FaceReader) -> Person:
    """The person whom the recipe `name` of this project renders; raises FootageRefused where there is none."""
    with tempfile.TemporaryDirectory(prefix="obs-deepfake-") as folder:
        # A process of its own: TensorFlow and the renderer do not bear each other.
        command = [sys.executable, "tools/render_people.py", "identity", name, "--out", folder]
        done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False)
        pictures = [path for path in sorted(Path(folder).glob("*.png")) if not path.stem.endswith(_MATTES)]
        if done.returncode != 0 or not pictures:
            reason = (done.stderr.strip().splitlines() or ["no picture"])[-1][:200]
            raise FootageRefused(
                f"{name!r} cannot be rendered again, so it counts as a real person ({reason}); "
                "give that person's record with --consent and --consent-video."
            )
        embeddings = [found[0] for path in pictures for look in looks(path) if (found := reader(look))]
    if not embeddings:
        raise FootageRefused(f"No face was found in the pictures of {name!r}; look at them.")
    return Person(np.stack(embeddings), f"rendered:{name}")


def check_footage(
    person: Person, taken: Iterable[Look], reader: FaceReader, *, same: float = SAME_PERSON, together: int = NEIGHBOURS
) -> None:
    """Raise FootageRefused, naming the frames, unless every face is this person's.

    together: so many neighbours of a stream are judged by their median.
    """
    _refuse_strangers(person, ((look, reader(look)) for look in taken), same, together)


def _refuse_strangers(
    person: Person, taken: Iterable[tuple[Look, list[np.ndarray]]], same: float, together: int
) -> None:
    """The same for pictures with the embeddings of their faces."""
    strangers: list[str] = []
    seen = 0
    stream: str | None = None
    run: list[tuple[str, float]] = []

    def judge() -> None:
        for index, (where, distance) in enumerate(run):
            low = max(0, min(index - together // 2, len(run) - together))
            if distance > SURELY_ANOTHER or np.median([one for _, one in run[low : low + together]]) > same:
                strangers.append(where)

    for look, found in taken:
        if look.stream != stream:
            judge()
            stream, run = look.stream, []
        seen += len(found)
        if found:
            run.append((look.where, max(person.distance(one) for one in found)))
    judge()
    if strangers:
        more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
        raise FootageRefused(
            f"The footage shows somebody else than the consent video at {', '.join(strangers[:_SHOWN])}{more}; take "
            "these parts out, or show the face from more sides and in that light in the consent video."
        )
    if not seen:
        raise FootageRefused("The footage shows no face; give videos or pictures of the person who consented.")


def looks(file: Path) -> Iterator[Look]:
    """The pictures of a video or picture file that are judged; raises consent_video.VideoRefused or FootageRefused."""
    if file.suffix.lower() in _PICTURES:
        bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if bgr is None:
            raise FootageRefused(f"{file} is not a readable picture.")
        yield Look(str(file), file.name, bgr)
        return
    for picture in consent_video.pictures(file, LOOK_EVERY_SECONDS, most_seconds=float("inf")):
        where = f"{file.name} frame {picture.number} ({picture.seconds:.1f} s)"
        yield Look(str(file), where, picture.bgr)


def footage_files(footage: Sequence[Path]) -> list[Path]:
    """The files of the footage, folders opened, in order; raises FootageRefused where there is none."""
    files: list[Path] = []
    for path in footage:
        files += sorted(child for child in path.rglob("*") if child.is_file()) if path.is_dir() else [path]
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise FootageRefused(f"There is no footage at {', '.join(missing) or 'the places given'}.")
    return files


def list_sha256(files: Sequence[Path]) -> str:
    """Hash of the footage's list: of the lines "SHA-256, two blanks, name" as sha256sum writes them, sorted."""
    lines = sorted(f"{_file_sha256(file)}  {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
