"""Outside effects that happen once: a row says that one was begun, and later what came of it.

Begun row → effect → result. An error that proves that nothing happened takes the row away (`forget`); after anything
else nobody knows, and the next attempt is told so (`Begun`).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import uuid4

from sqlalchemy import Insert, and_, bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.digests import fingerprint
from store.errors import StoreUnavailable
from store.owners import Epoch, hold
from store.tables import IS_UNFINISHED, effects

# Begins whose answer was lost, remembered by their tokens: an outage or a timeout in the middle of a call.
_LOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKey:
    """An effect of a handler's entry on one event. Event ids are unique in their source only, so it is a part."""

    handler: str
    source: str
    event_id: str
    name: str

    @property
    def slot(self) -> bytes:
        """What stands for it in the index."""
        return fingerprint(self.source, self.event_id, self.name)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The effect was never begun, or is known not to have happened: run it now."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An earlier attempt began it and nobody knows whether it happened."""

    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """It happened; this is what came of it."""

    result_json: str


class Effects:
    """Table `effects`. Every write is conditional on owning the event's partition."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # A begin that failed or was cancelled may have been written, though nobody acted on it: it counts as fresh.
        self._lost: OrderedDict[str, None] = OrderedDict()

    async def begin(
        self, key: EffectKey, *, at: TopicPartition, epoch: Epoch, now: datetime
    ) -> Fresh | Begun | Finished:
        """Say that the effect is about to be run, if it was not begun before.

        Args:
            key: which effect.
            at: the partition of its event.
            epoch: under which the partition is owned.
            now: the time.

        Raises:
            NotOwned: the partition has another owner. Do not run the effect.
            StoreError: the database failed. Do not run the effect; begin again.
        """
        token = uuid4().hex

        async def work(connection: AsyncConnection) -> Fresh | Begun | Finished:
            await hold(connection, key.handler, at, epoch)
            if await _insert(connection, key, token, now):
                return Fresh()
            columns = (effects.c.token, effects.c.begun_at, effects.c.result)
            found = (await connection.execute(select(*columns).where(_is(key)))).one()
            if found.result is not None:
                return Finished(found.result)
            return Fresh() if found.token in self._lost else Begun(found.begun_at)

        try:
            return await self._database.write(work)
        except (StoreUnavailable, asyncio.CancelledError):
            self._lost[token] = None
            while len(self._lost) > _LOST:
                self._lost.popitem(last=False)
            raise

    async def finish(self, key: EffectKey, result_json: str, *, at: TopicPartition, epoch: Epoch) -> None:
        """Keep the result of an effect that happened. May be repeated, and must be until it succeeds.

        Raises:
            NotOwned: the partition has another owner.
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> None:
            await hold(connection, key.handler, at, epoch)
            await connection.execute(_FINISH, {**_named(key), "result": result_json})

        await self._database.write(work)

    async def forget(self, key: EffectKey, *, at: TopicPartition, epoch: Epoch) -> None:
        """Take a begun effect back, on proof that nothing happened. A finished one stays. May be repeated.

        Raises:
            NotOwned: the partition has another owner.
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> None:
            await hold(connection, key.handler, at, epoch)
            await connection.execute(delete(effects).where(_is(key), effects.c.result.is_(None)))

        await self._database.write(work)

    async def unfinished(self, *, handler: str, source: str, event_id: str) -> list[str]:
        """The names of an event's effects that were begun and may have happened; nobody knows.

        Raises:
            StoreError: the database failed.
        """
        columns = (effects.c.name, effects.c.token)
        of_event = and_(effects.c.source == source, effects.c.event_id == event_id)
        statement = select(*columns).where(effects.c.handler == handler, IS_UNFINISHED, of_event)

        async def work(connection: AsyncConnection) -> list[str]:
            return [name for name, token in await connection.execute(statement) if token not in self._lost]

        return await self._database.read(work)

    async def expire(self, before: datetime, *, limit: int = 10_000) -> int:
        """Throw away effects begun before a time; returns how many. Call again until it is none.

        Rows must outlive the dead letters whose replay would look for them: 30 days.

        Raises:
            StoreError: the database failed.
        """
        columns = (effects.c.handler, effects.c.slot)
        old = select(*columns).where(effects.c.begun_at < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(effects).where(tuple_(*columns).in_(old)))).rowcount

        return await self._database.write(work)


async def _insert(connection: AsyncConnection, key: EffectKey, token: str, now: datetime) -> bool:
    """Note that the effect begins; False when that is noted already."""
    row = {
        "handler": key.handler,
        "slot": key.slot,
        "source": key.source,
        "event_id": key.event_id,
        "name": key.name,
        "token": token,
        "begun_at": now,
    }
    return (await connection.execute(_new(connection.dialect.name), row)).rowcount > 0


# Built once, for handlers wait for them.
_FINISH = update(effects).where(effects.c.handler == bindparam("of_handler"), effects.c.slot == bindparam("of_slot"))


@cache
def _new(dialect: str) -> Insert:
    return insert(dialect, effects).on_conflict_do_nothing()


def _named(key: EffectKey) -> dict[str, object]:
    return {"of_handler": key.handler, "of_slot": key.slot}


def _is(key: EffectKey) -> ColumnElement[bool]:
    return and_(effects.c.handler == key.handler, effects.c.slot == key.slot)
