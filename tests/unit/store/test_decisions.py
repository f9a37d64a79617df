"""Which decision holds for which letter, and whose a letter is now."""

import pytest

from schemas.record import TopicPartition
from store.decisions import Decisions, Rename, called_now
from store.replay_rows import LetterName, Mark, State
from tests.contract.stores import NOW, minute

AT = TopicPartition("hookline.dead", 1)


def name(event_id: str = "e", *, offset: int = 7) -> LetterName:
    return LetterName(
        handler="h", at=AT, offset=offset, source="support", event_id=event_id, failed_at="2026-11-21T12:00:00Z"
    )


def mark(letter: LetterName, state: State, *, job: int | None = None) -> Mark:
    return Mark(
        id=1, letter=letter, state=state, origin=AT, asked_at=NOW, ended_at=None, reason=None, detail=None, job=job
    )


@pytest.mark.parametrize(
    ("state", "may"),
    [
        ("waiting", False),
        ("running", False),
        ("done", False),
        ("dead", False),
        ("discarded", False),
        ("cancelled", True),
    ],
)
def test_what_was_decided_on_may_not_be_replayed(state: State, may: bool) -> None:
    """Only what was taken back."""
    assert Decisions([mark(name(), state)]).allow(name()) is may
    assert Decisions([mark(name(), state)]).allow(name("other"))


def test_an_event_that_a_set_has_is_not_taken_again_by_it() -> None:
    """A later letter of it is another set's."""
    decided = Decisions([mark(name(), "dead", job=3)])
    later = name(offset=8)
    assert not decided.allow(later, 3)
    assert decided.allow(later, 4)
    assert decided.allow(later)


RENAMES = [Rename("a", minute(10), "b"), Rename("a", minute(20), "c")]


@pytest.mark.parametrize(
    ("failed_at", "now"),
    [
        pytest.param("2026-11-21T12:05:00Z", "b", id="before it was renamed"),
        pytest.param("2026-11-21T12:15:00Z", "c", id="of another that had the name later, and was renamed too"),
        pytest.param("2026-11-21T12:25:00Z", "a", id="of the one that has the name today"),
        pytest.param("soon", "a", id="nobody knows when"),
    ],
)
def test_a_letter_is_of_the_entry_that_its_own_became(failed_at: str, now: str) -> None:
    """A name may be given again."""
    assert called_now("a", failed_at, RENAMES) == now
    assert called_now("x", failed_at, RENAMES) == "x"
