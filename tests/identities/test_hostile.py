"""Each way of being hostile once or twice; tests/identities/hostile.py runs as many as one likes."""

from collections.abc import Iterator
from typing import Any

import hostile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import KEYS, subject_record

from deepfake_core.identities import release, signature, strict_json
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.withdrawals import WithdrawalList


@pytest.fixture(scope="module", autouse=True)
def prepared() -> Iterator[None]:
    former = release.PUBLIC_KEY
    hostile.prepare()
    yield
    release.PUBLIC_KEY = former
    hostile.VIDEO.unlink()


@pytest.mark.filterwarnings("ignore:Duplicate name", "ignore:This process")
@pytest.mark.parametrize("kind", hostile.KINDS, ids=lambda kind: kind.name)
def test_nothing_hostile_gets_through(kind: hostile.Kind) -> None:
    for seed in (1, 2):
        outcome = hostile.run(kind, seed)
        assert not outcome.problem, outcome


def test_what_is_not_hostile_opens() -> None:
    """Else the test above could not fail."""

    def unchanged(_g: Any, models: Any) -> None:
        hostile.shutil.copy(hostile.VIDEO, models / "video.mp4")

    for video in (False, True):
        outcome = hostile.run(hostile.Kind("none", unchanged, video=video), 0)
        assert not outcome.problem, outcome
        # The good pack's decoder is eight letters, which is found out after the consent was.
        assert outcome.said == "taken" if video else "IdentityBroken" in outcome.said


def test_the_watch_sees_what_it_is_there_for() -> None:
    def trespass(*_arguments: Any, **_options: Any) -> Any:
        from pathlib import Path

        Path("/etc/hostname").read_text()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "use", trespass)
        outcome = hostile.run(hostile.Kind("none", lambda _g, _models: None), 0)
    assert outcome.problem


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["dpv:ConsentGiven", "2026-11-23"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_record_with_any_other_value_anywhere_is_refused_or_means_what_it_says(data: st.DataObject) -> None:
    document = strict_json.read(subject_record().sign(KEYS.subject))
    original = subject_record()
    holder, key = data.draw(st.sampled_from(hostile._places(document, [])))
    holder[key] = data.draw(json_values)
    for made in (document, signature.sign(document, KEYS.subject) if "@context" in document else document):
        try:
            record = ConsentRecord.parse(hostile.json.dumps(made).encode(), "somebody")
        except IdentityError:
            continue
        assert record.draft() == ConsentRecord.parse_draft(record.draft(), "somebody").draft()
        assert record == original or made is not document


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | json_values.map(lambda value: hostile.json.dumps(value).encode()))
def test_anything_else_is_neither_a_record_nor_a_list(data: bytes) -> None:
    with pytest.raises(IdentityError):
        ConsentRecord.parse(data, "somebody")
    with pytest.raises(ValueError, match=r"\w"):
        WithdrawalList.parse(data)
