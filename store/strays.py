"""Timers that are pending, and records that are parked, when an entry goes on with another event log.

Offsets of two logs say nothing of each other, and a key's partition has another number where there are more of them.
So the owner of the partition that has the key now takes them over, before it reads. Every event of its log is newer: it
moves or cancels the timer, and is behind the record.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, delete, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.owners import Epoch, dispossess, hold
from store.parked import ALL_WITHIN
from store.schedule import write_rows
from store.tables import IS_PENDING, IS_TIMER, parked, schedule

# Timers of one transaction.
_PAGE = 5_000
# Parked records of one: each may be as large as a record can be.
_ROWS = 1_000
# Farther than any log reaches. Eight thousand changes of the log fit into an offset's 64 bits.
_ANOTHER_LOG = 2**50


class Stray(NamedTuple):
    """A pending timer that was set in another event log, and where it stood there."""

    id: int
    at: TopicPartition
    # Of its lane.
    key: str


class StrayLane(NamedTuple):
    """A lane whose records were parked while another event log was read, and where it stood there."""

    log: str
    at: TopicPartition
    slot: bytes
    key: bytes | None
    rows: int


class Strays:
    """What other logs left behind, in tables `schedule` and `parked`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(self, handler: str, log: str) -> list[Stray]:
        """The pending timers of an entry that were set in another event log than this.

        Raises:
            StoreError: the database failed.
        """
        columns = (schedule.c.id, schedule.c.topic, schedule.c.partition, schedule.c.key)
        statement = select(*columns).where(schedule.c.handler == handler, IS_PENDING, IS_TIMER, schedule.c.log != log)

        async def work(connection: AsyncConnection) -> list[Stray]:
            found = await connection.execute(statement.order_by(schedule.c.id))
            return [Stray(number, TopicPartition(topic, partition), key) for number, topic, partition, key in found]

        return await self._database.read(work)

    async def adopt(
        self, handler: str, at: TopicPartition, epoch: Epoch, strays: Sequence[Stray], *, now: datetime
    ) -> None:
        """Make timers of another event log this partition's. May be repeated.

        Where they stood they are cancelled, and whoever may still own that can write nothing any more.

        Raises:
            NotOwned: the partition has another owner; the rest was not taken over.
            StoreError: the database failed; call again.
        """
        for begin in range(0, len(strays), _PAGE):
            these = schedule.c.id.in_([stray.id for stray in strays[begin : begin + _PAGE]])

            async def work(connection: AsyncConnection, these: ColumnElement[bool] = these) -> None:
                await hold(connection, handler, at, epoch)
                places = select(schedule.c.log, schedule.c.topic, schedule.c.partition).where(these, IS_PENDING)
                found = (await connection.execute(places.distinct())).all()
                await dispossess(connection, handler, [(log, topic, number) for log, topic, number in found])
                await _move(connection, these, {"log": epoch.log, "topic": at.topic, "partition": at.partition}, now)

            await self._database.write(work)

    async def parked(self, handler: str, log: str) -> list[StrayLane]:
        """The lanes of an entry that were parked while it read another event log than this.

        Raises:
            StoreError: the database failed.
        """
        lane = (*_PLACE, parked.c.slot, parked.c.key)
        statement = select(*lane, func.count()).where(parked.c.handler == handler, parked.c.log != log).group_by(*lane)

        async def work(connection: AsyncConnection) -> list[StrayLane]:
            found = await connection.execute(statement)
            return [
                StrayLane(name, TopicPartition(topic, number), slot, key, rows)
                for name, topic, number, slot, key, rows in found
            ]

        return await self._database.read(work, deadline=ALL_WITHIN)

    async def adopt_parked(self, handler: str, at: TopicPartition, epoch: Epoch, lanes: Sequence[StrayLane]) -> None:
        """Make parked records of another event log this partition's. May be repeated.

        Whoever may still own the place where they stood can write nothing any more.

        Raises:
            NotOwned: the partition has another owner; the rest was not taken over.
            StoreError: the database failed; call again.
        """
        for some in _portions(lanes):
            places = {(lane.log, lane.at.topic, lane.at.partition) for lane in some}
            names = sorted((lane.log, lane.at.topic, lane.at.partition, lane.slot) for lane in some)
            theirs = and_(parked.c.handler == handler, tuple_(*_PLACE, parked.c.slot).in_(names))

            async def work(
                connection: AsyncConnection,
                theirs: ColumnElement[bool] = theirs,
                places: set[tuple[str, str, int]] = places,
            ) -> None:
                await hold(connection, handler, at, epoch)
                await dispossess(connection, handler, places)
                await _rehouse(connection, theirs, {"log": epoch.log, "topic": at.topic, "partition": at.partition})

            await self._database.write(work)


_PLACE = (parked.c.log, parked.c.topic, parked.c.partition)
Offset = TypeVar("Offset", int, ColumnElement[int])


def aged(offset: Offset) -> Offset:
    """An offset of another event log among those of this one: before them all, in the order it had."""
    return offset - _ANOTHER_LOG


def _portions(lanes: Iterable[StrayLane]) -> Iterator[list[StrayLane]]:
    """The lanes of one transaction after another, each whole."""
    some: list[StrayLane] = []
    rows = 0
    for lane in lanes:
        if some and rows + lane.rows > _ROWS:
            yield some
            some, rows = [], 0
        some.append(lane)
        rows += lane.rows
    if some:
        yield some


async def _rehouse(connection: AsyncConnection, theirs: ColumnElement[bool], place: dict[str, Any]) -> None:
    """Parked records, to another place; of one event that waited in several logs, one."""
    changed = {**{name: literal(value) for name, value in place.items()}, "position": aged(parked.c.position)}
    columns = [column.name for column in parked.c if column.name != "id"]
    moved = select(*(changed.get(name, parked.c[name]) for name in columns)).where(theirs)
    into = insert(connection.dialect.name, parked).from_select(columns, moved).on_conflict_do_nothing()
    await connection.execute(into)
    await connection.execute(delete(parked).where(theirs))


async def _move(connection: AsyncConnection, these: ColumnElement[bool], place: dict[str, Any], now: datetime) -> None:
    found = (await connection.execute(select(schedule).where(these, IS_PENDING))).mappings().all()
    if not found:
        return
    rows = [
        {
            **{name: value for name, value in row.items() if name != "id"},
            **place,
            "setter_offset": aged(row["setter_offset"]),
            "written_at": now,
        }
        for row in found
    ]
    await connection.execute(update(schedule).where(these, IS_PENDING).values(state="cancelled", written_at=now))
    # A row that is there keeps its offset: it knows which events of this log were handled before.
    await write_rows(connection, rows, over="any")
