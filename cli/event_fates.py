"""What became of an event in each entry, from what the log and the store say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from cli.dead_letters import Case
from cli.entry_reports import Report
from cli.entry_states import away_told, stuck_told, told
from cli.event_rows import rfc3339
from cli.pending import settled
from dispatcher import metadata
from dispatcher.caution import is_suspect
from eventlog.log import Commit
from store.replay_rows import Mark
from store.stops import Stop
from store.traces import ParkedTrace

FateState: TypeAlias = Literal[
    "settled", "passed", "waiting", "parked", "replaying", "dead", "replayed", "discarded", "unbegun"
]
"""What became of an event in an entry.

It was handled, or left out (settled); the same, or it is parked, which only the store could say (passed); the entry
has not come to it, or tries it now (waiting); it waits in the store for another attempt (parked); a replay of it is
asked for or runs (replaying); it was given up (dead), and then replayed or discarded; the entry never ran (unbegun).
"""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of an event and one entry."""

    entry: str
    event_id: str
    # The entry's position in the partition of each copy of the event, and the copy's offset.
    places: Sequence[tuple[Commit | None, int]]
    # None: nothing was asked of the store, which does not answer.
    parked: Sequence[ParkedTrace] | None = ()
    cases: Sequence[Case] = ()
    # What was decided on letters that are gone by now, or on the event itself.
    marks: Sequence[Mark] = ()
    # Why the entry stands still.
    stop: Stop | None = None
    # What workers that run here say of the entry.
    report: Report = field(default_factory=Report)
    # At how many crashes an attempt at it was under way, and how many other events were at several.
    crashes: int = 0
    suspects: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of an event in one entry."""

    handler: str
    state: FateState
    # In words, with what to do where something is to be done.
    detail: str = ""
    # The same for programs.
    more: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def row(self) -> dict[str, Any]:
        """What is shown of it."""
        return {"handler": self.handler, "state": self.state, "detail": self.detail, **self.more}


def fate(seen: Seen) -> Fate:
    """What became of an event in an entry."""
    if seen.parked:
        return _parked(seen, seen.parked[0])
    if (case := seen.cases[-1] if seen.cases else None) is not None:
        return _of_letter(seen, case)
    return _decided(seen, seen.marks[-1]) if seen.marks else _by_position(seen)


def ahead(commit: Commit, offset: int) -> int | None:
    """How many records an entry has before one; None when it has settled that one."""
    if offset < commit.offset or settled(commit, offset):
        return None
    known = metadata.decode(commit.metadata, commit.offset)
    if known is None:
        return offset - commit.offset
    finished = known.finished
    return sum(one < offset for one in finished.unfinished) + max(0, offset - finished.high)


def _by_position(seen: Seen) -> Fate:
    before = [None if commit is None else ahead(commit, offset) for commit, offset in seen.places]
    if all(commit is None for commit, _ in seen.places):
        return Fate(handler=seen.entry, state="unbegun", detail=f"it never ran{_standstill(seen)}")
    if None not in before:
        return _waiting(seen, min(number for number in before if number is not None))
    if seen.parked is None:
        unknown = "its position is past it; whether it is parked there, only the state store can say"
        return Fate(handler=seen.entry, state="passed", detail=unknown)
    return Fate(handler=seen.entry, state="settled")


def _waiting(seen: Seen, before: int) -> Fate:
    if before:
        detail = f"{before:,} records of its partition are before it"
    else:
        detail = "its turn has come: an attempt runs, or is waited for"
    return Fate(handler=seen.entry, state="waiting", detail=detail + _standstill(seen), more={"before": before})


def _parked(seen: Seen, parked: ParkedTrace) -> Fate:
    due = rfc3339(parked.due)
    if parked.behind:
        detail = f"{parked.behind:,} events of its lane are before it, parked as it is"
    else:
        detail = f"until {due}, after {parked.attempts} attempts: {parked.detail}"
    more = {"until": due, "attempts": parked.attempts, "before": parked.behind}
    if not parked.behind and seen.event_id not in seen.report.stuck:
        # it waits for its time, and whatever is stuck is another lane's
        seen = replace(seen, report=seen.report.model_copy(update={"stuck": {}}))
    return Fate(handler=seen.entry, state="parked", detail=detail + _standstill(seen), more=more)


def _of_letter(seen: Seen, case: Case) -> Fate:
    row = case.row()
    more = {name: row[name] for name in ("reason", "failed_at", "attempts", "letter")}
    if case.mark is not None and case.state not in ("dead", "cancelled"):
        return _decided(seen, case.mark, more)
    detail = f"{row['reason']} at {row['failed_at']}: {row['error']}"
    return Fate(handler=seen.entry, state="dead", detail=detail, more=more)


def _decided(seen: Seen, mark: Mark, more: Mapping[str, Any] = _NOTHING) -> Fate:
    asked = f"asked for at {rfc3339(mark.asked_at)}"
    ended = "" if mark.ended_at is None else rfc3339(mark.ended_at)
    match mark.state:
        case "waiting" | "running":
            last = f": {mark.detail}" if mark.detail else ""
            return Fate(
                handler=seen.entry,
                state="replaying",
                detail=f"{mark.state}, {asked}{last}{_standstill(seen)}",
                more=more,
            )
        case "done":
            return Fate(handler=seen.entry, state="replayed", detail=f"done at {ended}", more=more)
        case "discarded":
            return Fate(handler=seen.entry, state="discarded", detail=f"at {ended}", more=more)
        case "dead" | "cancelled":
            why = f"{mark.reason}: {mark.detail}" if mark.reason else (mark.detail or "")
            return Fate(
                handler=seen.entry, state="dead", detail=f"its replay is {mark.state}, {ended}; {why}", more=more
            )


def _standstill(seen: Seen) -> str:
    stop = seen.stop and f"The entry stands still: {told(seen.stop)}"
    stuck = seen.report.stuck and f"An attempt of the entry is {stuck_told(seen.report.stuck)}"
    away = seen.report.away and f"The entry waits: {away_told(seen.report.away)}"
    return "".join(f". {why}" for why in (stop, _crashed(seen), stuck, away) if why)


def _crashed(seen: Seen) -> str:
    if is_suspect(seen.crashes):
        return f"It was under way at {seen.crashes} crashes; it is tried alone"
    if seen.suspects:
        return f"It waits while others are tried alone: {seen.suspects:,} of the entry, under way at crash after crash"
    return ""
