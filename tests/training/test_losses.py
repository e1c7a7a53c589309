from __future__ import annotations

import numpy as np
import pytest

from deepfake_core.training.configuration import Configuration

pytestmark = pytest.mark.train

SIDE = 48
SETTINGS = Configuration()


def picture(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (4, SIDE, SIDE, channels)).astype(np.float32)


def full() -> np.ndarray:
    return np.ones((4, SIDE, SIDE, 1), np.float32)


def truth(**changes: np.ndarray) -> dict[str, np.ndarray]:
    values = {name: full() for name in ("head", "face", "known")}
    values |= {"emphasis": 0 * full(), "target": picture(1), "paired": np.zeros(2, np.float32)}
    return values | changes


def outputs(reflectance: np.ndarray, matte: float = 1.0) -> dict[str, np.ndarray]:
    return {"reflectance": reflectance, "face_matte": matte * full(), "head_matte": matte * full()}


def template() -> np.ndarray:
    return np.zeros((4, SIDE, SIDE, 4), np.float32)


def losses_of(drawn: dict[str, np.ndarray], true: dict[str, np.ndarray]) -> dict[str, float]:
    from deepfake_core.training.losses import picture_losses

    return {name: float(value) for name, value in picture_losses(drawn, true, template(), SETTINGS).items()}


def test_a_perfect_picture_costs_nothing() -> None:
    assert max(losses_of(outputs(picture(1)), truth()).values()) < 1e-3


def test_every_loss_notices_its_own_fault() -> None:
    perfect = losses_of(outputs(picture(1)), truth())
    shifted = losses_of(outputs(picture(1) + 0.2), truth())
    assert shifted["colour"] > perfect["colour"] + 0.1
    assert shifted["edges"] < 0.01
    assert shifted["contrast"] < 0.01
    assert losses_of(outputs(picture(2)), truth())["edges"] > 0.3
    assert losses_of(outputs(picture(2)), truth())["structure"] > 0.2
    assert losses_of(outputs(picture(1), matte=0.3), truth())["mattes"] > 0.1
    spilt = losses_of(outputs(picture(1)), truth(head=0 * full(), face=0 * full()))
    assert spilt["outside"] > 0.001


def test_what_a_hand_hides_does_not_count() -> None:
    known = full()
    known[:, :, : SIDE // 2] = 0.0
    drawn = picture(1)
    drawn[:, :, : SIDE // 2 - 8] += 5.0
    hidden = losses_of(outputs(drawn), truth(known=known))
    # Windows of the structure reach under the hand.
    assert max(hidden[name] for name in ("colour", "edges", "mattes")) < 0.01


def test_eyes_and_mouth_weigh_more() -> None:
    emphasis = 0 * full()
    emphasis[:, :10] = 1.0
    wrong = picture(1)
    wrong[:, :10] += 0.3
    assert (
        losses_of(outputs(wrong), truth(emphasis=emphasis))["colour"]
        > 1.5 * losses_of(outputs(wrong), truth())["colour"]
    )


def test_only_frames_of_a_sequence_have_to_move_alike() -> None:
    wrong = picture(1)
    wrong[0] += 0.3
    assert losses_of(outputs(wrong), truth())["temporal"] == 0.0
    moving = truth(paired=np.array([1.0, 0.0], np.float32))
    assert losses_of(outputs(wrong), moving)["temporal"] > 0.01
    both = picture(1)
    both[:2] += 0.3
    assert losses_of(outputs(both), moving)["temporal"] < 1e-6


def test_structural_similarity_is_that_of_its_definition() -> None:
    from deepfake_core.training.losses import structural_similarity

    a, b = picture(3)[:1, :8, :8, :1], picture(4)[:1, :8, :8, :1]
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    x, y = a.mean() + 0.5, b.mean() + 0.5
    wanted = (2 * x * y + 1e-4) / (x * x + y * y + 1e-4) * (2 * covariance + 9e-4) / (a.var() + b.var() + 9e-4)
    assert float(structural_similarity(a, b)[0, 0, 0, 0]) == pytest.approx(float(wanted), abs=1e-4)


def test_perceptual_and_identity_losses_compare_what_their_networks_see() -> None:
    from keras import ops

    from deepfake_core.training.losses import identity, perceptual, shown

    def features(x: np.ndarray) -> list:
        return [x[:, ::4, ::4], 5.0 * x]

    def embed(x: np.ndarray) -> object:
        return ops.reshape(x - 0.5, (4, -1))

    true = truth()
    a, b = (shown(p, true) for p in (picture(1), picture(2)))
    assert float(perceptual(features, a, a)) < 1e-6
    assert float(perceptual(features, b, a)) > 0.1
    assert abs(float(identity(embed, a, a))) < 1e-4
    assert float(identity(embed, b, a)) > 0.5
    nothing_known = shown(picture(2), truth(known=0 * full()))
    np.testing.assert_allclose(np.asarray(nothing_known), np.asarray(a), atol=1e-6)


def test_the_discriminator_learns_to_tell_drawn_from_true() -> None:
    import keras
    from keras import ops

    from deepfake_core.training import adversarial
    from deepfake_core.training.backend import adapter

    keras.utils.set_random_seed(1)
    discriminator = adversarial.build_discriminator()
    optimiser = keras.optimizers.Adam(2e-3)
    variables = discriminator.trainable_variables
    optimiser.build(variables)
    backend = adapter([*variables, *optimiser.variables])
    smooth = np.repeat(np.repeat(picture(5)[:, ::4, ::4], 4, 1), 4, 2)
    seen = [adversarial.view(p, full(), template(), full()) for p in (smooth, picture(5))]

    def step(inputs: dict) -> dict:
        def judging() -> tuple:
            loss = adversarial.judged(discriminator, inputs["drawn"], inputs["true"], inputs["noise"])
            return loss, loss

        loss, gradients = backend.gradients(judging, variables)
        optimiser.apply(gradients, variables)
        return {"loss": loss}

    inputs = {
        "drawn": seen[0],
        "true": seen[1],
        "noise": np.concatenate([picture(6), picture(7), picture(8)], -1)[..., :8],
    }
    compiled = backend.compiled(step)
    before, *_, after = (float(compiled(inputs)["loss"]) for _ in range(30))
    assert after < 0.5 * before
    assert float(adversarial.fooled(discriminator, seen[0])) > float(adversarial.fooled(discriminator, seen[1]))
    assert discriminator(ops.convert_to_tensor(seen[0])).shape == (4, SIDE // 8, SIDE // 8, 1)


def test_contrast_asks_for_detail_wherever_it_lies() -> None:
    from deepfake_core.training.losses import contrast

    blurred = np.repeat(np.repeat(picture(1)[:, ::4, ::4], 4, 1), 4, 2)
    sharp_elsewhere = picture(2)
    assert float(contrast(blurred, picture(1), full())) > 5 * float(contrast(sharp_elsewhere, picture(1), full()))
