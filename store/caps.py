"""Caps that many lanes count at once: at most so many uses of a name and key in a window."""

from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Insert, Table, and_, bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import insert
from store.digests import fingerprint
from store.tables import cap_uses, caps


class Caps:
    """Tables `caps` and `cap_uses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def allow(
        self, handler: str, name: str, key: str, *, limit: int, window_start: datetime, source: str, event_id: str
    ) -> bool:
        """Count one use and say whether it is within the limit. The same event counts once, and stays allowed.

        Args:
            handler: the entry.
            name: the cap's name.
            key: whom it protects.
            limit: how many uses a window has.
            window_start: the beginning of the window; windows of different starts count apart.
            source: of the event; event ids are unique in their source only.
            event_id: the event that uses it.

        Raises:
            StoreError: the database failed. Calling again counts no second time.
        """
        window = {"handler": handler, "slot": fingerprint(name, key), "window_start": window_start}
        use = {**window, "event": fingerprint(source, event_id)}
        this_window = {f"of_{column}": value for column, value in window.items()}
        this_use = {f"of_{column}": value for column, value in use.items()}

        async def work(connection: AsyncConnection) -> bool:
            dialect = connection.dialect.name
            # Locks the window until the commit, so that two lanes do not both take the last use.
            used = (await connection.execute(_USED, this_window)).scalar()
            if used is None:
                new = {**window, "name": name, "key": key, "used": 0}
                await connection.execute(_new(dialect, caps), new)
                used = (await connection.execute(_USED, this_window)).scalar_one()
            if used >= limit:
                return (await connection.execute(_USE, this_use)).first() is not None
            if (await connection.execute(_new(dialect, cap_uses), use)).rowcount > 0:
                await connection.execute(_COUNT, this_window)
            return True

        return await self._database.write(work)

    async def expire(self, before: datetime, *, limit: int = 1_000) -> int:
        """Throw away windows that began before a time; returns how many. Call again until it is none.

        Raises:
            StoreError: the database failed.
        """
        window = (caps.c.handler, caps.c.slot, caps.c.window_start)
        old = select(*window).where(caps.c.window_start < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(caps).where(tuple_(*window).in_(old)))).rowcount

        return await self._database.write(work)


def _these(table: Table, *columns: str) -> ColumnElement[bool]:
    return and_(*(table.c[column] == bindparam(f"of_{column}") for column in columns))


# Built once, for handlers wait for them.
_WINDOW = ("handler", "slot", "window_start")
_USED = select(caps.c.used).where(_these(caps, *_WINDOW)).with_for_update()
_USE = select(cap_uses.c.event).where(_these(cap_uses, *_WINDOW, "event"))
_COUNT = update(caps).where(_these(caps, *_WINDOW)).values(used=caps.c.used + 1)


@cache
def _new(dialect: str, table: Table) -> Insert:
    return insert(dialect, table).on_conflict_do_nothing()
