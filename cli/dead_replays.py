"""Replaying and discarding dead letters: rows in the store that the worker of the event's partition takes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cli.dead_letters import Case, newest
from cli.errors import CommandFailed, Misconfigured
from store.decisions import called_now
from store.errors import ReplaysFull
from store.replay_rows import Mark, Order
from store.store import Store

# Between looks at what became of replays, in seconds.
_GLANCE = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """What can be told of a replay."""

    case: Case
    mark: Mark
    # Whether somebody seems to read the event's topic for the entry; None: it was not looked up.
    owned: bool | None = None
    # Why the entry stands still, in a sentence; empty: it does not.
    still: str = ""

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
            case "running" | "waiting" if self.still:
                return f"waits: {self.still}"
            case "running":
                return "not over: it waits for its turn in its lane, or is tried again. `hookline dead list` shows it"
            case "waiting":
                return self._waiting()
            case "cancelled" | "discarded":
                return f"{mark.state} meanwhile"

    def _waiting(self) -> str:
        handler = self.mark.letter.handler
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


class Begun(NamedTuple):
    """A replay that was asked for."""

    id: int
    # What it does that was not asked for now, or does not that was; empty: nothing.
    remark: str = ""


def asked_before(mark: Mark, *, redo_effects: bool) -> str:
    """What to tell whoever asks for a replay that was asked for before; empty: nothing."""
    if mark.state == "done":
        return ""
    match redo_effects, mark.redo_effects:
        case True, True:
            return "it was asked for before, and runs effects anew now"
        case True, False:
            return (
                "it was begun before, without --redo-effects, and repeats no effect that happened. Should it die again,"
                " replay the new letter with --redo-effects"
            )
        case False, True:
            return "it was asked for with --redo-effects before, and that holds"
        case _:
            return ""


async def ask(store: Store, case: Case, *, redo_effects: bool = False) -> Begun:
    """Ask for a replay.

    Raises:
        CommandFailed: hookline did not write this letter, or too many are open.
        StoreError: the store failed.
    """
    order = order_of(case, redo_effects=redo_effects)
    name = order.letter
    now = called_now(name.handler, name.failed_at, await store.entry_rows.renames())
    try:
        [answer] = await store.replays.ask([replace(order, letter=replace(name, handler=now))], datetime.now(UTC))
    except ReplaysFull as error:
        raise CommandFailed(str(error)) from error
    if answer.accepted:
        return Begun(answer.id)
    mark = (await store.replays.found([answer.id]))[answer.id]
    return Begun(answer.id, asked_before(mark, redo_effects=redo_effects))


async def wait(
    store: Store,
    number: int,
    within: timedelta,
    stopping: asyncio.Event,
    meanwhile: Callable[[Mark], None] = lambda _mark: None,
) -> Mark:
    """Wait until something came of a replay, for so long at most.

    Args:
        store: has it.
        number: which.
        within: how long.
        stopping: ends it sooner.
        meanwhile: is given it whenever an attempt failed and it is tried again.

    Raises:
        StoreError: the store failed.
    """
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    noted = None
    while True:
        mark = (await store.replays.found([number]))[number]
        if mark.state == "running" and mark.detail not in (None, noted):
            noted = mark.detail
            meanwhile(mark)
        if mark.ended_at is not None or stopping.is_set() or asyncio.get_running_loop().time() >= deadline:
            return mark
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE):
                await stopping.wait()


async def told(store: Store, log: str, case: Case, mark: Mark, *, waited: bool) -> Told:
    """What to tell of a replay that was asked for; `log` is the identity of the event log.

    Raises:
        StoreError: the store failed.
    """
    if mark.state not in ("waiting", "running"):
        return Told(case, mark)
    from cli.replay_waits import stands_still  # noqa: PLC0415 - the other commands need no dispatcher

    handler, topic = mark.letter.handler, mark.origin.topic if mark.origin else ""
    owned = await store.owners.is_owned(handler, topic, log) if mark.state == "waiting" and waited else None
    return Told(case, mark, owned, await stands_still(store, handler))
