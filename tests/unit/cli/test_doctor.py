"""What `hookline doctor` makes of what it sees."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.addresses import Address
from cli.base import Installation
from cli.commands.doctor import (
    asked,
    behind,
    causes_in,
    clock,
    ended_without_a_word,
    missing,
    pointing,
    reported,
    room,
    stale,
)
from cli.entry_reports import Report
from cli.entry_states import away_told, stuck_told, told
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.places import Places
from cli.settings import Settings
from eventlog.errors import EventLogError
from store.errors import StoreError
from store.stops import Stop

# Above the largest process id that Linux gives.
NOBODY = 2**22 + 1
AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def announced(data: Path, role: str, pid: int) -> None:
    (data / "roles").mkdir(exist_ok=True)
    file = data / "roles" / f"{role}-{pid}.json"
    file.write_text(Address(role=role, pid=pid).model_dump_json(), encoding="utf-8")


def test_a_role_that_was_killed_is_found(tmp_path: Path) -> None:
    """Its address still stands in the data folder."""
    announced(tmp_path, "work", NOBODY)
    [found], roles = ended_without_a_word(tmp_path)
    assert (found.name, found.state, roles) == (f"role work (pid {NOBODY})", "failing", [])
    assert found.detail.endswith("Start `hookline work` again: what was unfinished is repeated")


def test_one_that_crashed_again_and_again_is_one_finding(tmp_path: Path) -> None:
    """With all of its processes: what to do is the same for each."""
    announced(tmp_path, "work", NOBODY)
    announced(tmp_path, "work", NOBODY - 1)
    [found], _ = ended_without_a_word(tmp_path)
    assert found.name == f"role work (pid {NOBODY - 1}, {NOBODY})"


def test_a_role_that_was_started_again_is_no_failure(tmp_path: Path) -> None:
    """Only the reason of its end is still of interest."""
    announced(tmp_path, "work", NOBODY)
    announced(tmp_path, "work", os.getpid())
    [found], [role] = ended_without_a_word(tmp_path)
    assert (found.state, role.pid) == ("degraded", os.getpid())


@pytest.mark.parametrize(
    ("lag", "stuck", "worked", "state", "says"),
    [
        (None, False, False, "degraded", "it never ran: start `hookline work`"),
        (None, False, True, "degraded", "it has no position, though a worker runs here"),
        (0, False, False, "ok", "it has settled everything"),
        (7, False, True, "ok", "7 behind"),
        (7, True, True, "degraded", "/readyz and the worker's log say which"),
        (1700, True, False, "failing", "1,700 behind, and it settled none in 2 s: no worker runs with"),
    ],
)
def test_an_entry_that_stands_still_is_found(lag: int | None, stuck: bool, worked: bool, state: str, says: str) -> None:
    """What waits, why, and what to do."""
    found = behind("h", lag, stuck=stuck, worked=worked, start="`hookline work`, or `hookline run`")
    assert (found.name, found.state) == ("handler h", state)
    assert says in found.detail


@pytest.mark.parametrize(
    ("report", "state", "says"),
    [
        (Report(), None, ""),
        (Report(failed="its position is lost"), "failing", "7 behind, its position is lost"),
        (
            Report(stuck={"e1": AT}),
            "failing",
            "7 behind, stuck since 2026-11-21 12:30 UTC: the attempt at e1 was cancelled",
        ),
        (Report(away={"crm": AT}), "degraded", "7 behind, the platform of the account crm is away since 2026-11-21"),
    ],
)
def test_what_a_worker_says_of_an_entry_is_told(report: Report, state: str | None, says: str) -> None:
    """Instead of a guess; what only waits fails nothing."""
    found = reported("h", 7, report)
    assert (found and found.state) == state
    assert found is None or found.detail.startswith(says)


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        ((), ["roles"]),
        ((Address(role="work", pid=1),), ["receiver"]),
        ((Address(role="receive", pid=1, receiver="http://h:1"),), ["worker"]),
        ((Address(role="run", pid=1, receiver="http://h:1"),), []),
    ],
)
def test_a_role_that_is_missing_is_found(tmp_path: Path, roles: tuple[Address, ...], names: list[str]) -> None:
    """With the command that starts it."""
    settings = Settings.model_validate({"sources": {"s": {"platform": "standard", "verify": "none"}}})
    here = Installation(Places(config=None, data=tmp_path, environ={}), "auto", given=settings)
    found = list(missing(here, roles))
    assert [one.name for one in found] == names
    assert all("start `hookline " in one.detail for one in found)


def test_a_clock_that_was_set_back_is_found(tmp_path: Path) -> None:
    """The log was written later than now."""
    (tmp_path / "events.db").touch()
    written = (tmp_path / "events.db").stat().st_mtime
    assert list(clock(tmp_path, written)) == []
    [found] = clock(tmp_path, written - 3600)
    assert "were written 3,600 s later than it is now" in found.detail


def test_deliveries_refused_for_their_time_are_a_hint_at_a_clock() -> None:
    """Of all sources together; other refusals are not counted."""
    metrics = (
        'hookline_refusals_total{reason="timestamp-stale",source="a"} 2.0\n'
        'hookline_refusals_total{reason="signature-wrong",source="a"} 9.0\n'
        'hookline_refusals_total{source="b",reason="timestamp-stale"} 1.0\n'
    )
    [found] = stale("role run (pid 1)", metrics)
    assert found.detail.startswith("3 deliveries were refused because their signed time")
    assert list(stale("role run (pid 1)", "")) == []


@pytest.mark.parametrize(
    ("free", "state"), [(0, "failing"), (1024**2 - 1, "failing"), (1024**2, "degraded"), (1024**3, "ok")]
)
def test_a_full_disk_fails(free: int, state: str) -> None:
    """Little room is a warning, none is an outage."""
    assert room(free, Path("/data")).state == state


async def test_what_does_not_answer_is_told_in_time() -> None:
    """Whatever it does when it is told to end."""
    told = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.set()
            await asyncio.sleep(0)

    found = await asked("event log", "kafka://broker:9092", hangs(), patience=0.01)
    assert found == Finding(
        "event log",
        "failing",
        "kafka://broker:9092 does not answer within 0.01 s: is it running, and does a firewall let us through?",
    )
    await asyncio.wait_for(told.wait(), 5)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (EventLogError("nothing listens"), "kafka://broker:9092: nothing listens"),
        (CommandFailed("no folder"), "kafka://broker:9092: no folder"),
        (StoreError("the store x is away"), "the store x is away"),
    ],
)
async def test_why_something_does_not_answer_is_told(error: Exception, detail: str) -> None:
    """At once; the store's errors name it themselves."""

    async def fails() -> None:
        raise error

    found = await asked("event log", "kafka://broker:9092", fails())
    assert found == Finding("event log", "failing", detail)


