"""The network of the identity loss. Needs TensorFlow (.venv-train)."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the networks need .venv-train")
from deepfake_core.facemesh import topology
from deepfake_core.parsing.classes import Label
from deepfake_core.training import identity_embedding
from deepfake_core.training.identity_embedding import STORED, AngularMargin, Faces, build_network, face_picture, split
from deepfake_core.training.identity_embedding import verification as verify

pytestmark = pytest.mark.train


def test_people_apart_have_no_errors_and_noise_has_half() -> None:
    g = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 4)
    corners = np.eye(64)[people]
    assert verify(corners, people).equal_error_rate == 0.0
    noise = g.normal(size=(160, 64))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert verify(noise, people).equal_error_rate == pytest.approx(0.5, abs=0.06)
    assert verify(corners, people).similarity_same == pytest.approx(1.0)


def test_a_face_is_aligned_and_freed_of_its_light() -> None:
    canonical = topology.canonical_face().vertices * np.array([9.0, -9.0, -9.0]) + np.array([128.0, 128.0, 0.0])
    ramp = np.linspace(60, 200, 256)[None, :, None] * np.ones((256, 1, 3))
    labels = np.full((256, 256), int(Label.SKIN), np.uint8)
    picture, head = face_picture(ramp.astype(np.uint8), labels, canonical)
    assert picture.shape == (STORED, STORED, 3)
    assert head.all()
    inside = picture[20:-20, 20:-20].astype(float)
    assert np.abs(inside / 127.5 - 1.0).max() < 0.2


def test_embeddings_are_unit_vectors_of_pictures_of_any_size() -> None:
    network = build_network()
    for side in (96, 128):
        vectors = np.asarray(network(np.random.default_rng(1).random((2, side, side, 3), np.float32)))
        assert vectors.shape == (2, identity_embedding.NUMBERS)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


def test_the_margin_makes_the_true_person_harder() -> None:
    layer = AngularMargin(3)
    vectors = np.eye(8, dtype=np.float32)[:1]
    layer.build([(1, 8), (1,)])
    plain, margin = (np.asarray(layer((vectors, np.array([person])))) for person in (1, 0))
    assert margin[0, 0] < plain[0, 0]
    assert margin[0, 2] == pytest.approx(plain[0, 2])


def test_nobody_is_in_both_parts() -> None:
    people = np.repeat(np.arange(64), 2)
    faces = Faces(np.zeros((128, 2, 2, 3), np.uint8), np.zeros((128, 2, 2), np.bool_), people)
    known, judged = split(faces)
    assert not set(known.people) & set(judged.people)
    assert len(set(judged.people)) == 4
