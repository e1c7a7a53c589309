"""The steps of tools/train_identity.py that need TensorFlow: consent, the weights to start from, the time it takes."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("dlib")
pytest.importorskip("tensorflow", reason="the networks need .venv-train")
import train_identity

from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.swapping.expression import ExpressionMatch
from deepfake_core.training import checkpoint, own_base, own_consent, own_training
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.consent_gate import FootageRefused, Person
from deepfake_core.training.own_base import Base, BaseMissing
from deepfake_core.training.own_consent import Permission
from deepfake_core.training.own_samples import Known
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.sample_format import CHANNELS, SAMPLE_SIZE
from deepfake_core.training.trainer import Networks
from deepfake_core.training.workspace import Workspace

pytestmark = pytest.mark.train

PERFORMER = MODELS_DIR / "performer.mp4"


def known(name: str) -> Known:
    """An identity of which only the name matters."""
    return Known(name, None, ExpressionMatch(*[np.zeros(1, np.float32)] * 3))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Untrained networks of two identities, as a training leaves them."""
    run = tmp_path_factory.mktemp("run")
    networks = Networks(("ann", "bob"))
    state = {f"average.{name}": np.array(variable.numpy()) for name, variable in networks.variables().items()}
    checkpoint.save(run, state | {"step": np.array([7], np.int64), "optimiser.000": np.zeros(3, np.float32)})
    kept = own_base.keep_base(run, tmp_path_factory.mktemp("base"))
    return Base(kept.parent, [known("ann"), known("bob")], {"ann": np.zeros(128), "bob": np.ones(128)})


def test_the_shipped_base_holds_only_half_precision_averages(base: Base) -> None:
    state = checkpoint.load(base.weights)
    assert state
    assert all(name.startswith("average.") and array.dtype == np.float16 for name, array in state.items())


def test_a_new_identity_starts_from_the_nearest(base: Base, tmp_path: Path) -> None:
    person = Person(np.full((3, 128), 0.9), "own")
    assert [one.name for one in base.by_likeness(person)] == ["bob", "ann"]
    base.start("bob", "me", tmp_path / "start")
    state, theirs = checkpoint.load(tmp_path / "start"), checkpoint.load(base.weights)
    assert not any("ann" in name or "bob" in name for name in state)
    np.testing.assert_array_equal(state["average.decoder.me.000"], theirs["average.decoder.bob.000"].astype(np.float32))
    with pytest.raises(BaseMissing, match="no decoder of eve"):
        base.start("eve", "me", tmp_path / "other")


def samples(workspace: Workspace, settings: Configuration, *, held_out: bool) -> None:
    """One shard of four samples of nothing in particular."""
    g = np.random.default_rng(3 + held_out)
    made = []
    for _ in range(4):
        sample = {}
        for name, channels in CHANNELS.items():
            shape = (4, 4, channels) if channels > 1 else (4, 4)
            coarse = g.integers(0, 255, shape).astype(np.uint8)
            sample[name] = cv2.resize(coarse, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_LINEAR)
        made.append(sample)
    seed = next(k for k in range(1000) if settings.held_out(k) == held_out)
    meta = {"identity_index": np.zeros(4, np.int64), "actor_seed": np.full(4, seed)}
    meta |= {"sequence": np.zeros(4, np.int64), "frame": np.arange(4)}
    workspace.keep_samples(workspace.samples / f"me-own-{held_out}", made, meta)


