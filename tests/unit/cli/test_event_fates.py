"""What became of an event in an entry, told from positions, parked rows, dead letters and decisions."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.entry_reports import Report
from cli.event_fates import FateState, Seen, ahead, fate
from dispatcher import metadata
from dispatcher.tracker import Finished, Progress
from eventlog.log import Commit
from store.replay_rows import State
from store.stops import Stop
from store.traces import ParkedTrace
from tests.unit.cli.dead_cases import NOW, ORIGIN, case, letter, mark

STORE = "0b0e7f0e-3b1a-4c55-9d5e-0a4a2f2c9a11"
PARKED = ParkedTrace(
    handler="h",
    source="support",
    at=ORIGIN,
    log="sqlite:1",
    due=datetime(2026, 11, 21, 13, tzinfo=UTC),
    attempts=3,
    detail="TimedOut",
    behind=0,
)


def position(*unfinished: int, high: int) -> Commit:
    """A position at 10 that says what was settled ahead of it."""
    return Commit(10, metadata.encode(Progress(10, Finished(high, unfinished)), STORE))


def seen(*places: tuple[Commit | None, int], **more: Any) -> Seen:
    """What is known of an event and the entry h; where nothing is said of places, its position is past it."""
    return Seen(entry="h", event_id="e2", places=places or [(Commit(10), 9)], **more)


@pytest.mark.parametrize(
    ("commit", "offset", "before"),
    [
        (Commit(10), 9, None),
        (Commit(10), 10, 0),
        (Commit(10), 14, 4),
        (position(10, 12, high=14), 10, 0),
        (position(10, 12, high=14), 11, None),
        (position(10, 12, high=14), 12, 1),
        (position(10, 12, high=14), 13, None),
        (position(10, 12, high=14), 16, 4),
    ],
)
def test_what_an_entry_has_before_an_event_is_counted(commit: Commit, offset: int, before: int | None) -> None:
    """What was settled ahead of the position is not before it."""
    assert ahead(commit, offset) == before


def test_what_the_position_is_past_is_settled() -> None:
    """With nothing to add."""
    assert fate(seen()).row() == {"handler": "h", "state": "settled", "detail": ""}


def test_a_copy_that_is_settled_settles_the_event() -> None:
    """The other is left out when its turn comes."""
    assert fate(seen((Commit(10), 9), (Commit(10), 12))).state == "settled"


def test_what_the_position_is_not_past_waits() -> None:
    """For as many as the nearest copy has before it; or for its own next attempt."""
    told = fate(seen((Commit(10), 14), (Commit(10), 12)))
    assert (told.state, told.detail, told.more) == (
        "waiting",
        "2 records of its partition are before it",
        {"before": 2},
    )
    assert fate(seen((Commit(10), 10))).detail == "its turn has come: an attempt runs, or is waited for"


def test_an_entry_that_stands_still_says_why() -> None:
    """What waits for it waits for a person."""
    stop = Stop(handler="h", reason="paused", detail="the CRM moves", by="ann", at=NOW)
    told = fate(seen((Commit(10), 14), stop=stop)).detail
    assert "before it. The entry stands still: paused since 2026-11-21 12:00 UTC by ann: the CRM moves" in told


def test_what_workers_say_of_its_entry_is_told() -> None:
    """Why its turn does not come, or does not end."""
    report = Report(stuck={"e1": NOW}, away={"crm": NOW})
    told = fate(seen((Commit(10), 10), report=report)).detail
    assert "waited for. An attempt of the entry is stuck since " in told
    assert ". The entry waits: the platform of the account crm is away since " in told
    assert fate(seen(report=report)).detail == ""


def test_a_parked_event_is_not_told_of_attempts_of_other_lanes() -> None:
    """Its own may be stuck, or one before it."""

    def told(event_id: str, behind: int = 0) -> bool:
        parked = [replace(PARKED, behind=behind)]
        return "is stuck since" in fate(seen(parked=parked, report=Report(stuck={event_id: NOW}))).detail

    assert [told("e1"), told("e2"), told("e1", behind=1)] == [False, True, True]


def test_a_suspect_is_told_from_its_neighbours() -> None:
    """It runs alone, and they wait for that."""
    turn = "its turn has come: an attempt runs, or is waited for. "
    assert fate(seen((Commit(10), 10), crashes=4)).detail == f"{turn}It was under way at 4 crashes; it is tried alone"
    assert fate(seen((Commit(10), 10), crashes=1, suspects=1)).detail == (
        f"{turn}It waits while others are tried alone: 1 of the entry, under way at crash after crash"
    )
    assert fate(seen(crashes=1, suspects=1)).detail == ""


def test_an_entry_without_a_position_never_ran() -> None:
    """It will be given the event, or begins behind it."""
    assert fate(seen((None, 3))).state == "unbegun"


def test_a_parked_event_says_until_when() -> None:
    """Or behind how many of its lane."""
    told = fate(seen(parked=[PARKED]))
    assert (told.state, told.detail) == ("parked", "until 2026-11-21T13:00:00.000Z, after 3 attempts: TimedOut")
    behind = fate(seen(parked=[replace(PARKED, behind=2)]))
    assert behind.detail == "2 events of its lane are before it, parked as it is"


def test_without_the_store_nobody_knows_whether_it_is_parked() -> None:
    """The log tells its part."""
    told = fate(seen(parked=None))
    assert (told.state, "only the state store can say" in told.detail) == ("passed", True)
    assert fate(seen((Commit(10), 10), parked=None)).state == "waiting"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (None, "dead"),
        ("cancelled", "dead"),
        ("dead", "dead"),
        ("waiting", "replaying"),
        ("running", "replaying"),
        ("done", "replayed"),
        ("discarded", "discarded"),
    ],
)
def test_a_dead_letter_is_told_with_what_became_of_it(state: State | None, told: FateState) -> None:
    """The last one of the event, where there are several."""
    first = case(letter(offset=1), "done" if state is None else None)
    found = fate(seen(cases=[first, case(letter(offset=2), state)]))
    assert found.state == told
    assert found.more["letter"] == {"topic": "hookline.dead", "partition": 1, "offset": 2}


def test_a_dead_event_says_why() -> None:
    """As its letter does."""
    more = (("x-dlq-reason", b"exhausted"), ("__dlq.errors.message", b"5 attempts failed"))
    assert fate(seen(cases=[case(letter(more=more))])).detail == "exhausted at 2026-11-21T12:00:00Z: 5 attempts failed"


@pytest.mark.parametrize(("state", "told"), [("running", "replaying"), ("done", "replayed"), ("dead", "dead")])
def test_a_decision_outlives_its_letter(state: State, told: FateState) -> None:
    """Retention took the letter away; or there never was one, and the event was replayed out of its topic."""
    assert fate(seen(marks=[mark(letter(), state, reason="exhausted", detail="ValueError")])).state == told


def test_parked_comes_before_whatever_was_before() -> None:
    """An event that was replayed once, and is parked now, waits."""
    assert fate(seen(parked=[PARKED], cases=[case(letter(), "done")])).state == "parked"
