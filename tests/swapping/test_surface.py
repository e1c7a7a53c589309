import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping import surface


def posed(size: float, turned: float = 0.0) -> np.ndarray:
    """The canonical face in the middle of a square of `size` px."""
    head = surface.extend(topology.canonical_face().vertices.astype(np.float64))
    sine, cosine = np.sin(turned), np.cos(turned)
    head = head @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    return head * np.array([1, -1, -1]) * size / 26 + np.array([size / 2, size / 2, 0])


def test_the_raster_holds_each_vertex_where_it_is() -> None:
    points = posed(128)
    raster = surface.rasterise(points, 128)
    where = raster.interpolate(points[:, :2].astype(np.float32), fill=-1.0)
    rows, columns = np.nonzero(raster.coverage())
    # Interpolated positions of the vertices are the positions of the pixels that show them.
    np.testing.assert_allclose(where[rows, columns], np.column_stack([columns, rows]), atol=0.05)
    assert (where[raster.coverage() == 0] == -1).all()
    assert raster.coverage()[64, 64] == 255


def test_weights_are_barycentric() -> None:
    raster = surface.rasterise(posed(96), 96)
    np.testing.assert_allclose(raster.weights.sum(0), 1.0, atol=1e-4)
    assert raster.weights.min() > -0.01


def test_the_nearer_side_hides_the_farther() -> None:
    points = posed(128, turned=1.0)
    depth = surface.rasterise(points, 128).plane(points[:, 2])
    covered = surface.rasterise(points, 128).coverage() > 0
    for vertex in (4, 454, 234):
        x, y = np.round(points[vertex, :2]).astype(int)
        if covered[y, x]:
            assert depth[y, x] <= points[vertex, 2] + 3.0


def test_a_face_out_of_the_picture_covers_nothing() -> None:
    raster = surface.rasterise(posed(64) + np.array([500.0, 0, 0]), 64)
    assert not raster.coverage().any()
    assert not raster.interpolate(np.ones((surface.VERTEX_COUNT, 2), np.float32)).any()


def test_a_torn_face_covers_nothing_and_takes_no_memory() -> None:
    torn = np.random.default_rng(0).uniform(-1e5, 1e5, (surface.VERTEX_COUNT, 3))
    assert not surface.rasterise(torn, 1024).coverage().any()


@pytest.mark.parametrize("size", [128, 256])
def test_a_texture_is_drawn_where_its_coordinates_say(size: int) -> None:
    points = posed(128)
    ramp = np.arange(256, dtype=np.uint8)
    texture = np.dstack(
        [*np.meshgrid(ramp, ramp), np.full((256, 256), 40, np.uint8), np.full((256, 256), 255, np.uint8)]
    )
    # The texture's own coordinates: x and y of each vertex in the crop, so blue and green must repeat the place.
    bgr, seen = surface.draw(texture, points[:, :2].astype(np.float32), surface.rasterise(points, 128), size)
    inside = seen > 0.999
    rows, columns = np.nonzero(inside)
    factor = 128 / size
    shown = np.stack([(columns + 0.5) * factor - 0.5, (rows + 0.5) * factor - 0.5], 1)
    np.testing.assert_allclose(bgr[inside][:, :2], shown, atol=1.0)
    assert (bgr[inside][:, 2] == 40).all()
    assert bgr.shape == (size, size, 3)
    assert inside.sum() > 0.3 * size * size


def test_normals_of_the_canonical_face_point_to_the_camera() -> None:
    normals = surface.vertex_normals(surface.extend(topology.canonical_face().vertices.astype(np.float64)))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)
    assert normals[[4, 10, 152, 50, 280], 2].min() > 0.3