def test_the_decoder_learns_in_the_time_given_and_the_encoder_stays(base: Base, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.index_of("me")
    settings = replace(
        own_training.configuration(bfloat16=False), rows=2, sides=(32,), side_shares=(1.0,), perceptual_weight=0.0
    )
    settings = replace(settings, adversarial_weight=0.0, identity_weight=0.0)
    for held_out in (False, True):
        samples(workspace, settings, held_out=held_out)
    own_training.Progress("bob").save(tmp_path)
    said: list[str] = []
    options = {"base": base, "minutes": 0.02, "settings": settings, "marks": (0.001,), "say": said.append}
    progress = own_training.train(workspace, "me", **options)  # type: ignore[arg-type]
    assert 60 * 0.02 <= progress.seconds <= 60 * 0.02 + 20
    assert [point["step"] for point in progress.curve] == sorted({progress.curve[0]["step"], progress.step})
    start, end = checkpoint.load(tmp_path / "start"), checkpoint.load(workspace.run)
    for name, array in start.items():
        changed = bool(np.abs(end[name.removeprefix("average.")] - array).max() > 0)
        assert changed == name.startswith("average.decoder."), name
    learnt, _ = own_training.learnt_networks(workspace, "me")
    for name, variable in learnt.variables().items():
        share = own_training._LEARNT
        between = (1 - share) * start[f"average.{name}"].astype(np.float32) + share * end[f"average.{name}"]
        np.testing.assert_allclose(variable.numpy(), between, atol=1e-6)
    assert progress.start in said[0]
    # What is over is not trained again.
    assert own_training.train(workspace, "me", **options).step == progress.step  # type: ignore[arg-type]


def test_the_decoder_that_draws_the_person_best_is_where_it_starts(base: Base, tmp_path: Path) -> None:
    settings = replace(own_training.configuration(bfloat16=False), rows=2)
    workspace = Workspace(tmp_path / "me")
    workspace.index_of("me")
    samples(workspace, settings, held_out=False)
    pool = SamplePool(workspace.samples, ["me"], settings, held_out=False)
    for worse, best in (("ann", "bob"), ("bob", "ann")):
        state = dict(checkpoint.load(base.weights))
        # Noise in all that it draws.
        last = max(name for name in state if name.startswith(f"average.decoder.{worse}."))
        weights = [name for name in (last, f"{last[:-3]}{int(last[-3:]) - 1:03d}") if state[name].ndim == 4]
        for name in weights:
            noise = np.random.default_rng(0).normal(0, 1, state[name].shape)
            state[name] = noise.astype(np.float16)
        folder = tmp_path / worse
        folder.mkdir()
        checkpoint.save(folder, state)
        assert own_training.best_start(replace(base, weights=folder), pool) == best


@pytest.mark.parametrize(
    "given",
    [{}, {"record": Path("consent.json")}, {"record": Path("a"), "video": Path("b"), "rendered": "performer"}],
)
def test_a_video_without_consent_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(FootageRefused, match="Whose video is it"):
        Permission(**given)  # type: ignore[arg-type]


def test_faces_are_compared_once_for_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(own_consent.gate, "FaceReader", lambda: None)
    monkeypatch.setattr(own_consent.gate, "rendered_person", lambda name, _reader: compared.append(name))
    monkeypatch.setattr(own_consent.gate, "check_footage", lambda *_: None)
    for _ in range(2):
        record = own_consent.admit(Permission(rendered="performer"), PERFORMER, "me", tmp_path)
        assert record.kind == "synthetic"
    assert compared == ["performer"]
    other = tmp_path / "other.mp4"
    other.write_bytes(PERFORMER.read_bytes() + b" ")
    own_consent.admit(Permission(rendered="performer"), other, "me", tmp_path)
    assert compared == ["performer"] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--video", str(PERFORMER)], "Whose video is it"),
        (["--video", "nothing.mp4", "--rendered", "performer"], "nothing.mp4 is not a file"),
        (["--video", str(PERFORMER), "--rendered", "performer", "--minutes", "0"], "more than 0"),
        (["--video", str(PERFORMER), "--consent", "no.json", "--consent-video", str(PERFORMER)], "no consent record"),
    ],
)
def test_the_tool_says_what_is_wrong(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_identity.main([*arguments, "--name", "me", "--work", str(tmp_path / "work")]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "work" / "video.npz").exists()


def test_a_name_is_a_plain_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_identity.main(["--video", str(PERFORMER), "--name", "../me"])
    assert "is no name" in capsys.readouterr().err
