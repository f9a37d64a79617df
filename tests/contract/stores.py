"""What the store's suites run on, and the few words they share."""

import asyncio
import sqlite3
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types

from schemas.contacts import Identity
from schemas.record import TopicPartition
from store.addresses import SqliteAddress, address
from store.files import ready_file
from store.migrations import migrate
from store.schema import VERSION_TABLE
from store.store import Store
from store.tables import metadata

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
AT = TopicPartition("hookline.conversations", 3)
LOG = "sqlite:one"
"""The event log that is read."""
OTHER_LOG = "kafka:two"


def person(name: str, source: str = "support") -> Identity:
    """An identity."""
    return Identity(source=source, platform="mygptassistants", id=name)


def minute(number: int) -> datetime:
    """So many minutes after noon."""
    return NOW + number * MINUTE


@asynccontextmanager
async def opened(url: str, *, deadline: timedelta = timedelta(seconds=15)) -> AsyncIterator[Store]:
    """A migrated and started store, stopped afterwards."""
    await prepare(url)
    store = Store.open(url, deadline=deadline)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def prepare(url: str) -> None:
    """What `migrate` does; a new SQLite file is made by copying, for the steps take longer than most tests."""
    where = address(url)
    if not isinstance(where, SqliteAddress) or where.path.exists():
        await migrate(url)
        return
    content = await asyncio.to_thread(migrated_file)
    ready_file(where.path)
    where.path.write_bytes(content)
    with closing(sqlite3.connect(where.path)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'store_id'", (str(uuid4()),))


@cache
def migrated_file() -> bytes:
    """What is in the file of an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(migrate(f"sqlite:///{folder}/state.db"))
        return Path(folder, "state.db").read_bytes()


async def clear(url: str) -> None:
    """Make a migrated PostgreSQL database empty again.

    Raises:
        asyncpg.PostgresError: somebody still holds a lock in it.
    """
    raw = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        await raw.execute("SET lock_timeout = '10s'")
        found = {row[0] for row in await raw.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        for name in found - {*metadata.tables, VERSION_TABLE}:
            await raw.execute(f'DROP TABLE "{name}"')
        names = [table.name for table in reversed(metadata.sorted_tables) if table.name in found - {"meta"}]
        # What TRUNCATE would do in fifty times as long: it makes new files.
        emptied = [f"LOCK TABLE {', '.join(names)}", *(f"DELETE FROM {name}" for name in names)]  # noqa: S608 - our names
        begun_anew = "SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences"
        await raw.execute(";".join(["BEGIN", *emptied, begun_anew, "COMMIT"]))
    finally:
        await raw.close()


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """What a query gives, asked without the store's code."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return list(connection.execute(query))
        finally:
            connection.close()
    raw = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        return [tuple(row) for row in await raw.fetch(query)]
    finally:
        await raw.close()


def modes(folder: Path) -> dict[str, int]:
    """Name → permissions of each file in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


PROMISES = {
    "an identity without a living contact": "SELECT count(*) FROM identities i LEFT JOIN contacts c"
    " ON c.id = i.contact_id WHERE i.contact_id IS NOT NULL AND c.id IS NULL",
    "a contact without identities": "SELECT count(*) FROM contacts c WHERE NOT EXISTS"
    " (SELECT 1 FROM identities i WHERE i.contact_id = c.id)",
    "an alias that leads to no living contact": "SELECT count(*) FROM former_contacts f LEFT JOIN contacts c"
    " ON c.id = f.into_id WHERE f.into_id IS NOT NULL AND c.id IS NULL",
    "an id that lives and is a tombstone": "SELECT count(*) FROM former_contacts f JOIN contacts c ON c.id = f.id",
    "two contacts with one address": "SELECT count(*) - count(DISTINCT email_key) FROM contacts"
    " WHERE email_key IS NOT NULL",
}
"""What no table may ever show, as queries that count it."""


async def check_promises(url: str) -> None:
    """Check what holds of every state of the contacts."""
    for promise, query in PROMISES.items():
        assert await rows(url, query) == [(0,)], promise
