"""Dead letters that somebody wants to be handled again, or declared dealt with. One row a letter.

A row keeps the whole record as it was before it died, so that whoever owns its partition can run it without asking the
log. When the replay is over the record is taken out and the row stays as a mark: this letter is dealt with.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store import replay_rows
from store.database import Database
from store.dialects import insert
from store.errors import ReplaysFull
from store.owners import Epoch, hold
from store.replay_rows import LetterName, Mark, Order, Replay
from store.schedule import Now, TimerName, TimerSet, now_of, rows_of, write_rows
from store.tables import IS_ENDED, IS_OPEN, effects, replays

MAX_OPEN = 1_000
"""Replays of one entry that may wait or run at once."""


class Asked(NamedTuple):
    """What became of an order."""

    id: int
    # False: it is open or done already, and nothing was changed, but that one that waits redoes effects if asked to.
    accepted: bool


class Waiting(NamedTuple):
    """A replay that is not over, and its event's key and place: the owner of that runs it."""

    id: int
    # In the event log of this identity; in another one the key says which partition has it.
    log: str
    at: TopicPartition
    key: bytes | None


class Ended(NamedTuple):
    """What came of ending a replay."""

    # False when it was over already: nothing was written.
    first: bool
    # The timers as they are now.
    timers: Now


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a replay ended, and what its attempt did to timers."""

    state: Literal["done", "dead"]
    reason: str | None = None
    detail: str | None = None
    # The id of the event; needed with timers only.
    event_id: str = ""
    set: Sequence[TimerSet] = ()
    cancel: Sequence[TimerName] = ()
    # The event is a timer's firing, which comes after the record at its offset.
    firing: bool = False


class Replays:
    """Table `replays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- what an operator does ----------------------------------------------------------------------------------------

    async def ask(self, orders: Sequence[Order], now: datetime) -> list[Asked]:
        """Ask for replays, all or none. Those that are open or done already stay as they are.

        Only `redo_effects` is added to those that no worker has begun: it is the stronger wish.

        Raises:
            ReplaysFull: an entry would have too many open ones.
            StoreError: the database failed; ask again.
        """
        rows = [replay_rows.of_order(order, now) for order in orders]

        async def work(connection: AsyncConnection) -> list[Asked]:
            asked = [await _ask(connection, row) for row in rows]
            for handler in sorted({row["handler"] for row in rows}):
                if (count := await open_of(connection, handler)) > MAX_OPEN:
                    before = count - sum(each.accepted for each in asked)
                    raise ReplaysFull(handler, bound=MAX_OPEN, room=MAX_OPEN - before)
            return asked

        return await self._database.write(work)

    async def discard(self, letters: Iterable[LetterName], now: datetime) -> None:
        """Declare letters dealt with. A replay that is open is over, whatever its attempt comes to; done stays done.

        Raises:
            StoreError: the database failed; call again.
        """
        rows = [replay_rows.of_discard(letter, now) for letter in letters]

        async def work(connection: AsyncConnection) -> None:
            for row in rows:
                await connection.execute(upsert(connection, row, unless=("done", "discarded")))

        await self._database.write(work)

    async def marks(self, handler: str | None = None) -> list[Mark]:
        """Every letter that somebody decided on, of one entry or of all, in the order of the first decision.

        Raises:
            StoreError: the database failed.
        """
        statement = select(*replay_rows.MARKS).order_by(replays.c.id)
        return await self._marks(statement if handler is None else statement.where(replays.c.handler == handler))

    async def found(self, ids: Collection[int]) -> dict[int, Mark]:
        """What became of some replays so far.

        Raises:
            StoreError: the database failed.
        """
        marks = await self._marks(select(*replay_rows.MARKS).where(replays.c.id.in_(ids)))
        return {mark.id: mark for mark in marks}

    async def expire(self, before: datetime, *, limit: int = 10_000) -> int:
        """Throw away what ended before a time; returns how many. Call again until it is none.

        The time must lie before the oldest dead letter there is, or letters that were dealt with appear again.

        Raises:
            StoreError: the database failed.
        """
        old = select(replays.c.id).where(IS_ENDED, replays.c.ended_at < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(replays).where(replays.c.id.in_(old)))).rowcount

        return await self._database.write(work)

    # -- what a worker does -------------------------------------------------------------------------------------------

    async def waiting(self, handler: str) -> list[Waiting]:
        """The open replays of an entry, those of one partition in the order of their events.

        Raises:
            StoreError: the database failed.
        """
        place = (replays.c.topic, replays.c.partition)
        columns = (replays.c.id, replays.c.log, *place, replays.c.key)
        statement = select(*columns).where(replays.c.handler == handler, IS_OPEN)

        async def work(connection: AsyncConnection) -> list[Waiting]:
            found = await connection.execute(statement.order_by(*place, replays.c.record_offset, replays.c.id))
            return [Waiting(number, log, TopicPartition(topic, part), key) for number, log, topic, part, key in found]

        return await self._database.read(work)

    async def take(
        self, handler: str, at: TopicPartition, epoch: Epoch, ids: Collection[int], *, now: datetime
    ) -> list[Replay]:
        """Begin replays whose events a partition has that is owned, in their order.

        Those that an earlier owner began and did not end are begun again; those that are over by now are left out.
        Effects that are to be redone are forgotten when their replay begins for the first time.

        Raises:
            NotOwned: the partition has another owner; nothing was begun.
            StoreError: the database failed; take them again.
        """
        wanted = and_(replays.c.handler == handler, IS_OPEN, replays.c.id.in_(ids))
        taken = update(replays).where(wanted).values(state="running", taken_at=now).returning(*replay_rows.RECORDS)

        async def work(connection: AsyncConnection) -> list[Replay]:
            await hold(connection, handler, at, epoch)
            await _forget_effects(connection, handler, wanted)
            return replay_rows.replays_of(await connection.execute(taken), at, epoch.log)

        return await self._database.write(work)

    async def note(self, number: int, detail: str) -> None:
        """Keep what came of the latest attempt of a replay that goes on, for whoever waits for it.

        Raises:
            StoreError: the database failed.
        """
        statement = update(replays).where(replays.c.id == number, IS_OPEN).values(detail=detail)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._database.write(work)

    async def end(self, handler: str, replay: Replay, epoch: Epoch, ending: Ending, *, now: datetime) -> Ended:
        """Write how a replay ended and what it did to timers, in one transaction. May be repeated.

        A timer that a later event than the replayed one wrote stays as that one left it.

        Raises:
            NotOwned: the partition has another owner; nothing was written.
            StoreError: the database failed.
            ValueError: a timer is both set and cancelled.
        """
        place: dict[str, Any] = {"handler": handler, "log": epoch.log, "at": replay.at, "offset": replay.offset}
        timers = rows_of(ending.set, ending.cancel, **place, event_id=ending.event_id, now=now)
        over = {"state": ending.state, "reason": ending.reason, "detail": ending.detail, "ended_at": now}
        statement = update(replays).where(replays.c.id == replay.id, IS_OPEN).values({**over, **replay_rows.EMPTY})

        async def work(connection: AsyncConnection) -> Ended:
            await hold(connection, handler, replay.at, epoch)
            first = (await connection.execute(statement)).rowcount > 0
            if first and timers:
                await write_rows(connection, timers, over="same" if ending.firing else "older")
            return Ended(first, await now_of(connection, timers))

        return await self._database.write(work)

    async def _marks(self, statement: Any) -> list[Mark]:
        async def work(connection: AsyncConnection) -> list[Mark]:
            return [replay_rows.mark_of(row) for row in await connection.execute(statement)]

        return await self._database.read(work)


async def _ask(connection: AsyncConnection, row: dict[str, Any]) -> Asked:
    statement = upsert(connection, row, unless=("waiting", "running", "done"))
    if (number := (await connection.execute(statement.returning(replays.c.id))).scalar()) is not None:
        return Asked(number, accepted=True)
    same = and_(replays.c.handler == row["handler"], replays.c.slot == row["slot"])
    if row["effects"] == "redo":
        await connection.execute(update(replays).where(same, replays.c.state == "waiting").values(effects="redo"))
    return Asked((await connection.execute(select(replays.c.id).where(same))).scalar_one(), accepted=False)


def upsert(connection: AsyncConnection, row: dict[str, Any], *, unless: Collection[str]) -> postgresql.Insert:
    """Write a letter's row; one that is in one of these states stays as it is."""
    statement = insert(connection.dialect.name, replays).values(row)
    return statement.on_conflict_do_update(
        index_elements=["handler", "slot"], set_=row, where=replays.c.state.not_in(unless)
    )


async def _forget_effects(connection: AsyncConnection, handler: str, wanted: ColumnElement[bool]) -> None:
    """Take away what is known of effects, for replays that redo them and begin for the first time."""
    first = select(replays.c.source, replays.c.event_id, replays.c.effects).where(wanted, replays.c.taken_at.is_(None))
    # locked, those that keep them too: whoever asks for more from now on finds them begun
    for source, event_id, kept in await connection.execute(first.with_for_update()):
        if kept != "redo":
            continue
        theirs = effects.c.handler == handler, effects.c.source == source, effects.c.event_id == event_id
        await connection.execute(delete(effects).where(*theirs))


async def open_of(connection: AsyncConnection, handler: str) -> int:
    """How many replays of an entry are open."""
    statement = select(func.count()).select_from(replays).where(replays.c.handler == handler, IS_OPEN)
    return (await connection.execute(statement)).scalar_one()
