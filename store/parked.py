"""Parked records: a lane that waits long waits here, whole, so that the log's position can move on.

A row is written before the offset of its record is settled, so after a crash between the two the record is read again
and finds its row. It is deleted when the record is settled, in one transaction with the timers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Insert, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.errors import ParkingFull
from store.owners import Epoch, hold
from store.parked_rows import (
    ROWS,
    LaneName,
    ParkedLane,
    ParkedRow,
    ToPark,
    Tried,
    columns_of,
    lane_of,
    of_record,
    row_of,
)
from store.schedule import Now, TimerName, TimerSet, now_of, rows_of, written
from store.tables import parked

ALL_WITHIN = timedelta(seconds=15)
"""A hundred thousand lanes are read in three or four seconds by a busy machine."""


class Parked:
    """Table `parked`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(
        self,
        handler: str,
        at: TopicPartition,
        epoch: Epoch,
        records: Sequence[ToPark],
        again: Mapping[int, Tried],
        *,
        bound: int,
        now: datetime,
    ) -> None:
        """Write records of a partition, and what came of attempts at others, in one transaction. May be repeated.

        Args:
            handler: the handler's entry.
            at: the partition of all of them.
            epoch: under which it is owned.
            records: those to be parked; one that is there already stays as it is.
            again: rows that were tried and are to be tried again.
            bound: so many rows the entry may have, in all partitions.
            now: the time.

        Raises:
            ParkingFull: the entry would have too many rows; nothing was written.
            NotOwned: the partition has another owner; nothing was written.
            StoreError: the database failed; call again.
        """
        rows = [of_record(one, handler=handler, at=at, epoch=epoch, now=now) for one in records]
        changes = [{"number": number, **columns_of(tried)} for number, tried in again.items()]

        async def work(connection: AsyncConnection) -> None:
            await hold(connection, handler, at, epoch)
            if changes:
                await connection.execute(_CHANGE, changes)
            if rows and await _count(connection, handler) + len(rows) > bound:
                raise ParkingFull(handler, bound=bound)
            if rows:
                await connection.execute(_insert(connection.dialect.name), rows)

        await self._database.write(work)

    async def lanes(self, handler: str, at: TopicPartition, log: str) -> list[ParkedLane]:
        """The lanes of a partition that have rows. Claim it first: from then on nobody else changes them.

        Raises:
            StoreError: the database failed.
        """
        slot, order = parked.c.slot, (parked.c.position, parked.c.id)
        columns = (parked.c.source, parked.c.key, parked.c.record_offset, parked.c.due)
        place = func.row_number().over(partition_by=slot, order_by=order).label("place")
        rows = func.count().over(partition_by=slot).label("rows")
        found = select(*columns, place, rows).where(*_home(handler, at, log)).subquery()

        async def work(connection: AsyncConnection) -> list[ParkedLane]:
            return [lane_of(row) for row in await connection.execute(select(found).where(found.c.place == 1))]

        return await self._database.read(work, deadline=ALL_WITHIN)

    async def load(
        self, handler: str, at: TopicPartition, epoch: Epoch, lanes: Sequence[LaneName], *, limit: int
    ) -> dict[LaneName, list[ParkedRow]]:
        """The first rows of some lanes, in the order of the log, at most so many of each.

        Raises:
            NotOwned: the partition has another owner, who runs them.
            StoreError: the database failed.
        """
        names = {lane.slot: lane for lane in lanes}
        home = {"handler": handler, "log": epoch.log, "topic": at.topic, "partition": at.partition}

        async def work(connection: AsyncConnection) -> dict[LaneName, list[ParkedRow]]:
            await hold(connection, handler, at, epoch)
            found: dict[LaneName, list[ParkedRow]] = {lane: [] for lane in lanes}
            for row in await connection.execute(_FIRST, {**home, "slots": sorted(names), "most": limit}):
                found[names[row.slot]].append(row_of(row))
            return found

        return await self._database.read(work)

    async def end(
        self,
        handler: str,
        at: TopicPartition,
        epoch: Epoch,
        row: ParkedRow,
        *,
        event_id: str,
        now: datetime,
        set: Sequence[TimerSet] = (),  # noqa: A002 - the plugin API's and the table's word
        cancel: Sequence[TimerName] = (),
    ) -> Now:
        """A parked record is settled: delete its row and write what its attempt did to timers. May be repeated.

        Returns:
            The timers to be set and cancelled as they are now.

        Raises:
            NotOwned: the partition has another owner; nothing was written.
            StoreError: the database failed.
            ValueError: a timer is both set and cancelled.
        """
        place: dict[str, Any] = {"handler": handler, "log": epoch.log, "at": at, "offset": row.position}
        timers = rows_of(set, cancel, **place, event_id=event_id, now=now)

        async def work(connection: AsyncConnection) -> Now:
            await hold(connection, handler, at, epoch)
            gone = await connection.execute(_GONE, {"number": row.id})
            if gone.rowcount == 0:
                return await now_of(connection, timers)
            return await written(connection, timers, over="older")

        return await self._database.write(work)

    async def counts(self) -> dict[str, int]:
        """How many rows each entry has, of every event log.

        Raises:
            StoreError: the database failed.
        """
        statement = select(parked.c.handler, func.count()).group_by(parked.c.handler)

        async def work(connection: AsyncConnection) -> dict[str, int]:
            return {row[0]: row[1] for row in await connection.execute(statement)}

        return await self._database.read(work)

    async def is_parked(self, handler: str, event_id: str) -> bool:
        """Whether an entry has parked an event of this id.

        Raises:
            StoreError: the database failed.
        """
        statement = select(parked.c.id).where(parked.c.handler == handler, parked.c.event_id == event_id)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement.limit(1))).first() is not None

        return await self._database.read(work)


_GONE = delete(parked).where(parked.c.id == bindparam("number"))
# Which columns, the parameters say.
_CHANGE = update(parked).where(parked.c.id == bindparam("number"))
_ROWS = select(func.count()).select_from(parked).where(parked.c.handler == bindparam("handler"))
_ORDER = (parked.c.position, parked.c.id)
# Counted by an index alone; then the rows themselves, which may be large.
_PLACES = (
    select(parked.c.id, func.row_number().over(partition_by=parked.c.slot, order_by=_ORDER).label("place"))
    .where(
        *(parked.c[name] == bindparam(name) for name in ("handler", "log", "topic", "partition")),
        parked.c.slot.in_(bindparam("slots", expanding=True)),
    )
    .subquery()
)
_FIRST = (
    select(*ROWS, parked.c.slot)
    .where(parked.c.id.in_(select(_PLACES.c.id).where(_PLACES.c.place <= bindparam("most"))))
    .order_by(*_ORDER)
)


@cache
def _insert(dialect: str) -> Insert:
    return insert(dialect, parked).on_conflict_do_nothing()


async def _count(connection: AsyncConnection, handler: str) -> int:
    return (await connection.execute(_ROWS, {"handler": handler})).scalar_one()


def _home(handler: str, at: TopicPartition, log: str) -> tuple[Any, ...]:
    home = {"handler": handler, "log": log, "topic": at.topic, "partition": at.partition}
    return tuple(parked.c[name] == value for name, value in home.items())
