"""Training of the face parser on a handful of tiny stills. Needs TensorFlow (.venv-train)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs .venv-train")

import keras
import tensorflow as tf
import train_parser

from deepfake_core.facemesh import topology
from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.parsing.classes import MIRRORED, Label
from deepfake_core.synthetic import dataset
from deepfake_core.training import parser_export
from deepfake_core.training.muon import ConvolutionMuon
from deepfake_core.training.parser_augmentation import (
    with_background,
    with_folds,
    with_occluder,
    with_plain_cloth,
    with_shaded_eyes,
)
from deepfake_core.training.parser_data import UNLABELLED, RenderedDataUnusable, StillPool, parser_batches
from deepfake_core.training.parser_losses import CLASSES, parsing_loss
from deepfake_core.training.parser_networks import ENCODER, build_parser, deepened, folded, guided
from deepfake_core.training.parser_trainer import (
    CHECKPOINT,
    CheckpointUnusable,
    ParserSettings,
    ParserTrainer,
    TrainingRuns,
    alone_in,
    network_input,
)
from deepfake_core.training.parser_weights import (
    WEIGHTS_NAME,
    WeightsUnusable,
    feature_extractor,
    read_weights,
    save_weights,
)
from tests.training.work import gigaflops

pytestmark = pytest.mark.train
SIZE = 64
QUICK = ParserSettings(batch=4, size=SIZE, steps=8, warm_up_steps=2)


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey pictures with a red face, a hand in every second one."""
    folder = tmp_path_factory.mktemp("stills")
    described = dataset.Description.model_validate(
        {
            "kind": "stills",
            "identity": "",
            "size": SIZE,
            "seed": 0,
            "count": 128,
            "views": ("actor",),
            "webcam": True,
            "units": ("JawDrop",),
            "lights": (),
            "command": "test",
        }
    )
    dataset.start_dataset(folder, described)
    points = topology.canonical_face().vertices * (1.6, -1.6, -1.6) + (SIZE / 2, SIZE / 2, 0)
    for index in range(described.shards):
        layout = dataset.layout(described, described.samples_of(index))
        arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in layout.items()}
        arrays["actor_bgr"][:] = 90
        arrays["actor_bgr"][:, 16:48, 20:44] = (40, 40, 220)
        arrays["actor_labels"][:, 16:48, 20:44] = Label.SKIN
        arrays["actor_labels"][:, 24:27, 24:30] = Label.L_EYE
        arrays["actor_bgr"][:, 24:27, 24:30] = (250, 250, 250)
        arrays["actor_bgr"][::2, 40:56, 36:56] = (40, 160, 40)
        arrays["actor_labels"][::2, 40:56, 36:56] = Label.OCCLUDER
        arrays["occluded"][::2] = 2
        arrays["actor_alpha"][:, 16:48, 20:44] = 255
        arrays["actor_points"][:] = points.astype(np.float32)
        arrays["actor_seed"] = 64 * index + np.arange(len(arrays["yaw"]), dtype=np.int64)
        dataset.write_shard(folder, index, arrays)
    return folder


