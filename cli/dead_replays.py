"""Replaying and discarding dead letters: rows in the store that the worker of the event's partition takes."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.dead_letters import Case, newest
from cli.errors import CommandFailed, Misconfigured
from cli.output import printable
from store.errors import ReplaysFull
from store.replay_rows import Mark, Order
from store.store import Store

# Between looks at what became of replays, in seconds.
_GLANCE = 0.2
# Orders of one transaction: their records may be large.
_PORTION = 50


@dataclass(frozen=True, slots=True)
class Told:
    """What can be told of a replay."""

    case: Case
    mark: Mark
    # Whether somebody seems to read the event's topic for the entry; None: it was not looked up.
    owned: bool | None = None

    def row(self) -> dict[str, Any]:
        """For programs."""
        letter, mark = self.case.letter, self.mark
        return {
            "id": letter.id or letter.place,
            "handler": letter.handler,
            "letter": letter.row()["letter"],
            "state": mark.state,
            "reason": mark.reason,
            "detail": mark.detail,
        }

    def sentence(self) -> str:
        """For people: what became of it, and what to do."""
        mark = self.mark
        match mark.state:
            case "done":
                return "done" if self.case.state != "done" else "was replayed before and is done: nothing was repeated"
            case "dead":
                return f"failed again, {mark.reason}: {mark.detail}. `hookline dead list` shows the new dead letter"
            case "running":
                return "not over: it waits for its turn in its lane, or is tried again. `hookline dead list` shows it"
            case "waiting":
                return self._waiting()
            case "cancelled" | "discarded":
                return f"{mark.state} meanwhile"

    def _waiting(self) -> str:
        handler = self.case.letter.handler
        if self.owned is None:
            return f"asked: the worker of {handler} takes it within about a second"
        if self.owned:
            return (
                f"no worker has taken it yet: the one of {handler} is busy, or it died, and then it is taken when it is"
                " started again. Its log says more"
            )
        return (
            f"no worker runs for {handler}: start one with `hookline work` (or `run`, or `dev`), which takes it by"
            f" itself. `hookline handlers list` says whether {handler} can run"
        )


def picked(found: Iterable[Case], wanted: str, handler: str | None) -> Case | None:
    """The letter that a person means; None if there is none.

    Raises:
        Misconfigured: it is not clear which one is meant.
    """
    meant = newest(case for case in found if case.letter.is_called(wanted) and handler in (None, case.letter.handler))
    if len({case.letter.handler for case in meant}) > 1:
        handlers = " and ".join(sorted({case.letter.handler for case in meant}))
        raise Misconfigured(f"{wanted} is a dead letter of {handlers}: name one with --handler")
    if len(meant) > 1:
        places = " or ".join(f"{case.letter.place} ({case.letter.name.source})" for case in meant)
        raise Misconfigured(f"{wanted} is the id of several events: name one by its place, {places}")
    return meant[0] if meant else None


def undecided(found: Iterable[Case], handler: str) -> list[Case]:
    """The letters of an entry that may be replayed and nobody decided on, in the order of their events."""
    places: list[tuple[tuple[str, int, int, str], Case]] = []
    for case in newest(found):
        opened = case.letter.opened
        if case.letter.handler == handler and opened is not None and case.state in ("open", "cancelled"):
            record = opened.record
            places.append(((record.topic, record.partition, record.offset, opened.name.failed_at), case))
    return [case for _, case in sorted(places, key=lambda place: place[0])]


def order_of(case: Case, *, redo_effects: bool) -> Order:
    """What to ask the store for.

    Raises:
        CommandFailed: hookline did not write this letter.
    """
    if case.letter.opened is None or not case.letter.handler:
        raise CommandFailed(
            f"{case.letter.place} is no dead letter of hookline's: its headers do not say whose it is and where it"
            " comes from. If it is of no use, discard it"
        )
    return case.letter.opened.order(redo_effects=redo_effects)


async def ask(store: Store, found: Sequence[Case], *, redo_effects: bool = False) -> dict[int, Case]:
    """Ask for replays; their ids.

    Raises:
        CommandFailed: too many are open.
        StoreError: the store failed.
    """
    asked: dict[int, Case] = {}
    for begin in range(0, len(found), _PORTION):
        portion = found[begin : begin + _PORTION]
        orders = [order_of(case, redo_effects=redo_effects) for case in portion]
        try:
            answers = await store.replays.ask(orders, datetime.now(UTC))
        except ReplaysFull as error:
            raise CommandFailed(str(error)) from error
        asked |= {answer.id: case for answer, case in zip(answers, portion, strict=True)}
    return asked


async def wait(
    store: Store,
    ids: Collection[int],
    within: timedelta,
    stopping: asyncio.Event,
    meanwhile: Callable[[Mark], None] = lambda _mark: None,
) -> Mapping[int, Mark]:
    """Wait until something came of replays, for so long at most.

    Args:
        store: has them.
        ids: which.
        within: how long.
        stopping: ends it sooner.
        meanwhile: is given each that an attempt failed and that is tried again.

    Raises:
        StoreError: the store failed.
    """
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    noted: dict[int, str | None] = {}
    while True:
        marks = await store.replays.found(ids)
        for mark in marks.values():
            if mark.state == "running" and mark.detail not in (None, noted.get(mark.id)):
                noted[mark.id] = mark.detail
                meanwhile(mark)
        over = all(mark.ended_at is not None for mark in marks.values())
        if over or stopping.is_set() or asyncio.get_running_loop().time() >= deadline:
            return marks
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE):
                await stopping.wait()


async def told(
    store: Store, log: str, asked: Mapping[int, Case], marks: Mapping[int, Mark], *, waited: bool
) -> list[Told]:
    """What to tell of replays that were asked for; `log` is the identity of the event log.

    Raises:
        StoreError: the store failed.
    """
    owned: dict[tuple[str, str], bool] = {}
    found = []
    for number, case in asked.items():
        mark = marks[number]
        handler, topic = case.letter.handler, mark.origin.topic if mark.origin else ""
        if mark.state == "waiting" and waited and (handler, topic) not in owned:
            owned[handler, topic] = await store.owners.is_owned(handler, topic, log)
        found.append(Told(case, mark, owned.get((handler, topic))))
    return found


def summary(found: Iterable[Told]) -> str:
    """How many of each."""
    states = [one.mark.state for one in found]
    words = {"done": "done", "dead": "failed again", "running": "under way", "waiting": "waiting"}
    counts = (f"{states.count(state)} {word}" for state, word in words.items() if state in states)
    return printable(", ".join(counts))