async def test_what_answers_is_no_finding_yet() -> None:
    """It is looked at closely then."""

    async def answers() -> None:
        return None

    assert await asked("event log", "kafka://broker:9092", answers()) is None


STOP = Stop(handler="lab", reason="dead-letters", detail="20 of the last 21 events died", by="work", at=AT)


@pytest.mark.parametrize(
    ("cause", "stops", "reports"),
    [
        (told(STOP), {"lab": STOP}, {}),
        (stuck_told({"e1": AT}), {}, {"lab": Report(stuck={"e1": AT})}),
        (away_told({"crm": AT}), {}, {"lab": Report(away={"crm": AT}), "other": Report(away={"crm": AT})}),
        ("its position is lost", {}, {"lab": Report(failed="its position is lost")}),
    ],
)
def test_what_stops_an_entry_is_told_once(cause: str, stops: dict[str, Stop], reports: dict[str, Report]) -> None:
    """The role that runs it points to the finding of the entry, if there is one."""
    said = Finding("role work (pid 1)", "failing", f"handlers: lab: {cause}; log: it is slow")
    above = Finding("handler lab", "failing", f"7 behind, {cause}")
    listed = causes_in([above], stops, reports)
    assert pointing(said, listed).detail == "handlers: lab: see handler lab; log: it is slow"
    assert causes_in([], stops, reports) == {}
    assert pointing(said, {}) == said
