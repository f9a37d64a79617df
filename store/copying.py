"""Going on in another database: everything a store has, copied into one that is still empty."""

import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, bindparam, func, insert, literal_column, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import contact_tables, job_tables, quarantine_table  # noqa: F401 - their tables are among the metadata's
from store.addresses import SqliteAddress, address
from store.database import engine
from store.errors import StoreMisconfigured
from store.foreign import FOREIGN, driver_error, translate
from store.migrations import migrate
from store.tables import COPIED_TO, meta, metadata

# A large store takes minutes; nobody waits for it but the operator.
_PATIENCE = timedelta(minutes=30)
# Rows at once. A parked one holds a whole record.
_AT_ONCE = 100


async def copy(source: str, target: str) -> Mapping[str, int]:
    """Copy every table of one store into another that is empty, in one transaction, with the store's id.

    Both are brought up to date first. The source then says where its contents went, and starts no more: two stores of
    one id would be taken for one by every worker. The ids of deliveries (`dedupe`) are no part of it.

    Returns:
        table → rows.

    Raises:
        StoreMisconfigured: they are one store, the source is not there or was copied already, or the target has rows.
        StoreUnavailable: one of them does not answer.
    """
    here, there = address(source), address(target)
    if here == there:
        raise StoreMisconfigured(f"{there.shown} is the configured store itself: name the one to copy from.")
    if isinstance(here, SqliteAddress) and not here.path.is_file():
        raise StoreMisconfigured(f"There is no store to copy from at {here.shown}.")
    await migrate(source)
    await migrate(target)
    reads, writes = (engine(each, patience=_PATIENCE) for each in (here, there))
    shown = here.shown
    try:
        async with reads.connect() as old, old.begin():
            await _hold(old)
            shown = there.shown
            async with writes.connect() as new, new.begin():
                await _hold(new)
                counts = await _copied(old, new, target=there.shown)
            shown = here.shown
            await old.execute(insert(meta).values(name=COPIED_TO, value=there.shown))
    except FOREIGN as error:
        raise translate(error, shown) from driver_error(error)
    finally:
        await reads.dispose()
        await writes.dispose()
    return counts


async def _hold(connection: AsyncConnection) -> None:
    """Keep everybody else from writing until the end of the transaction."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        await connection.exec_driver_sql(f"LOCK TABLE {', '.join(metadata.tables)} IN EXCLUSIVE MODE")


async def _copied(old: AsyncConnection, new: AsyncConnection, *, target: str) -> Mapping[str, int]:
    told = (await old.execute(select(meta.c.value).where(meta.c.name == COPIED_TO))).scalar()
    if told is not None:
        raise StoreMisconfigured(f"This store was copied to {told} already.")
    # In the order in which they refer to each other.
    tables = [table for table in metadata.sorted_tables if table is not meta]
    for table in tables:
        if (await new.execute(select(literal_column("1")).select_from(table).limit(1))).first() is not None:
            raise StoreMisconfigured(
                f"{target} is in use: its table {table.name} has rows. Copy into a new database, before any role has"
                " worked with it."
            )
    store_id = (await old.execute(select(meta.c.value).where(meta.c.name == "store_id"))).scalar_one()
    await new.execute(update(meta).where(meta.c.name == "store_id").values(value=store_id))
    counts = {}
    for table in tables:
        counts[table.name] = 0
        async for rows in _pages(old, table):
            await new.execute(insert(table), rows)
            counts[table.name] += len(rows)
        numbered = table.autoincrement_column
        if new.dialect.name == "postgresql" and numbered is not None and counts[table.name]:
            # PostgreSQL counts beside the table, and has seen none of these numbers.
            sequence = text("SELECT setval(pg_get_serial_sequence(:named, :column), :last)")
            last = (await new.execute(select(func.max(numbered)))).scalar_one()
            await new.execute(sequence.bindparams(named=table.name, column=numbered.name, last=last))
    return counts


async def _pages(connection: AsyncConnection, table: Table) -> AsyncGenerator[list[dict[str, Any]]]:
    """The rows of a table by its primary key, a few at once: all of them may be more than memory holds."""
    keys = tuple(table.primary_key.columns)
    statement = page = select(table).order_by(*keys).limit(_AT_ONCE)
    while rows := [dict(row) for row in (await connection.execute(page)).mappings()]:
        yield rows
        last = [bindparam(None, rows[-1][key.name], key.type) for key in keys]
        page = statement.where(tuple_(*keys) > tuple_(*last))


def uncopied(path: Path) -> tuple[str, ...]:
    """The tables of a SQLite store that hold something; none if it was copied, is not there, or cannot be read.

    Reads the file and no more; blocks for moments.
    """
    if not path.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            marks = connection.execute("SELECT 1 FROM meta WHERE name = ?", (COPIED_TO,))
            if marks.fetchone() is not None:
                return ()
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            ours = [table.name for table in metadata.sorted_tables if table is not meta and table.name in there]
            full = "SELECT EXISTS (SELECT 1 FROM {})"
            return tuple(name for name in ours if connection.execute(full.format(name)).fetchone()[0])
    except sqlite3.Error:
        return ()
