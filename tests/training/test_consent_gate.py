"""The gate before a training, with rendered people in the parts of real ones, and real footage where it is at hand."""

import json
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

pytest.importorskip("dlib")
import import_dfm
import train_swap

from deepfake_core.identities import consent_video, pack, release, signature
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.consent_video import VideoRefused, file_sha256
from deepfake_core.identities.errors import (
    ConsentExpired,
    ConsentMissing,
    ConsentRefused,
    ConsentWithdrawn,
    SignatureInvalid,
)
from deepfake_core.identities.library import Library
from deepfake_core.identities.purposes import Purpose
from deepfake_core.identities.withdrawals import WithdrawalList
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.training import consent_gate as gate
from deepfake_core.training.consent_gate import FootageRefused, Look
from tests.swapping.tiny_dfm import tiny_dfm

pytestmark = pytest.mark.train

PERFORMER = MODELS_DIR / "performer.mp4"
VESPER = MODELS_DIR / "identities" / "vesper" / "portrait.png"
FOOTAGE = MODELS_DIR.parents[1] / "shared" / "footage"
KEY = Ed25519PrivateKey.from_private_bytes(b"subject".ljust(32))
PROJECT = Ed25519PrivateKey.from_private_bytes(b"project".ljust(32))
TODAY = date.today()


def picture(path: Path) -> np.ndarray:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None
    return bgr.astype(np.uint8)


def write_video(path: Path, pictures: list[np.ndarray], rate: int = 10) -> Path:
    """The pictures with noise for a voice."""
    g = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "18"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        voice = out.add_stream("aac", rate=48_000, layout="mono")
        for index, bgr in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for start in range(0, 48_000 * len(pictures) // rate, 1024):
            sound = av.AudioFrame.from_ndarray(g.normal(0, 0.1, (1, 1024)).astype(np.float32), "fltp", "mono")
            sound.rate, sound.pts = 48_000, start
            out.mux(voice.encode(sound))
        out.mux(voice.encode(None))
    return path


@pytest.fixture(scope="module")
def performer() -> list[np.ndarray]:
    with av.open(str(PERFORMER)) as source:
        return [f.to_ndarray(format="bgr24") for i, f in enumerate(source.decode(video=0)) if i % 5 == 0]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, performer: list[np.ndarray]) -> Path:
    """The performer's consent video."""
    return write_video(tmp_path_factory.mktemp("consent") / "consent.mp4", (performer * 2)[:56])


inspected_once = cache(consent_video.inspect)


@pytest.fixture(autouse=True)
def fewer_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY_SECONDS", 0.5)
    monkeypatch.setattr(consent_video, "LOOK_EVERY_SECONDS", 0.5)
    monkeypatch.setattr(consent_video, "inspect", inspected_once)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(release, "PUBLIC_KEY", signature.key_name(PROJECT))
    (tmp_path / "models" / "identities").mkdir(parents=True)
    withdraw(tmp_path / "models", PROJECT, "withdrawals.json")
    return tmp_path / "models"


def withdraw(models: Path, key: Ed25519PrivateKey, name: str, *records: str) -> None:
    days = dict.fromkeys(records, TODAY)
    (models / "identities" / name).write_bytes(WithdrawalList(signature.key_name(key), days).sign(key))


def record(video: Path, **changes: object) -> ConsentRecord:
    values = {
        "record_id": "subject-performer",
        "kind": "subject",
        "signer": signature.key_name(KEY),
        "depicted": "Pat Performer",
        "granted_to": ["everybody"],
        "purposes": list(Purpose),
        "given_on": TODAY,
        "valid_from": TODAY,
        "valid_until": TODAY + timedelta(days=30),
        "withdrawal": "pat@example.org",
        "terms_sha256": "1" * 64,
        "sentence": "I agree: amber river.",
        "video_sha256": file_sha256(video),
    }
    return ConsentRecord.model_validate({**values, **changes})


@pytest.fixture
def consent(tmp_path: Path, video: Path) -> Path:
    path = tmp_path / "consent.json"
    path.write_bytes(record(video).sign(KEY))
    return path


