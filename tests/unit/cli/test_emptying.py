"""What `hookline work --until-empty` tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cli.emptying import Emptying
from cli.lags import Standing
from dispatcher.dispatcher import EntryState
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Done, Outcome
from dispatcher.worker import Phase
from schemas.record import TopicPartition
from store.stops import Stop

STOP = Stop(handler="h", reason="paused", detail="", by="ann", at=datetime(2026, 11, 21, 12, 30, tzinfo=UTC))


def state(**more: Any) -> EntryState:
    return EntryState(**{"entry": "h", "group": "g.h", "topics": (), "phase": Phase.RUNNING, **more})


def ended(outcome: Outcome) -> AttemptEnded:
    return AttemptEnded(
        entry="h",
        event_id="e1",
        event_type="message.created",
        source="s",
        key="k",
        at=TopicPartition("t", 0),
        offset=0,
        attempt=1,
        outcome=outcome,
        took=timedelta(),
    )


def test_a_stopped_entry_is_what_is_left() -> None:
    """With how many events, and why."""
    [line] = Emptying(states={"h": state(stop=STOP)}).left({"h": Standing(3, 0)})
    assert line.startswith("h: 3 events not handled: paused since 2026-11-21 12:30 UTC by ann. ")


def test_an_attempt_that_does_not_end_is_told() -> None:
    """It was waited for no longer."""
    [line] = Emptying(states={"h": state(stuck={"e1": STOP.at})}).left({"h": Standing(1, 0)})
    assert line.startswith("h: 1 event not handled: stuck since 2026-11-21 12:30 UTC: the attempt at e1 was cancelled")


def test_an_entry_that_cannot_begin_is_what_is_left() -> None:
    """One that never ran may have left everything."""
    emptying = Emptying(states={"h": state(phase=Phase.FAILED, reason="the store is another's")})
    assert list(emptying.left({"h": Standing(None, 0)})) == ["h: events not handled: the store is another's"]


def test_what_is_settled_and_what_does_not_run_here_is_not_left() -> None:
    """`--only` leaves the others alone."""
    assert list(Emptying(states={"h": state()}).left({"h": Standing(0, 2), "other": Standing(7, 0)})) == []


def test_dead_letters_parked_events_and_timers_are_told() -> None:
    """They were handled as far as they can be now."""
    emptying = Emptying(states={"h": state()})
    for outcome in (Done(), Dead("rejected", ""), Dead("exhausted", "")):
        emptying.happened(ended(outcome))
    assert list(emptying.notes({"h": Standing(0, 4, 5)})) == [
        "h: 2 became dead letters: see `hookline dead list`",
        "h: 5 parked in the state store, for another attempt",
        "h: 4 timer(s) not due yet, in the state store",
    ]
