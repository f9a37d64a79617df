"""Entries that are to stand still: by an operator's word, or because most of their events died. One row an entry.

Every worker of the entry, in whatever process, sees the row within about a second and obeys until it is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import insert
from store.tables import stops

StopReason: TypeAlias = Literal["paused", "dead-letters"]
"""Why an entry stands still: an operator paused it, or too many of its events died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why an entry stands still, and since when."""

    handler: str
    reason: StopReason
    # The same in words, for people; may be empty.
    detail: str = ""
    # Who wrote it.
    by: str
    at: datetime


class Stops:
    """Table `stops`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Mapping[str, Stop]:
        """Entry → why it stands still.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Mapping[str, Stop]:
            return {row.handler: _stop(row) for row in await connection.execute(select(stops))}

        return await self._database.read(work)

    async def stop(self, stop: Stop) -> Stop:
        """Have an entry stand still; the stop that holds now, which is an earlier one if there was one.

        Raises:
            StoreError: the database failed; it may be repeated.
        """
        row = {
            "handler": stop.handler,
            "reason": stop.reason,
            "detail": stop.detail,
            "by": stop.by,
            "at": stop.at,
        }

        async def work(connection: AsyncConnection) -> Stop:
            await connection.execute(insert(connection.dialect.name, stops).values(row).on_conflict_do_nothing())
            return _stop((await connection.execute(select(stops).where(stops.c.handler == stop.handler))).one())

        return await self._database.write(work)

    async def resume(self, handler: str) -> Stop | None:
        """Let an entry go on; what had stopped it, None if nothing had.

        Raises:
            StoreError: the database failed; it may be repeated.
        """

        async def work(connection: AsyncConnection) -> Stop | None:
            gone = await connection.execute(delete(stops).where(stops.c.handler == handler).returning(*stops.c))
            row = gone.first()
            return None if row is None else _stop(row)

        return await self._database.write(work)


def _stop(row: Any) -> Stop:
    return Stop(handler=row.handler, reason=row.reason, detail=row.detail, by=row.by, at=row.at)
