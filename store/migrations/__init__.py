"""The schema's history, and the calls that bring a database up to it.

Alembic's scripts stand in `versions/`, inside the wheel, and are run from here; there is no `alembic.ini` to find.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.addresses import SqliteAddress, address
from store.database import engine
from store.files import ready_file
from store.foreign import FOREIGN, driver_error, translate
from store.schema import VERSION_TABLE, present

_PATIENCE = timedelta(seconds=30)
# Any number will do that no other program takes in this database; this one reads `hookline` in ASCII.
_LOCK = int.from_bytes(b"hookline", "big") >> 1


async def migrate(url: str) -> list[str]:
    """Bring the schema up to date, making the SQLite file if there is none. Processes may do so at once.

    All steps are one transaction: afterwards either all happened or none.

    Returns:
        the steps that were taken, oldest first, as `revision: what it does`; none when nothing was to do.

    Raises:
        StoreMisconfigured: the schema is newer than this hookline, or the database cannot be used.
        StoreUnavailable: it does not answer.
    """
    return await _connected(url, change=True)


async def pending(url: str) -> list[str]:
    """The steps `migrate` would take, as it returns them. Changes nothing.

    Raises:
        StoreMisconfigured: the schema is newer than this hookline, or the database cannot be used.
        StoreUnavailable: it does not answer.
    """
    where = address(url)
    if isinstance(where, SqliteAddress) and not where.path.exists():
        return _told(_after(None))
    return await _connected(url, change=False)


async def _connected(url: str, *, change: bool) -> list[str]:
    where = address(url)
    if isinstance(where, SqliteAddress):
        ready_file(where.path)
    made = engine(where, patience=_PATIENCE)
    try:
        async with asyncio.timeout(2 * _PATIENCE.total_seconds()):
            return await (_upgraded(made) if change else _compared(made))
    except FOREIGN as error:
        raise translate(error, where.shown) from driver_error(error)
    finally:
        await made.dispose()


async def _compared(made: AsyncEngine) -> list[str]:
    async with made.connect() as connection:
        return _told(await connection.run_sync(_missing))


async def _upgraded(made: AsyncEngine) -> list[str]:
    async with made.connect() as connection, connection.begin():
        # Whoever comes second waits here, and then finds nothing left to do.
        if connection.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        return _told(await connection.run_sync(_upgrade))


def _upgrade(connection: Connection) -> list[Script]:
    missing = _missing(connection)

    def steps(heads: Any, context: MigrationContext) -> Iterable[RevisionStep]:
        del heads, context
        return [MigrationStep.upgrade_from_script(_scripts().revision_map, script) for script in missing]

    if missing:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "fn": steps})
        # Given to the scripts as an argument: Alembic's usual `from alembic import op` is one global for all tasks.
        context.run_migrations(op=Operations(context))
    return missing


def _missing(connection: Connection) -> list[Script]:
    """The scripts the schema does not have yet, oldest first."""
    return _after(present(connection))


def _after(revision: str | None) -> list[Script]:
    scripts = _scripts()
    return list(reversed(list(scripts.iterate_revisions("head", revision or "base"))))


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))


def _told(scripts: list[Script]) -> list[str]:
    return [f"{script.revision}: {script.doc}" for script in scripts]
