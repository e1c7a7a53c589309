"""tools/identity_films.py: what it shows is marked, swapped, and never the driver."""

from pathlib import Path

import av
import cv2
import identity_films
import numpy as np
import pytest
from identity_films import COLUMNS, PERFORMER, TILE, Take

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.disclosure.verification import Answer, verify_video
from deepfake_core.identities.library import Library


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The performer alone, for a moment."""
    monkeypatch.setattr(identity_films, "takes", lambda _: ([Take(PERFORMER, 30, 6)], [Take(PERFORMER, 75, 2)]))


def test_films_and_sheets_are_marked_outputs(short: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Library().open()
    assert identity_films.main(["--identity", opened.name, "--out", str(tmp_path)]) == 0
    assert "8 of 8 pictures swapped" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{opened.name}.jpg", f"{opened.name}.mp4"]

    film = tmp_path / f"{opened.name}.mp4"
    with av.open(str(film)) as container:
        pictures = [picture.to_ndarray(format="bgr24") for picture in container.decode(video=0)]
    assert len(pictures) == 6
    verdict = verify_video(film)
    assert verdict.answer is Answer.MARKED
    assert verdict.provenance is not None
    assert verdict.provenance.intact
    assert verdict.provenance.facts is not None
    assert verdict.provenance.facts.consent_records == (opened.consent.record_id,)

    sheet = cv2.imread(str(tmp_path / f"{opened.name}.jpg"))
    assert sheet is not None
    assert sheet.shape == (2 * TILE, COLUMNS * TILE, 3)
    tiles = [sheet[:TILE, :TILE], sheet[TILE:, :TILE]]
    for picture in pictures:
        tiles += [picture[:, :TILE], picture[:, TILE:]]
    assert all(is_labelled(np.ascontiguousarray(tile)) for tile in tiles)


def test_no_face_and_no_file_are_refused_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert identity_films.main(["--footage", str(tmp_path / "nowhere"), "--out", str(out)]) == 1
    assert "give --footage another folder" in capsys.readouterr().err
    assert not out.exists()
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((200, 200, 3), 120, np.uint8))
    with pytest.raises(identity_films.FilmRefused, match="shows no face"):
        identity_films.driver(Take(wall, 0, 3), TILE)


def test_a_driver_is_cut_to_a_square_around_the_head() -> None:
    person = identity_films.driver(Take(PERFORMER, 30, 3), 64)
    assert [picture.shape for picture in person.pictures] == [(64, 64, 3)] * 3
    assert person.step == pytest.approx(1 / 30)
