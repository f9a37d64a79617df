"""What is told of entries that stand still."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from cli.commands.doctor import stopped
from cli.entry_reports import Report
from cli.entry_states import standing_of, told
from cli.lags import Standing
from cli.readiness import handlers_found
from dispatcher.dispatcher import Dispatcher, EntryState
from dispatcher.worker import Phase
from store.stops import Stop

AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
PAUSED = Stop(handler="h", reason="paused", detail="the CRM moves", by="ann@here", at=AT)
TRIPPED = Stop(handler="h", reason="dead-letters", detail="20 of the last 31 events died", by="hookline on m1", at=AT)


@dataclass
class Some:
    """Entries that stand so."""

    entries: Mapping[str, EntryState]

    def states(self) -> Mapping[str, EntryState]:
        return self.entries


def found(*states: EntryState) -> tuple[bool, str]:
    return tuple(handlers_found(cast("Dispatcher", Some({state.entry: state for state in states}))))


def state(entry: str, **more: object) -> EntryState:
    return EntryState(**{"entry": entry, "group": f"g.{entry}", "topics": (), "phase": Phase.RUNNING, **more})


def test_a_paused_entry_leaves_the_role_ready() -> None:
    """Somebody wants it so; who, since when, why and what to do is told."""
    assert found(state("h", stop=PAUSED), state("other")) == (True, f"h: {told(PAUSED)}")
    assert told(PAUSED) == (
        "paused since 2026-11-21 12:30 UTC by ann@here: the CRM moves. "
        "`hookline handlers resume h` lets it go on where it was"
    )


def test_a_platform_that_is_away_leaves_the_role_ready() -> None:
    """Entries that wait for the same are told together."""
    waits = {"away": {"crm": AT}}
    assert found(state("h", **waits), state("i", **waits)) == (
        True,
        "h, i: the platform of the account crm is away since 2026-11-21 12:30 UTC: it asks again by itself",
    )


def test_an_attempt_that_does_not_end_leaves_the_role_ready() -> None:
    """Only its lane stands still; which event, since when and what to do is told."""
    stuck = {"e2": datetime(2026, 11, 21, 13, tzinfo=UTC), "e1": AT}
    ready, detail = found(state("h", stuck=stuck))
    assert ready
    assert detail == (
        "h: stuck since 2026-11-21 12:30 UTC: the attempt at e1 (and 1 more) was cancelled and goes on. Its lane "
        "stands still until the process is started anew; before that mend the handler: it swallows CancelledError"
    )


WHERE, CRASHES = "t/0 record 1", "was under way at {} crashes: such are tried alone, and nothing beside them"
STUCK, AWAY = Report(stuck={"e1": AT}), Report(away={"crm": AT})


@pytest.mark.parametrize(
    ("standing", "report", "expected"),
    [
        (None, None, ("enabled", "")),
        (Standing(0, 0), Report(), ("enabled", "")),
        (Standing(None, None, None, known=False), Report(), ("", "")),
        (
            Standing(None, None, None, stop=PAUSED, known=False),
            STUCK,
            ("paused", "since 2026-11-21 12:30 UTC by ann@here: the CRM moves"),
        ),
        (Standing(3, 0, stop=PAUSED), STUCK, ("paused", "since 2026-11-21 12:30 UTC by ann@here: the CRM moves")),
        (
            Standing(3, 0, stop=TRIPPED),
            AWAY,
            ("tripped", "since 2026-11-21 12:30 UTC by hookline on m1: 20 of the last 31 events died"),
        ),
        (Standing(None, 0, forgotten=2), None, ("lost", "the log forgot its position in 2 partitions")),
        (Standing(3, 0, stop=PAUSED), Report(failed="no such topic"), ("failed", "no such topic")),
        (Standing(3, 0, noted={WHERE: 2, "t/1 record 2": 1}), STUCK, ("crashing", f"{WHERE} {CRASHES.format(2)}")),
        # The store counts the crash that may come, the worker knows that it has not.
        (Standing(3, 0, noted={WHERE: 5}), Report(noted={WHERE: 4}), ("crashing", f"{WHERE} {CRASHES.format(4)}")),
        (Standing(3, 0, noted={WHERE: 2}), Report(noted={WHERE: 1}), ("enabled", "")),
        (
            Standing(3, 0, noted={WHERE: 3, "t/1 record 2": 2}),
            None,
            ("crashing", f"{WHERE} (and 1 more) {CRASHES.format(3)}"),
        ),
        (None, STUCK, ("stuck", "since 2026-11-21 12:30 UTC: the attempt at e1 was cancelled and goes on")),
        (
            Standing(3, 0),
            AWAY,
            (
                "away",
                "the platform of the account crm is away since 2026-11-21 12:30 UTC: it asks again by itself",
            ),
        ),
    ],
)
def test_how_an_entry_stands_is_told_in_a_word_and_a_line(
    standing: Standing | None, report: Report | None, expected: tuple[str, str]
) -> None:
    """What store and workers know, the worst first."""
    assert standing_of(standing, report) == expected


def test_an_entry_that_failed_does_not() -> None:
    """It is told before what only waits."""
    ready, detail = found(state("h", stop=PAUSED), state("i", phase=Phase.FAILED, reason="its position is lost"))
    assert not ready
    assert detail.startswith("i: its position is lost; h: paused")


def test_an_entry_whose_events_died_is_told_with_what_to_do() -> None:
    """Look, mend, go on."""
    assert told(TRIPPED) == (
        "stopped since 2026-11-21 12:30 UTC by hookline on m1: 20 of the last 31 events died. `hookline dead list "
        "--handler h` says what its events died of. Mend that, then `hookline handlers resume h`: the event that was "
        "one too many is tried again"
    )


def test_doctor_fails_for_events_that_died_and_not_for_a_pause() -> None:
    """With how much waits."""
    assert [(one.name, one.state) for one in (stopped(PAUSED, 0), stopped(TRIPPED, None))] == [
        ("handler h", "degraded"),
        ("handler h", "failing"),
    ]
    assert stopped(PAUSED, 1_700).detail.startswith("1,700 behind, paused since")
