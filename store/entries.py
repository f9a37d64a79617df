"""A handler's entry starts once: where it began to read is written the first time and never again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import insert
from store.tables import entries

Start = Literal["earliest", "now"] | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedAt:
    """Where an entry began."""

    handler: str
    # The earliest record there was, or the first at or after a time. `now` became the time it was registered.
    start: Literal["earliest"] | datetime
    registered_at: datetime
    # Whether this call wrote it.
    first: bool


class Entries:
    """Table `entries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_of(self, handler: str, start: Start, now: datetime) -> StartedAt:
        """Where an entry starts: as given if it is new, else as it was first written.

        Args:
            handler: the entry.
            start: what its configuration says.
            now: the time.

        Raises:
            StoreError: the database failed.
        """
        at = None if start == "earliest" else now if start == "now" else start

        async def work(connection: AsyncConnection) -> StartedAt:
            row = {"handler": handler, "start_at": at, "registered_at": now}
            statement = insert(connection.dialect.name, entries).values(row).on_conflict_do_nothing()
            first = (await connection.execute(statement)).rowcount > 0
            found = (await connection.execute(select(entries).where(entries.c.handler == handler))).one()
            return StartedAt(
                handler=handler,
                start="earliest" if found.start_at is None else found.start_at,
                registered_at=found.registered_at,
                first=first,
            )

        return await self._database.write(work)
