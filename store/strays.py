"""Timers that are pending when an entry goes on with another event log.

Offsets of two logs say nothing of each other, and a key's partition has another number where there are more of them.
So the owner of the partition that has the timer's key now takes it over, before it reads. Every event of its log is
newer than the timer and moves or cancels it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.owners import Epoch, dispossess, hold
from store.schedule import write_rows
from store.tables import IS_PENDING, IS_TIMER, schedule

# Timers of one transaction.
_PAGE = 5_000
# Farther than any log reaches. Eight thousand changes of the log fit into an offset's 64 bits.
_ANOTHER_LOG = 2**50


class Stray(NamedTuple):
    """A pending timer that was set in another event log, and where it stood there."""

    id: int
    at: TopicPartition
    # Of its lane.
    key: str


class Strays:
    """Timers of other logs, in table `schedule`."""

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


def aged(offset: int) -> int:
    """An offset of another event log among those of this one: before them all, in the order it had."""
    return offset - _ANOTHER_LOG


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
