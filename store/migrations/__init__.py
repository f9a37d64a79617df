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
from store.errors import StoreMisconfigured
from store.files import ready_file
from store.foreign import FOREIGN, driver_error, translate

VERSION_TABLE = "hookline_schema"
"""Alembic's own table; its usual name would meet that of another program in the same database."""

OLDEST = 13
"""The oldest PostgreSQL: https://www.postgresql.org/support/versioning/."""

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


def require_current(connection: Connection) -> None:
    """Check that the schema is the one this hookline was written for.

    Raises:
        StoreMisconfigured: it is older or newer.
    """
    missing = _missing(connection)
    if missing:
        raise StoreMisconfigured(
            f"The store's schema is behind this hookline by {len(missing)} step(s), from {missing[0].revision} on."
            " Run `hookline migrate`, then start again."
        )


def require_version(dialect: str, version: tuple[int | str, ...] | None) -> None:
    """Check that a server is not older than the oldest that is still maintained.

    Args:
        dialect: SQLAlchemy's name of it.
        version: of the server; None when it did not tell.

    Raises:
        StoreMisconfigured: it is.
    """
    if dialect == "postgresql" and version and int(version[0]) < OLDEST:
        raise StoreMisconfigured(
            f"The store's server is PostgreSQL {'.'.join(map(str, version))}, which is too old: hookline needs"
            f" {OLDEST} or later. Upgrade the server, or name another in [store] url."
        )


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
    require_version(connection.dialect.name, connection.dialect.server_version_info)
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    present = context.get_current_revision()
    known = {script.revision for script in _scripts().walk_revisions()}
    if present is not None and present not in known:
        raise StoreMisconfigured(
            f"The store's schema is newer than this hookline: it stands at {present}, which this version does not know."
            " Install the version that wrote it, or a later one."
        )
    return _after(present)


def _after(revision: str | None) -> list[Script]:
    scripts = _scripts()
    return list(reversed(list(scripts.iterate_revisions("head", revision or "base"))))


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))


def _told(scripts: list[Script]) -> list[str]:
    return [f"{script.revision}: {script.doc}" for script in scripts]
