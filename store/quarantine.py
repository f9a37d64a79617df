"""Deliveries in the quarantine that were dealt with: they could be read after all, and their events are in the log.

The topic keeps them until its retention is over. One row each, so that they are not listed and not published again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.digests import fingerprint
from store.quarantine_table import quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineName:
    """What names a delivery in the quarantine."""

    # `EventLog.identity`.
    log: str
    at: TopicPartition
    offset: int
    # What it says of itself: where a topic was made anew another delivery may stand at its place.
    name: str
    # Of its record.
    timestamp: int

    @property
    def slot(self) -> bytes:
        """What stands for it in the index."""
        at = self.at
        place = (self.log, at.topic, str(at.partition), str(self.offset))
        return fingerprint(*place, self.name, str(self.timestamp))


class Quarantine:
    """Table `quarantine`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def done(self, names: Collection[QuarantineName]) -> set[QuarantineName]:
        """Those of the deliveries that were dealt with.

        Raises:
            StoreError: the database failed.
        """
        by_slot = {name.slot: name for name in names}
        statement = select(quarantine.c.slot).where(quarantine.c.slot.in_(by_slot))

        async def work(connection: AsyncConnection) -> set[QuarantineName]:
            return {by_slot[bytes(slot)] for (slot,) in await connection.execute(statement)}

        return await self._database.read(work) if by_slot else set()

    async def note(self, name: QuarantineName, *, events: int, now: datetime) -> None:
        """A delivery was dealt with. May be repeated: what was noted first stays.

        Args:
            name: which.
            events: how many events of it were published by that.
            now: the time.

        Raises:
            StoreError: the database failed.
        """
        row = {
            "slot": name.slot,
            "log": name.log,
            "topic": name.at.topic,
            "partition": name.at.partition,
            "record_offset": name.offset,
            "name": name.name,
            "events": events,
            "ended_at": now,
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(connection.dialect.name, quarantine).values(row).on_conflict_do_nothing())

        await self._database.write(work)

    async def count(self, log: str, start: Mapping[TopicPartition, int]) -> int:
        """How many deliveries were dealt with, of those that partitions of a log have from these offsets on.

        Raises:
            StoreError: the database failed.
        """
        columns = quarantine.c
        places = [
            and_(columns.topic == at.topic, columns.partition == at.partition, columns.record_offset >= first)
            for at, first in start.items()
        ]
        statement = select(func.count()).where(columns.log == log, or_(false(), *places))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).scalar_one()

        return await self._database.read(work)

    async def expire(self, before: datetime, *, limit: int = 10_000) -> int:
        """Throw away what was noted before a time; returns how many. Call again until it is none.

        The time must lie before the oldest delivery that the topic still has, or it is read again.

        Raises:
            StoreError: the database failed.
        """
        old = select(quarantine.c.slot).where(quarantine.c.ended_at < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(quarantine).where(quarantine.c.slot.in_(old)))).rowcount

        return await self._database.write(work)
