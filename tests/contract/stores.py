"""What the store's suites run on, and the few words they share."""

import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types

from schemas.contacts import Identity
from schemas.record import TopicPartition
from store.migrations import migrate
from store.store import Store

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
    await migrate(url)
    store = Store.open(url, deadline=deadline)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


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
