import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.disclosure import watermark_code
from deepfake_core.disclosure.watermark_code import TILE, Payload, read, sync_tile, tile

PAYLOADS = st.builds(Payload, st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1))


def aligned(payload: Payload) -> np.ndarray:
    """The payload's tile, turned so that it begins where the sync chips do."""
    chips, known = tile(payload), sync_tile()
    match = np.fft.irfft2(np.fft.rfft2(chips) * np.conj(np.fft.rfft2(known)), chips.shape)
    y, x = np.unravel_index(int(match.argmax()), match.shape)
    return np.roll(chips, (-int(y), -int(x)), (0, 1))


@settings(max_examples=30, deadline=None)
@given(PAYLOADS)
def test_what_is_written_is_read(payload: Payload) -> None:
    assert set(np.unique(tile(payload))) == {-1, 1}
    assert read(aligned(payload)) == payload
    assert read(100 * aligned(payload)) == payload, "the strength does not matter"


def test_the_payload_is_64_bits() -> None:
    data = Payload(0xDEADBEEF, 2518).to_bytes()
    assert len(data) == 8
    assert data.hex() == "10deadbeef09d600"
    assert Payload.from_bytes(data) == Payload(0xDEADBEEF, 2518)
    for other in ("20deadbeef09d600", "11deadbeef09d600", "10deadbeef09d601", "00" * 8):
        assert Payload.from_bytes(bytes.fromhex(other)) is None


def test_a_tile_never_changes() -> None:
    """Marks of years ago must stay readable: these chips are the format."""
    chips = tile(Payload(0xDEADBEEF, 2518)) > 0
    assert np.packbits(chips[0]).tobytes().hex() == FIRST_ROW
    assert hashlib.sha256(sync_tile().astype(np.int8).tobytes()).hexdigest()[:16] == SYNC


FIRST_ROW = "fc6a2014"
SYNC = "23de2886291c41eb"


@pytest.mark.parametrize(("strength", "least"), [(20.0, 0.97), (17.0, 0.7)])
def test_noise_is_corrected(strength: float, least: float) -> None:
    """`strength`: the whole tile's, in standard deviations; at 20 a chip is wrong in 27 of 100."""
    rng = np.random.default_rng(0)
    payload = Payload(123456789, 2500)
    chips = aligned(payload) * strength / TILE
    results = [read(chips + rng.normal(0, 1, chips.shape)) for _ in range(40)]
    assert results.count(payload) >= least * len(results)
    assert set(results) <= {payload, None}, "a wrong message was read"


def test_noise_is_no_message() -> None:
    rng = np.random.default_rng(1)
    assert not any(read(rng.normal(0, 1, (TILE, TILE))) for _ in range(300))
    assert read(np.zeros((TILE, TILE))) is None
    assert read(np.ones((TILE, TILE))) is None
    assert read(sync_tile()) is None


def test_one_wrong_byte_is_mended_two_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = Payload(42, 2000)
    whole = watermark_code._decode

    def damaged(soft: np.ndarray) -> np.ndarray:
        bits = whole(soft)
        bits[places] ^= 1
        return bits

    monkeypatch.setattr(watermark_code, "_decode", damaged)
    places = [3, 5, 7]
    assert read(aligned(payload)) == payload
    places = [3, 90]
    assert read(aligned(payload)) is None


def test_tiles_of_different_payloads_differ() -> None:
    tiles = [tile(Payload(record, 2500)) for record in range(40)]
    likeness = [float((one * other).mean()) for i, one in enumerate(tiles) for other in tiles[:i]]
    assert max(np.abs(likeness)) < 0.35
    assert np.mean(likeness) == pytest.approx(0, abs=0.02)
