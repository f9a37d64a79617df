"""A store's contents move to another database of either kind: all of them, and nobody goes on with the old one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import address
from store.columns import Foreign, Instant, Packed
from store.copying import copy
from store.database import Database
from store.errors import StoreMisconfigured
from store.store import Store
from store.tables import meta, metadata
from tests.contract.stores import NOW, modes, opened, person, prepare

TABLES = [table for table in metadata.sorted_tables if table is not meta]
# What columns with a CHECK may hold.
WORDS = {
    ("schedule", "state"): "set",
    ("replays", "state"): "waiting",
    ("replays", "effects"): "keep",
    ("replays", "ended_at"): None,
    ("replay_jobs", "reads"): "dead",
    ("replay_jobs", "effects"): "keep",
    ("replay_jobs", "state"): "cancelled",
    ("stops", "reason"): "paused",
}
ROWS = 103
AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def cell(table: sa.Table, column: sa.Column[Any], number: int) -> Any:
    """A value that a column can hold: text with what a database has no room for, times to the microsecond."""
    made: dict[type[Any], Any] = {
        Packed: ((f"name-{number}", b"\x00\xff"),),
        Instant: AT,
        Foreign: f"{column.name}-{number}\x00\ud800",
        sa.Boolean: bool(number % 2),
        sa.BigInteger: number if column.name == "id" else 2**62 + number,
        sa.Integer: number,
        sa.LargeBinary: bytes([number]) * 16,
        sa.Text: str(number),
    }
    return WORDS.get((table.name, column.name), made[type(column.type)])


def row(table: sa.Table, number: int) -> dict[str, Any]:
    """A row of which no cell is empty. What refers to another table names the row of the same number there."""
    return {column.name: cell(table, column, number) for column in table.columns}


async def on(url: str, work: Any) -> Any:
    database = Database(address(url))
    try:
        return await database.write(work)
    finally:
        await database.stop()


async def fill(url: str) -> None:
    """Some rows in every table there is, more than are copied at once."""

    async def work(connection: AsyncConnection) -> None:
        for table in TABLES:
            await connection.execute(sa.insert(table), [row(table, number) for number in range(1, ROWS + 1)])

    await on(url, work)


async def contents(url: str) -> dict[str, list[Any]]:
    """Every row of every table."""

    async def work(connection: AsyncConnection) -> dict[str, list[Any]]:
        return {
            table.name: sorted(map(str, (await connection.execute(sa.select(table))).all()))
            for table in metadata.sorted_tables
        }

    found: dict[str, list[Any]] = await on(url, work)
    return found


async def test_everything_goes_along(empty_url: str, tmp_path: Path) -> None:
    """Every table that there is, with the store's id; what is written next collides with nothing."""
    old = f"sqlite:///{tmp_path}/old.db"
    await prepare(old)
    await fill(old)
    before = await contents(old)
    assert all(len(rows) == ROWS for name, rows in before.items() if name != "meta")
    assert await copy(old, empty_url) == {table.name: ROWS for table in TABLES}
    assert await contents(empty_url) == before
    serial = metadata.tables["schedule"]

    async def work(connection: AsyncConnection) -> None:
        one = {name: value for name, value in row(serial, ROWS + 1).items() if name != "id"}
        await connection.execute(sa.insert(serial).values(one))

    await on(empty_url, work)


async def test_what_was_kept_is_found_and_the_old_store_starts_no_more(empty_url: str, tmp_path: Path) -> None:
    """Two stores of one id would be taken for one; the way back is another copy."""
    old, back = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/back.db"
    async with opened(old) as store:
        saved = await store.contacts.save(person("ann"), at=NOW, now=NOW, name="Ann")
        known = store.id
    await copy(old, empty_url)
    async with opened(empty_url) as store:
        assert store.id == known
        found = await store.contacts.find(identity=person("ann"))
        assert found == saved.contact
    stale = Store.open(old)
    with pytest.raises(StoreMisconfigured, match=r"was copied to .*set \[store\] url to that one"):
        await stale.start()
    await stale.stop()
    with pytest.raises(StoreMisconfigured, match=r"was copied to .* already"):
        await copy(old, back)
    await copy(empty_url, back)
    async with opened(back) as store:
        assert (store.id, await store.contacts.find(identity=person("ann"))) == (known, saved.contact)


async def test_a_store_in_use_is_not_written_over(empty_url: str, tmp_path: Path) -> None:
    """Neither is changed, so the old one still starts."""
    old = f"sqlite:///{tmp_path}/old.db"
    async with opened(old) as store:
        await store.contacts.save(person("ann"), at=NOW, now=NOW, name="Ann")
    async with opened(empty_url) as store:
        await store.contacts.save(person("bo"), at=NOW, now=NOW, name="Bo")
    before = await contents(empty_url)
    with pytest.raises(StoreMisconfigured, match="is in use: its table contacts has rows"):
        await copy(old, empty_url)
    assert await contents(empty_url) == before
    async with opened(old) as store:
        assert await store.contacts.find(identity=person("ann")) is not None


async def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    """A mistyped name makes no empty store, and a store is not copied onto itself."""
    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
    with pytest.raises(StoreMisconfigured, match="no store to copy from"):
        await copy(old, new)
    with pytest.raises(StoreMisconfigured, match="the configured store itself"):
        await copy(new, new)
    assert modes(tmp_path) == {}
