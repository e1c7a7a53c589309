import numpy as np
import pytest

from deepfake_core.identities.library import Library
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.training import response


@pytest.fixture(scope="module")
def vesper() -> IdentityDecoder:
    decoder = load_decoder(Library().open("vesper"), threads=1, provider="cpu")
    assert isinstance(decoder, IdentityDecoder)
    return decoder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_TURNS", ((0.0, 0.0),))
    monkeypatch.setattr(response, "_PITCHES", (-15.0, 0.0))
    for name, tried in (("_EYES", [0.7, 0.85, 1.0]), ("_MOUTH", [0.0, 0.2, 0.5]), ("_SMILE", [-0.2, 0.2, 0.8])):
        monkeypatch.setattr(response, name, np.array(tried))


def decoder_file() -> bytes:
    return Library().open("vesper").files["decoder.onnx"]


@pytest.mark.usefixtures("quick")
def test_the_response_is_what_is_read_of_the_drawn_face(vesper: IdentityDecoder) -> None:
    found = response.measured("vesper", vesper.head, vesper.expression, decoder_file()).response
    assert found.asked.dtype == found.read.dtype == np.float32
    assert (np.diff(found.asked) > 0).all()
    assert (np.diff(found.read) > 0).all()
    assert found.pitches.tolist() == [-15.0, 0.0]
    raised, (eyes, mouth, smile) = found.read
    assert raised[1][1] > mouth[1] + 0.02, "lips of a raised head are read further apart"
    assert eyes[2] - eyes[0] > 0.05
    assert mouth[0] < 0.08
    assert mouth[2] > 0.25
    assert smile[2] - smile[0] > 0.25
    # Measured at more places, it is the one of the pack.
    np.testing.assert_allclose(
        vesper.expression.response.reading(vesper.expression.identity_rest)[:2], eyes[2], atol=0.04
    )


@pytest.mark.usefixtures("quick")
def test_an_identity_without_a_face_is_refused(vesper: IdentityDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response.StillLandmarks, "__call__", lambda *_: None)
    with pytest.raises(response.ResponseUnread, match="vesper"):
        response.measured("vesper", vesper.head, vesper.expression, decoder_file())
