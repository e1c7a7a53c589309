import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping import alignment, regions

FEATURES = [
    *topology.LEFT_EYE,
    *topology.RIGHT_EYE,
    *topology.LEFT_EYEBROW,
    *topology.RIGHT_EYEBROW,
    *topology.LIPS_OUTER,
    1,
    4,
]


def points(yaw: float, size: int) -> np.ndarray:
    turned = cv2.Rodrigues(np.radians([0.0, yaw, 0.0]))[0]
    pose = alignment.Pose(10.0, turned, np.array([300.0, -300.0, 0.0]))
    landmarks = pose.to_picture(topology.canonical_face().vertices.astype(np.float64))
    return alignment.transform_points(alignment.crop_transform(alignment.fit_pose(landmarks), size), landmarks)


@pytest.mark.parametrize("yaw", [-75, -40, 0, 25, 60])
@pytest.mark.parametrize("size", [128, 256])
def test_the_matte_covers_the_drivers_features_without_a_hole(yaw: float, size: int) -> None:
    face = points(yaw, size)
    matte = regions.matte(face, size)
    x, y = np.round(face[FEATURES, :2]).astype(int).T
    assert matte[y, x].min() > 200
    outside, _, _, _ = cv2.connectedComponentsWithStats((matte == 0).astype(np.uint8), connectivity=4)
    assert outside == 2  # what is covered, and one piece around it
    assert matte[0].max() == matte[-1].max() == matte[:, 0].max() == matte[:, -1].max() == 0


def test_the_matte_stays_inside_the_jaw() -> None:
    size = 256
    face = points(0, size)
    hull = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.round(face[:, :2]).astype(np.int32)), 255)
    assert not (regions.matte(face, size)[hull == 0] > 0).any()


def test_skin_leaves_eyes_and_lips_out() -> None:
    size = 128
    face = points(0, size)
    skin = regions.skin(face, size)
    eyes = face[list(topology.LEFT_EYE), :2].mean(0).round().astype(int)
    lips = face[list(topology.LIPS_OUTER), :2].mean(0).round().astype(int)
    cheek = face[50, :2].round().astype(int)
    assert skin[lips[1], lips[0]] == 0
    assert skin[eyes[1], eyes[0]] < 255
    assert skin[cheek[1], cheek[0]] == 255


def test_lips_are_skin_and_what_lies_between_them_is_not() -> None:
    size = 256
    face = points(0, size)
    upper, lower = face[[0, 13], :2].mean(0), face[[14, 17], :2].mean(0)
    inside, eye = face[list(topology.LIPS_INNER), :2].mean(0), face[list(topology.LEFT_EYE), :2].mean(0)
    features = regions.features(face, size)
    found = [int(features[round(y), round(x)]) for x, y in (upper, lower, inside, eye)]
    assert max(found[:2]) < 90
    assert min(found[2:]) > 200
    lips = regions.lips(face, size)
    found = [int(lips[round(y), round(x)]) for x, y in (upper, lower, inside, eye)]
    assert min(found[:2]) > 165
    assert max(found[2:]) < 40
    # FaceMesh's outline lies within the lips.
    x, y = (1.1 * face[[0, 17], :2] - 0.1 * face[[17, 0], :2]).T
    assert (lips[np.round(y).astype(int), np.round(x).astype(int)] > 90).all()


def test_wild_landmarks_do_no_harm() -> None:
    wild = np.random.default_rng(0).normal(0, 1e7, (468, 3))
    for draw in (regions.matte, regions.skin, regions.eyes_and_mouth):
        assert draw(wild, 64).shape == (64, 64)
