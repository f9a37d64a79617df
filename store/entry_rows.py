"""What the store has of an entry, whichever table it is in: to tell of one that went away, to rename or to forget it.

Nobody may work for the entry meanwhile. What is much is done in pages, each a transaction of its own, and each call may
be repeated after it was broken off.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, Update, delete, func, literal, select, tuple_, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.decisions import Rename
from store.dialects import insert
from store.job_tables import IS_READING, renames, replay_jobs
from store.parked_rows import ROWS, ParkedRow, row_of
from store.replay_rows import EMPTY
from store.schedule import TimerRow, timer_of
from store.tables import (
    IS_OPEN,
    IS_PENDING,
    caps,
    effects,
    entries,
    owners,
    parked,
    replays,
    schedule,
    stops,
    suspects,
)

# Rows of one transaction.
_PAGE = 2_000
# What says that an entry began, and how it is to go on. In few rows.
_MARKS = (owners, entries, stops, renames)
# The rest. What is counted in caps goes with them.
_WORK = (schedule, parked, suspects, replays, replay_jobs, effects, caps)
# What waits for an entry, by the word for it.
_WAITING: Mapping[str, tuple[Table, Sequence[ColumnElement[bool]]]] = MappingProxyType(
    {
        "timers": (schedule, (IS_PENDING,)),
        "parked events": (parked, ()),
        "replays": (replays, (IS_OPEN,)),
        "sets of events to replay": (replay_jobs, (IS_READING,)),
        "stops": (stops, ()),
        "effects": (effects, ()),
    }
)

# Those of them that wait in a topic.
_PLACED = ("timers", "parked events", "replays")


class KeptTimer(NamedTuple):
    """A timer that is set, and the event log its place is in."""

    log: str
    row: TimerRow


class Unread(NamedTuple):
    """What waits for an entry in topics that it does not read: nobody takes it."""

    topics: tuple[str, ...]
    # `timers` and the like → how many.
    kept: Mapping[str, int]


class EntryRows:
    """Every table with rows of entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def left(self, known: Collection[str]) -> dict[str, dict[str, int]]:
        """What is kept for entries that are not among the known: entry → `timers` and the like → how many.

        An entry of which nothing but marks is left is not told.

        Raises:
            StoreError: the database failed.
        """
        named = union(
            select(entries.c.handler),
            select(stops.c.handler),
            select(parked.c.handler),
            select(schedule.c.handler).where(IS_PENDING),
            select(replays.c.handler).where(IS_OPEN),
            select(replay_jobs.c.handler).where(IS_READING),
        )

        async def work(connection: AsyncConnection) -> dict[str, dict[str, int]]:
            names = sorted({name for (name,) in await connection.execute(named)} - set(known))
            found = {name: await _counts(connection, name) for name in names}
            return {name: counts for name, counts in found.items() if counts}

        return await self._database.read(work)

    async def unread(self, reads: Mapping[str, Collection[str]]) -> dict[str, Unread]:
        """What waits where its entry does not read, of all entries that are named with their topics.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> dict[str, Unread]:
            found: dict[str, tuple[set[str], dict[str, int]]] = {}
            for word in _PLACED:
                table, where = _WAITING[word]
                place = (table.c.handler, table.c.topic)
                counted = select(*place, func.count()).where(table.c.handler.in_(reads), *where).group_by(*place)
                for handler, topic, count in await connection.execute(counted):
                    if topic not in reads[handler]:
                        topics, kept = found.setdefault(handler, (set(), {}))
                        topics.add(topic)
                        kept[word] = kept.get(word, 0) + count
            return {handler: Unread(tuple(sorted(topics)), kept) for handler, (topics, kept) in found.items()}

        return await self._database.read(work)

    async def began(self, handler: str) -> bool:
        """Whether an entry ever began.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> bool:
            return any([await _any(connection, table, handler) for table in (owners, entries)])

        return await self._database.read(work)

    async def is_known(self, handler: str) -> bool:
        """Whether there is any row of an entry.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> bool:
            return any([await _any(connection, table, handler) for table in (*_MARKS, *_WORK)])

        return await self._database.read(work)

    async def renames(self) -> list[Rename]:
        """The names that entries had before.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> list[Rename]:
            found = await connection.execute(select(renames.c.old, renames.c.renamed_at, renames.c.handler))
            return [Rename(*row) for row in found]

        return await self._database.read(work)

    async def rename(self, old: str, new: str, now: datetime) -> int:
        """Make the rows of an entry those of another, which has none of its own; how many there were.

        The marks go first: a worker of the new name that finds no position stops then instead of beginning anew. Dead
        letters keep the old name, so what it is called now is kept.

        Raises:
            StoreError: the database failed; call again.
        """

        async def marks(connection: AsyncConnection) -> int:
            moved = [update(table).where(table.c.handler == old).values(handler=new) for table in _MARKS]
            count = sum([(await connection.execute(statement)).rowcount for statement in moved])
            kept = insert(connection.dialect.name, renames).values(old=old, renamed_at=now, handler=new)
            await connection.execute(kept.on_conflict_do_nothing())
            return count

        count = await self._database.write(marks)
        for table in _WORK:
            count += await self._paged(update(table).where(_page(table, old)).values(handler=new))
        return count

    async def waiting(
        self, handler: str, *, limit: int, beside: Collection[str] = ()
    ) -> tuple[list[KeptTimer], list[ParkedRow]]:
        """The first timers and parked records of an entry, of whatever event log, but for those of some topics.

        Raises:
            StoreError: the database failed.
        """
        mine = (schedule.c.handler == handler, schedule.c.topic.not_in(beside))
        timers = select(schedule).where(*mine, IS_PENDING).order_by(schedule.c.id).limit(limit)
        theirs = (parked.c.handler == handler, parked.c.topic.not_in(beside))
        records: Select[Any] = select(*ROWS).where(*theirs).order_by(parked.c.id).limit(limit)

        async def work(connection: AsyncConnection) -> tuple[list[KeptTimer], list[ParkedRow]]:
            found = [KeptTimer(row.log, timer_of(row)) for row in await connection.execute(timers)]
            return found, [row_of(row) for row in await connection.execute(records)]

        return await self._database.read(work)

    async def drop(self, *, timers: Collection[int], records: Collection[int]) -> None:
        """Throw away timers and parked records, by their ids.

        Raises:
            StoreError: the database failed; call again.
        """

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(schedule).where(schedule.c.id.in_(timers)))
            await connection.execute(delete(parked).where(parked.c.id.in_(records)))

        await self._database.write(work)

    async def take_back(self, handler: str, now: datetime, *, beside: Collection[str]) -> int:
        """Cancel the open replays of an entry, but for those of some topics; how many there were.

        Raises:
            StoreError: the database failed; call again.
        """
        statement = _cancelled(handler, "its entry reads its topic no more", now)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement.where(replays.c.topic.not_in(beside)))).rowcount

        return await self._database.write(work)

    async def forget(self, handler: str, now: datetime) -> int:
        """Throw away every row of an entry, open replays included; how many there were.

        What became of its dead letters stays: they are in the log under its name, and are dealt with or not as before.

        Raises:
            StoreError: the database failed; call again.
        """
        cancelled = _cancelled(handler, "its entry was forgotten", now)

        async def marks(connection: AsyncConnection) -> int:
            gone = [delete(table).where(table.c.handler == handler) for table in _MARKS]
            return sum([(await connection.execute(statement)).rowcount for statement in (cancelled, *gone)])

        count = 0
        for table in _WORK:
            if table is not replays:
                count += await self._paged(delete(table).where(_page(table, handler)))
        return count + await self._database.write(marks)

    async def _paged(self, statement: Any) -> int:
        """Repeat a change of a page until there is nothing left; how many rows it changed."""

        async def work(connection: AsyncConnection) -> int:
            return int((await connection.execute(statement)).rowcount)

        count = 0
        while changed := await self._database.write(work):
            count += changed
        return count


def _cancelled(handler: str, why: str, now: datetime) -> Update:
    over = {**EMPTY, "state": "cancelled", "detail": why, "ended_at": now}
    return update(replays).where(replays.c.handler == handler, IS_OPEN).values(over)


def _page(table: Table, handler: str) -> ColumnElement[bool]:
    keys = list(table.primary_key.columns)
    return tuple_(*keys).in_(select(*keys).where(table.c.handler == handler).limit(_PAGE))


async def _any(connection: AsyncConnection, table: Table, handler: str) -> bool:
    statement = select(literal(1)).select_from(table).where(table.c.handler == handler).limit(1)
    return (await connection.execute(statement)).first() is not None


async def _counts(connection: AsyncConnection, handler: str) -> dict[str, int]:
    found = {}
    for word, (table, where) in _WAITING.items():
        statement = select(func.count()).select_from(table).where(table.c.handler == handler, *where)
        if count := (await connection.execute(statement)).scalar_one():
            found[word] = count
    return found