def test_samples_come_from_the_counter_and_people_held_out_are_others(stills: Path) -> None:
    pool, other = StillPool([stills], held_out=False), StillPool([stills], held_out=True)
    assert len(pool) + len(other) == 128
    assert not {int(pool.sample(k)["seed"]) for k in range(len(pool))} & {
        int(other.sample(k)["seed"]) for k in range(len(other))
    }
    first, again, next_one = (pool.drawn(1, counter, SIZE) for counter in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != next_one[0]).any()
    assert first[0].shape == (SIZE, SIZE, 3)
    assert first[1].shape == (SIZE, SIZE)
    assert pool.aligned(0, SIZE)[1].shape == (SIZE // 2, SIZE // 2)


def test_picture_and_labels_stay_together_and_left_stays_left(stills: Path) -> None:
    pool = StillPool([stills], held_out=False)
    eyes = np.zeros(2, int)
    agreement = []
    for counter in range(60):
        picture, labels = pool.drawn(3, counter, SIZE)
        seen = picture.astype(int)
        red = seen[..., 2] - seen[..., :2].max(axis=2)
        if (labels == Label.SKIN).any() and (labels == Label.BACKGROUND).any():
            agreement.append(red[labels == Label.SKIN].mean() > red[labels == Label.BACKGROUND].mean())
        for k, (eye, side) in enumerate(((Label.L_EYE, -1), (Label.R_EYE, 1))):
            found = np.argwhere(labels == eye)
            skin = np.argwhere(labels == Label.SKIN)
            if len(found) > 12:
                eyes[k] += 1
                assert np.sign(found[:, 1].mean() - skin[:, 1].mean()) == side
    assert np.mean(agreement) > 0.85
    assert eyes.min() > 5  # mirrored pictures have the other eye
    assert MIRRORED[Label.L_EYE] == Label.R_EYE


def test_both_crops_of_a_pair_show_the_same_and_lie_as_the_pair_says(stills: Path) -> None:
    pool = StillPool([stills], held_out=False)
    eyes = np.zeros(2, int)
    alike, agreement = [], []
    for counter in range(30):
        (fine, coarse, between), labels = pool.drawn_pair(3, counter, SIZE)
        assert labels.shape == (SIZE, SIZE)
        half = (SIZE // 2, SIZE // 2)
        small, wide = (cv2.resize(each, half, interpolation=cv2.INTER_AREA).astype(float) for each in (fine, coarse))
        found = cv2.warpAffine(wide, between, half, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        inner = np.s_[4:-4, 4:-4]
        alike.append(np.corrcoef(found[inner].ravel(), small[inner].ravel())[0, 1])
        red = fine[..., 2].astype(int) - fine[..., :2].max(axis=2)
        if (labels == Label.SKIN).any() and (labels == Label.BACKGROUND).any():
            agreement.append(red[labels == Label.SKIN].mean() > red[labels == Label.BACKGROUND].mean())
        for k, (eye, side) in enumerate(((Label.L_EYE, -1), (Label.R_EYE, 1))):
            seen, skin = (np.argwhere(labels == each) for each in (eye, Label.SKIN))
            if len(seen) > 12:
                eyes[k] += 1
                assert np.sign(seen[:, 1].mean() - skin[:, 1].mean()) == side
    assert np.median(alike) > 0.9
    assert np.mean(agreement) > 0.85
    assert eyes.min() > 3
    (fine, coarse, _), truth = pool.aligned_pair(0, SIZE)
    assert fine.shape == coarse.shape
    assert (truth == Label.SKIN).mean() > (pool.aligned(0, SIZE)[1] == Label.SKIN).mean()  # nearer


def test_what_is_laid_on_is_labelled_and_a_new_background_spares_the_person(stills: Path) -> None:
    pool = StillPool([stills], held_out=False)
    generator = np.random.default_rng(0)
    plain = next(pool.sample(k) for k in range(len(pool)) if pool.sample(k)["occluded"] == 0)
    hand = next(pool.sample(k) for k in range(len(pool)) if pool.sample(k)["occluded"] == 2)
    laid = with_occluder(
        plain["bgr"],
        plain["labels"],
        plain["points"],
        generator,
        other=hand["bgr"],
        other_labels=hand["labels"],
        own_skin=False,
    )
    there = laid[1] == Label.OCCLUDER
    assert there.sum() > 50
    assert (laid[0][there].astype(int)[:, 1] > laid[0][there][:, 2]).mean() > 0.8  # green as the hand
    behind = with_background(plain["bgr"], plain["alpha"], hand["bgr"], generator)
    np.testing.assert_allclose(behind[18:22, 22:40].astype(int), plain["bgr"][18:22, 22:40], atol=1)


def test_an_arm_in_a_sleeve_before_the_face_is_seen_more_often_than_it_was_rendered(
    stills: Path, tmp_path: Path
) -> None:
    for path in stills.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    first = sorted(tmp_path.glob("shard-*.npz"))[0]
    with np.load(first) as archive:
        arrays = dict(archive)
    row = next(k for k in range(2, len(arrays["occluded"]), 2) if arrays["actor_seed"][k])
    arrays["actor_labels"][row, 34:40, 24:40] = Label.CLOTH
    np.savez(first, **arrays)
    pool = StillPool([tmp_path], held_out=False)
    assert any((pool.sample(k)["labels"] == Label.CLOTH).any() for k in range(len(pool)))
    shown = [(pool.drawn(4, counter, SIZE)[1] == Label.CLOTH).any() for counter in range(400)]
    assert np.mean(shown) > 3 / len(pool)  # one in len(pool) was rendered


def test_clothes_change_and_nothing_else_and_dark_eyes_are_no_glasses(stills: Path) -> None:
    pool = StillPool([stills], held_out=False)
    still = next(pool.sample(k) for k in range(len(pool)) if pool.sample(k)["occluded"] == 0)
    labels = still["labels"].copy()
    labels[50:, :30] = Label.CLOTH
    generator = np.random.default_rng(0)
    others = labels != Label.CLOTH
    others[:, 30:32], others[48:50] = False, False  # their edge is soft
    for made in (
        with_plain_cloth(still["bgr"], labels, still["hair_matte"], generator),
        with_folds(still["bgr"], labels, generator),
    ):
        np.testing.assert_allclose(made[others].astype(int), still["bgr"][others], atol=1)
        assert (made[labels == Label.CLOTH] != still["bgr"][labels == Label.CLOTH]).mean() > 0.3
    shaded = with_shaded_eyes(still["bgr"], still["points"], generator)
    assert (shaded <= still["bgr"]).all()
    assert (shaded != still["bgr"]).any()


def test_smeared_eyes_lose_their_detail_and_nothing_else_does() -> None:
    points = topology.canonical_face().vertices * (12.0, -12.0, -12.0) + (128, 128, 0)
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    sharp, smeared = (
        with_shaded_eyes(picture, points, np.random.default_rng(1), smeared=each).astype(int) for each in (False, True)
    )
    for outline in (topology.LEFT_EYE, topology.RIGHT_EYE):
        x, y = np.round(points[list(outline), :2].mean(0)).astype(int)
        eye = np.s_[y - 3 : y + 4, x - 3 : x + 4]
        assert smeared[eye].std() < 0.5 * sharp[eye].std()
    np.testing.assert_array_equal(smeared[180:], picture[180:])


def test_the_loss_is_small_for_the_truth_and_blind_to_what_nobody_knows() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, (2, 16, 16)).astype(np.uint8)
    right = tf.one_hot(tf.cast(labels, tf.int32), CLASSES) * 20.0
    wrong = tf.one_hot(tf.cast((labels + 1) % CLASSES, tf.int32), CLASSES) * 20.0
    good, bad = (float(parsing_loss(logits, labels)["total"]) for logits in (right, wrong))
    assert good < 0.1
    assert bad > 1.5
    blind = labels.copy()
    blind[:, :8] = UNLABELLED
    mixed = tf.concat([wrong[:, :8], right[:, 8:]], axis=1)
    assert float(parsing_loss(mixed, blind)["total"]) < 0.2


def test_of_finer_labels_the_loss_wants_their_shares() -> None:
    labels = np.full((1, 16, 16), Label.SKIN, np.uint8)
    labels[:, :, 1::2] = Label.HAIR

    def loss(hair: float) -> float:
        shares = np.full((1, 8, 8, CLASSES), 1e-6, np.float32)
        shares[..., Label.HAIR], shares[..., Label.SKIN] = hair, 1.0 - hair
        return float(parsing_loss(np.log(shares), labels)["total"])

    assert min((0.2, 0.4, 0.5, 0.6, 0.8), key=loss) == 0.5


def test_with_a_teacher_the_cross_entropy_wants_what_lies_between_its_shares_and_the_labels() -> None:
    labels = np.full((1, 8, 8), Label.SKIN, np.uint8)
    hairy = tf.one_hot(tf.fill((1, 8, 8), int(Label.HAIR)), CLASSES)

    def loss(hair: float) -> float:
        shares = np.full((1, 8, 8, CLASSES), 1e-6, np.float32)
        shares[..., Label.HAIR], shares[..., Label.SKIN] = hair, 1.0 - hair
        return float(parsing_loss(np.log(shares), labels, taught=(0.4, hairy))["cross_entropy"])

    assert min((0.2, 0.4, 0.6), key=loss) == 0.4


def test_an_unknown_class_costs_nothing_in_the_background_alone() -> None:
    known = np.arange(CLASSES) != Label.OCCLUDER
    said = tf.one_hot(tf.fill((1, 8, 8), int(Label.OCCLUDER)), CLASSES) * 20.0
    background, skin = np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), Label.SKIN, np.uint8)
    assert float(parsing_loss(said, background, known=known)["cross_entropy"]) < 0.01
    assert float(parsing_loss(said, background)["cross_entropy"]) > 5
    assert float(parsing_loss(said, skin, known=known)["cross_entropy"]) > 5