def test_the_persons_own_footage_passes(models: Path, consent: Path, video: Path) -> None:
    given = gate.require_consent(consent, video, [PERFORMER], models_dir=models)
    assert given.record_id == "subject-performer"
    assert given.footage_sha256 == gate.list_sha256([PERFORMER])
    assert given.decoder_sha256 is None


def test_somebody_elses_pictures_are_refused_by_their_names(
    models: Path, consent: Path, video: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    cv2.imwrite(str(folder / "stranger.png"), picture(VESPER))
    with pytest.raises(FootageRefused, match=r"stranger\.png"):
        gate.require_consent(consent, video, [PERFORMER, folder], models_dir=models)


def test_a_moment_of_somebody_else_is_found_at_its_frames(
    models: Path, consent: Path, video: Path, tmp_path: Path, performer: list[np.ndarray]
) -> None:
    height, width = performer[0].shape[:2]
    stranger = cv2.resize(picture(VESPER), (height, height))
    stranger = cv2.copyMakeBorder(stranger, 0, 0, (width - height) // 2, (width - height) // 2, cv2.BORDER_REPLICATE)
    footage = write_video(tmp_path / "mixed.mp4", performer[:30] + [stranger.astype(np.uint8)] * 10 + performer[30:])
    with pytest.raises(FootageRefused) as refused:
        gate.require_consent(consent, video, [footage], models_dir=models)
    frames = [int(part.split()[0]) for part in str(refused.value).split("frame ")[1:]]
    assert frames
    assert all(27 <= frame <= 43 for frame in frames)


def test_a_second_person_in_the_picture_is_found(video: Path, performer: list[np.ndarray]) -> None:
    reader = gate.FaceReader()
    person = gate.person_of_video(video, reader, "x")
    beside = cv2.resize(picture(VESPER), (480, 480)).astype(np.uint8)
    both = [np.hstack([bgr, beside]) for bgr in performer[:6]]
    with pytest.raises(FootageRefused):
        gate.check_footage(person, [Look("a", str(index), bgr) for index, bgr in enumerate(both)], reader)


def test_a_picture_on_its_own_is_read_as_if_it_were_the_first(performer: list[np.ndarray]) -> None:
    first, another = performer[0], np.roll(performer[20], 40, axis=1)
    alone = gate.FaceReader()(Look("a", "", another))
    for follows in (True, False):
        reader = gate.FaceReader()
        reader(Look("a", "", first))
        # One that follows is sought where the face was.
        read = reader(Look("a", "", another, follows=follows))
        assert np.array_equal(read, alone) is not follows


def test_a_consent_video_of_two_people_is_refused(tmp_path: Path, performer: list[np.ndarray]) -> None:
    stranger = cv2.resize(picture(VESPER), (640, 480)).astype(np.uint8)
    both = write_video(tmp_path / "two.mp4", performer[:30] + [stranger] * 30)
    with pytest.raises(FootageRefused):
        gate.person_of_video(both, gate.FaceReader(), "x")


def test_another_video_than_the_record_names_is_refused(
    models: Path, consent: Path, tmp_path: Path, performer: list[np.ndarray]
) -> None:
    other = write_video(tmp_path / "other.mp4", performer[:56])
    with pytest.raises(ConsentRefused, match="is not the consent video"):
        gate.require_consent(consent, other, [PERFORMER], models_dir=models)


@pytest.mark.parametrize(
    "what, error",
    [
        ("missing", ConsentRefused),
        ("unsigned", SignatureInvalid),
        ("stranger's", SignatureInvalid),
        ("ended", ConsentExpired),
        ("withdrawn", ConsentWithdrawn),
        ("rendered person's", ConsentRefused),
        ("damaged", ConsentMissing),
    ],
)
def test_without_a_record_that_holds_nothing_is_even_looked_at(
    models: Path, consent: Path, video: Path, what: str, error: type[Exception]
) -> None:
    document = json.loads(consent.read_text())
    if what == "missing":
        consent.unlink()
    elif what == "unsigned":
        consent.write_bytes(record(video).draft())
    elif what == "stranger's":
        consent.write_text(json.dumps(signature.sign(document, PROJECT)))
    elif what == "ended":
        past = TODAY - timedelta(days=9)
        consent.write_bytes(record(video, valid_from=past, valid_until=past).sign(KEY))
    elif what == "withdrawn":
        withdraw(models, KEY, "withdrawals-pat.json", "subject-performer")
    elif what == "rendered person's":
        act = {"terms_sha256": None, "sentence": None, "video_sha256": None}
        made = record(video, kind="synthetic", seed=1, command="x", signer=signature.key_name(PROJECT), **act)
        consent.write_bytes(made.sign(PROJECT))
    else:
        consent.write_bytes(consent.read_bytes()[:-20])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "looks", lambda _file: pytest.fail("the footage was read"))
        with pytest.raises(error):
            gate.require_consent(consent, video, [PERFORMER], models_dir=models)


def test_no_footage_and_no_face_are_refused(models: Path, consent: Path, video: Path, tmp_path: Path) -> None:
    with pytest.raises(FootageRefused, match="no footage"):
        gate.require_consent(consent, video, [tmp_path / "nowhere.mp4"], models_dir=models)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(FootageRefused, match="no face"):
        gate.require_consent(consent, video, [tmp_path / "wall.png"], models_dir=models)
    (tmp_path / "words.mp4").write_text("words")
    with pytest.raises(VideoRefused):
        gate.require_consent(consent, video, [tmp_path / "words.mp4"], models_dir=models)


def test_what_nobody_can_render_counts_as_a_real_person() -> None:
    with pytest.raises(FootageRefused, match="--consent"):
        gate.rendered_person("no-recipe-of-ours", gate.FaceReader())


def test_the_known_face_comes_back(tmp_path: Path) -> None:
    person = gate.Person(np.eye(3, 128), "subject-performer")
    person.save(tmp_path / "person.npz")
    loaded = gate.Person.load(tmp_path / "person.npz")
    assert loaded.origin == "subject-performer"
    assert loaded.distance(np.eye(3, 128)[1]) == 0.0


@pytest.mark.skipif(not FOOTAGE.is_dir(), reason="the footage of real people is not at hand")
@pytest.mark.parametrize("consenting, filmed, same", [("again", "help", True), ("again", "sister", False)])
def test_real_people_are_told_apart(consenting: str, filmed: str, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY_SECONDS", 0.25)
    reader = gate.FaceReader()
    person = gate.person_of_video(FOOTAGE / f"asl_{consenting}.mkv", reader, "x")
    looks = gate.looks(FOOTAGE / f"asl_{filmed}.mkv")
    if same:
        gate.check_footage(person, looks, reader)
    else:
        with pytest.raises(FootageRefused, match="frame 0"):
            gate.check_footage(person, looks, reader)


def views(folder: Path, bgr: np.ndarray) -> Path:
    """A folder that says it shows a rendered identity."""
    folder.mkdir()
    (folder / "views.json").write_text(json.dumps({"identity": "vesper", "views": []}))
    for name in ("yaw+00", "yaw+20", "yaw+00_labels"):
        cv2.imwrite(str(folder / f"{name}.png"), bgr)
    return folder


def test_views_that_only_say_they_are_rendered_bake_nothing(
    tmp_path: Path, performer: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The recipe is rendered again; here its portrait stands in for that."""

    def rendered(name: str, reader: gate.FaceReader) -> gate.Person:
        assert name == "vesper"
        return gate.Person(np.stack(reader(Look("", "", picture(VESPER)))), "rendered:vesper")

    monkeypatch.setattr(gate, "rendered_person", rendered)
    work = tmp_path / "work"
    arguments = ["bake", "--work", str(work)]
    assert train_swap.main([*arguments, "--views", str(views(tmp_path / "lie", performer[0]))]) == 1
    assert "somebody else" in capsys.readouterr().err
    assert not list(work.iterdir())
    # The real ones pass the gate; that there are too few to bake from is found after it.
    assert train_swap.main([*arguments, "--views", str(views(tmp_path / "true", picture(VESPER)))]) == 1
    assert "somebody else" not in capsys.readouterr().err
    assert gate.Person.load(work / "identities" / "vesper" / "person.npz").origin == "rendered:vesper"


def test_a_persons_views_need_that_persons_consent(
    models: Path, tmp_path: Path, performer: list[np.ndarray], consent: Path, video: Path
) -> None:
    given = ["--consent", str(consent), "--consent-video", str(video)]
    work = tmp_path / "work"
    for name, bgr, passes in (("mine", performer[0], True), ("hers", picture(VESPER), False)):
        arguments = ["bake", "--work", str(work / name), "--views", str(views(tmp_path / name, bgr)), *given]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gate, "consented", partial(gate.consented, models_dir=models))
            assert train_swap.main(arguments) == 1  # too few to bake from
        assert (work / name / "identities" / "vesper" / "person.npz").exists() == passes


def test_without_a_known_face_nothing_is_prepared_or_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (
        ["prepare", "--pairs", str(tmp_path)],
        ["export", "--views", str(tmp_path), "--name", "x", "--title", "X"],
    ):
        assert train_swap.main([*step, "--work", str(tmp_path)]) == 1
        assert "run 'bake' first" in capsys.readouterr().err


def face_of(bgr: np.ndarray, side: int = 224) -> np.ndarray:
    """The picture as DeepFaceLive would cut it."""
    from deepfake_core.crop import crop
    from deepfake_core.frame import Frame
    from deepfake_core.swapping import dfm
    from deepfake_core.training.still_landmarks import StillLandmarks

    landmarks = StillLandmarks()(bgr)
    assert landmarks is not None
    return crop(Frame.from_bgr(bgr), dfm.crop_transform(landmarks, side), side)


def import_model(models: Path, consent: Path, video: Path, model: bytes, *extra: str) -> int:
    path = consent.with_name("model.dfm")
    path.write_bytes(model)
    arguments = [str(path), "--name", "pat", "--title", "Pat", "--consent", str(consent), "--consent-video", str(video)]
    return import_dfm.main([*arguments, "--models", str(models), *extra])


def test_a_model_that_draws_the_consenting_person_is_imported_and_opens(
    models: Path, consent: Path, video: Path, performer: list[np.ndarray], tmp_path: Path
) -> None:
    model = tiny_dfm(face_of(performer[0]), morph=True)
    assert import_model(models, consent, video, model) == 0
    with pytest.raises(SignatureInvalid):
        Library(models).open("pat")
    folder = models / "identities" / "pat"
    draft = ConsentRecord.parse_draft((folder / pack.CONSENT).read_bytes(), "pat")
    (folder / pack.CONSENT).write_bytes(draft.sign(KEY))
    identity = Library(models).open("pat")
    assert identity.files["decoder.onnx"] == model
    assert identity.manifest.networks == "dfm"
    assert (identity.manifest.size, identity.manifest.crop.alignment) == (224, "dfl")


@pytest.mark.parametrize("reason", ["another face", "no model", "withdrawn", "unsigned"])
def test_a_model_without_that_persons_consent_is_not_imported(
    models: Path, consent: Path, video: Path, reason: str, capsys: pytest.CaptureFixture
) -> None:
    model = tiny_dfm(np.zeros((224, 224, 3), np.uint8))
    if reason == "another face":
        model = tiny_dfm(face_of(picture(VESPER)))
    elif reason == "no model":
        model = b"no model"
    elif reason == "withdrawn":
        withdraw(models, KEY, "withdrawals-pat.json", "subject-performer")
    else:
        consent.write_bytes(record(video).draft())
    assert import_model(models, consent, video, model) == 1
    assert capsys.readouterr().err.startswith("import_dfm: ")
    assert not (models / "identities" / "pat").exists()