def test_training_learns_stops_and_goes_on_as_if_it_had_not_stopped(stills: Path, tmp_path: Path) -> None:
    pool = StillPool([stills], held_out=False)

    def run(folder: Path, until: int) -> list[float]:
        trainer = ParserTrainer(folder, QUICK)
        batches = parser_batches(pool, seed=1, batch=4, size=SIZE, first_step=trainer.step)
        trainer.train(batches, until=until, say=lambda report: None)
        return [variable.numpy().sum() for variable in trainer.parser.trainable_variables]

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 3)
    parts = run(tmp_path / "parts", 6)
    np.testing.assert_allclose(whole, parts, rtol=2e-3, atol=2e-3)
    log = [json.loads(line) for line in (tmp_path / "parts/parser-log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 6


def test_a_teacher_is_heeded_and_stays_as_it_is(stills: Path, tmp_path: Path) -> None:
    teacher = deepened(build_parser(normalised=False))
    before = [np.array(weights) for weights in teacher.get_weights()]
    pool = StillPool([stills], held_out=False)

    def trained(name: str, taught: float) -> list[np.ndarray]:
        settings = replace(QUICK, normalised=False, taught=taught)
        trainer = ParserTrainer(tmp_path / name, settings, teacher=teacher)
        trainer.train(parser_batches(pool, seed=1, batch=4, size=SIZE, first_step=0), until=3, say=lambda _: None)
        return [np.array(weights) for weights in trainer.parser.get_weights()]

    alone, taught = trained("alone", 0.0), trained("taught", 1.0)
    assert max(np.abs(a - b).max() for a, b in zip(alone, taught, strict=True)) > 1e-4
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(TrainingRuns, match="Another training runs"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_bfloat16_is_calculated_in_while_the_weights_stay_float32(tmp_path: Path) -> None:
    trainer = ParserTrainer(tmp_path, ParserSettings(batch=2, size=SIZE, bfloat16=True))
    assert trainer.parser.get_layer("logits_conv").compute_dtype == "bfloat16"
    assert trainer.parser.get_layer(ENCODER).get_layer("e2_conv").compute_dtype == "bfloat16"
    assert {str(weight.dtype) for weight in trainer.parser.weights} == {"float32"}
    assert keras.mixed_precision.dtype_policy().name == "float32"


def test_a_step_turns_all_directions_of_a_kernel_alike_and_follows_the_gradient() -> None:
    generator = np.random.default_rng(0)
    kernels = [keras.Variable(np.zeros(shape, np.float32), name=name) for name, shape in _STEPPED.items()]
    optimiser = ConvolutionMuon(0.01, weight_decay=0.0, adamw_layers=["logits"])
    optimiser.build(kernels)
    gradients = [generator.normal(0.0, 1.0, kernel.shape).astype(np.float32) for kernel in kernels]
    gradients[0][..., 0] *= 100.0  # what one channel wants would drown the others
    optimiser.apply([tf.constant(gradient) for gradient in gradients], kernels)
    steps = {kernel.name: kernel.numpy() for kernel in kernels}
    assert -np.sum(steps["inner"] * gradients[0]) > 0
    strengths = np.linalg.svd(steps["inner"].reshape(-1, 8), compute_uv=False) / (0.01 * 0.2 * np.sqrt(9 * 16))
    assert strengths.min() > 0.5
    assert strengths.max() < 1.5
    for name, gradient in zip(_STEPPED, gradients, strict=True):
        if name != "inner":  # AdamW's first step is the sign of the gradient
            np.testing.assert_allclose(steps[name], -0.01 * np.sign(gradient), atol=1e-4)


_STEPPED = {
    "inner": (3, 3, 16, 8),
    "of_picture": (3, 3, 3, 8),
    "apart": (3, 3, 8, 1),
    "logits": (1, 1, 8, 4),
    "bias": (8,),
}


def test_a_frozen_encoder_does_not_move(stills: Path, tmp_path: Path) -> None:
    settings = ParserSettings(batch=2, size=SIZE, steps=8, warm_up_steps=1, frozen_steps=8)
    trainer = ParserTrainer(tmp_path, settings)
    encoder = trainer.parser.get_layer(ENCODER)
    before = [w.numpy().copy() for w in encoder.weights]
    head = trainer.parser.get_layer("logits_conv").kernel.numpy().copy()
    batches = parser_batches(StillPool([stills], held_out=False), seed=1, batch=2, size=SIZE, first_step=0)
    trainer.train(batches, until=2, say=lambda report: None)
    for old, new in zip(before, encoder.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert (head != trainer.parser.get_layer("logits_conv").kernel.numpy()).any()


def shaken(parser: keras.Model, by: float = 0.1) -> keras.Model:
    """The parser with statistics and weights as after a training."""
    generator = np.random.default_rng(0)
    parser.set_weights([w + generator.uniform(0.0, by, w.shape) for w in parser.get_weights()])
    return parser


def test_folding_normalisation_changes_nothing_but_the_operators() -> None:
    parser = shaken(build_parser())
    picture = tf.random.uniform((1, 64, 64, 3), -1, 1, seed=1)
    plain = folded(parser)
    wanted = parser(picture, training=False).numpy()
    np.testing.assert_allclose(plain(picture, training=False), wanted, atol=1e-3 * np.abs(wanted).max())
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in plain.get_layer(ENCODER).layers)


def test_the_larger_network_starts_as_the_small_one_and_all_of_it_learns() -> None:
    small = shaken(build_parser(normalised=False))
    large = deepened(small)
    picture = tf.random.uniform((1, 64, 64, 3), -1, 1, seed=1)
    wanted = small(picture, training=False).numpy()
    np.testing.assert_allclose(large(picture, training=False), wanted, atol=1e-5 * np.abs(wanted).max())
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(large(picture, training=True) - wanted - 1.0))
    new = [
        tf.reduce_max(tf.abs(gradient)).numpy()
        for gradient, variable in zip(
            tape.gradient(loss, [v.value for v in large.trainable_variables]), large.trainable_variables, strict=True
        )
        if "_out_conv" in variable.path and variable.path.split("/")[-2][:-9] in ("e4a", "e16d", "e32d", "d8a", "d4a")
    ]
    assert len(new) == 10
    assert min(new) > 0


def test_a_guided_network_starts_between_what_it_is_told_and_what_the_large_one_says_and_all_of_it_learns() -> None:
    large = deepened(read_weights(MODELS_DIR / WEIGHTS_NAME))
    made = guided(large)
    picture = tf.random.uniform((1, 64, 64, 3), -1, 1, seed=1)
    around = tf.nn.softmax(3.0 * tf.random.normal((1, 32, 32, CLASSES), seed=2))
    told = np.maximum(around.numpy(), 1e-3)
    wanted = tf.nn.softmax(0.5 * large(picture, training=False) + 0.5 * np.log(told)).numpy()
    np.testing.assert_allclose(tf.nn.softmax(made([picture, around], training=False)).numpy(), wanted, atol=1e-4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(made([picture, around], training=True)))
    gradients = tape.gradient(loss, [v.value for v in made.trainable_variables])
    new = [
        tf.reduce_max(tf.abs(gradient)).numpy()
        for gradient, variable in zip(gradients, made.trainable_variables, strict=True)
        if "around" in variable.path
    ]
    assert len(new) == 4
    assert min(new) > 0


def test_what_is_found_around_is_laid_where_the_fine_crop_is(stills: Path) -> None:
    seen, truth = StillPool([stills], held_out=False).aligned_pair(1, SIZE)

    def red_is_skin(pictures: tf.Tensor, training: bool) -> tf.Tensor:
        small = tf.nn.avg_pool2d(pictures, 2, 2, "VALID")
        skin = tf.cast(small[..., 0] - small[..., 1] > 0.5, tf.float32)
        return 20.0 * tf.one_hot(tf.cast(skin, tf.int32), CLASSES)

    _, around = network_input(tuple(tf.constant(each[None]) for each in seen), red_is_skin)
    found = around.numpy()[0, ..., Label.SKIN] > 0.5
    skin = np.isin(truth, (Label.SKIN,))
    assert (found & skin).sum() / (found | skin).sum() > 0.85


def test_the_networks_keep_to_their_work() -> None:
    for kind, most in (("fused", 0.5), ("large", 1.5), ("guided", 1.52)):
        built = build_parser(kind, normalised=False, size=256)  # type: ignore[arg-type]
        assert gigaflops(built) + gigaflops(built.get_layer(ENCODER)) <= most


@pytest.mark.parametrize("kind", ["fused", "large", "guided", "mobilenetv3"])
def test_export_says_what_keras_says_in_the_operators_that_are_accepted(kind: str) -> None:
    from deepfake_core.inference.session import open_session
    from deepfake_core.parsing.parser import checked, network_shares

    if kind in ("large", "guided"):  # without normalisation only trained weights keep features in bounds
        parser = deepened(read_weights(MODELS_DIR / WEIGHTS_NAME))
        parser = shaken(guided(parser) if kind == "guided" else parser, 0.002)
    else:
        parser = shaken(build_parser(kind))  # type: ignore[arg-type]
    data = parser_export.parser_onnx(parser)
    assert parser_export.largest_difference(parser, data, seed=3) <= parser_export.TOLERANCE
    around = np.full((CLASSES, 128, 128), 1 / CLASSES, np.float32) if kind == "guided" else None
    session = checked(open_session(data, name="test"), guided=kind == "guided")
    shares = network_shares(session, np.zeros((256, 256, 3), np.uint8), around)
    np.testing.assert_allclose(shares.sum(0), 1.0, atol=1e-4)


@pytest.mark.parametrize("by", [0.1, np.nan])
def test_an_export_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    def other(parser: keras.Model) -> keras.Model:
        made = keras.models.clone_model(parser)
        made.set_weights([w + by for w in parser.get_weights()])
        return made

    monkeypatch.setattr(parser_export, "_taking_bgr", other)
    with pytest.raises(parser_export.ParserExportMismatch, match="differs"):
        parser_export.parser_onnx(build_parser())


def test_weights_go_to_a_file_and_back_and_other_files_are_refused(tmp_path: Path) -> None:
    parser = shaken(build_parser())
    path = tmp_path / "weights.safetensors"
    save_weights(parser, path, kind="fused", normalised=True)
    for mine, theirs in zip(parser.get_weights(), read_weights(path).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsUnusable, match="cannot be read"):
        read_weights(path)
    with pytest.raises(WeightsUnusable, match="cannot be read"):
        read_weights(tmp_path / "missing.safetensors")


def test_features_shrink_stage_by_stage_and_let_gradients_through() -> None:
    extractor = feature_extractor(build_parser())
    pictures = tf.Variable(tf.random.uniform((2, 64, 64, 3)))
    with tf.GradientTape() as tape:
        features = extractor(pictures)
        loss = tf.add_n([tf.reduce_mean(each) for each in features])
    assert [each.shape[1:] for each in features] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]
    assert float(tf.reduce_max(tf.abs(tape.gradient(loss, pictures)))) > 0
    assert not extractor.trainable_variables


def test_stills_that_are_not_there_and_the_benchmark_are_refused(stills: Path, tmp_path: Path) -> None:
    with pytest.raises(RenderedDataUnusable, match="no data set"):
        StillPool([tmp_path], held_out=False)
    copy = tmp_path / "benchmark"
    copy.mkdir()
    text = (stills / "dataset.json").read_text().replace('"training"', '"benchmark"')
    (copy / "dataset.json").write_text(text)
    with pytest.raises(RenderedDataUnusable, match="nothing may be trained on it"):
        StillPool([copy], held_out=False)
    (copy / "dataset.json").write_text((stills / "dataset.json").read_text())
    whole = (stills / "shard-00000.npz").read_bytes()
    (copy / "shard-00000.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RenderedDataUnusable, match=r"shard-00000\.npz cannot be read"):
        StillPool([copy], held_out=False)


def test_the_tool_trains_shows_and_exports_only_what_is_whole(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow takes its threads only once in a process.
    monkeypatch.setattr(train_parser, "_set_threads", lambda _threads: None)

    work, models = tmp_path / "work", tmp_path / "models"
    models.mkdir()
    train = ["train", "--work", str(work), "--stills", str(stills), "--size", "64", "--batch", "2", "--steps", "4"]
    assert train_parser.main([*train, "--until", "2"]) == 0
    assert {"parser-curves.png", "parser-preview.png", CHECKPOINT} <= {path.name for path in work.iterdir()}
    assert train_parser.main(["export", "--work", str(work), "--models", str(models)]) == 1
    assert "stands at step 2 of 4" in capsys.readouterr().err
    assert not list(models.iterdir())
    assert train_parser.main(train) == 0
    assert train_parser.main(["export", "--work", str(work), "--models", str(models)]) == 0
    assert set(Manifest.load(models).entries) == {"parsing/parser.onnx", "parsing/parser_weights.safetensors"}
    assert train_parser.main(["evaluate", "--work", str(work), "--stills", str(stills), "--count", "2"]) == 0
    assert "mean" in capsys.readouterr().out
    deepen = ["train", "--work", str(tmp_path / "large"), "--from", str(work), "--deepen", *train[3:]]
    assert train_parser.main(deepen) == 0
    assert train_parser.main(["export", "--work", str(tmp_path / "large"), "--models", str(models)]) == 0
    assert "parsing/parser_large.onnx" in Manifest.load(models).entries
    fine, large = tmp_path / "fine", str(tmp_path / "large")
    guide = ["train", "--work", str(fine), "--from", large, "--deepen", "--guide", large, *train[3:]]
    assert train_parser.main(guide) == 0
    assert train_parser.main(["export", "--work", str(fine), "--models", str(models)]) == 0
    assert "parsing/parser_fine.onnx" in Manifest.load(models).entries
    score = ["evaluate", "--work", str(fine), "--stills", str(stills), "--count", "2"]
    assert train_parser.main(score) == 1
    assert "--guide belongs to" in capsys.readouterr().err
    assert train_parser.main([*score, "--guide", large]) == 0
    taught = ["train", "--work", str(tmp_path / "taught"), "--teacher", str(tmp_path / "large"), *train[3:]]
    assert train_parser.main([*taught, "--until", "1"]) == 0
    assert json.loads((tmp_path / "taught" / "parser-settings.json").read_text())["taught"] == 0.5
    assert train_parser.main(["train", "--work", str(tmp_path / "none"), "--deepen", *train[3:]]) == 1
    assert "need --from" in capsys.readouterr().err
    (work / CHECKPOINT).write_bytes(b"broken")
    assert train_parser.main(train) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_checkpoint_of_another_network_is_refused(stills: Path, tmp_path: Path) -> None:
    trainer = ParserTrainer(tmp_path, QUICK)
    trainer.save()
    with pytest.raises(CheckpointUnusable, match="another network"):
        ParserTrainer(tmp_path, ParserSettings(kind="mobilenetv3", size=SIZE))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnusable, match="another network"):
        ParserTrainer(tmp_path, ParserSettings(size=SIZE), build_parser("mobilenetv3"))
    assert not list(tmp_path.iterdir())
