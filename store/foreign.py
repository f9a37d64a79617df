"""What drivers and SQLAlchemy raise, translated: the only place that knows their errors.

A driver's message may quote rows (`DETAIL: Key (email)=(…) already exists`), so only its class and code are told, and
the chained cause has its details removed.
"""

import sqlite3

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy import exc

from store.errors import StoreError, StoreMisconfigured, StoreRefused, StoreUnavailable

FOREIGN = (exc.SQLAlchemyError, OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What may come out of a database call. `asyncio.TimeoutError` is an OSError since Python 3.11."""

# SQLSTATE classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MISCONFIGURED = {
    "28": "the user or password was refused",
    "3D": "the database does not exist",
    "3F": "the schema does not exist",
    "42501": "the user has not the rights it needs",
    "42P01": "a table is missing; run `hookline migrate`",
    "42P07": "it has a table of that name that is not hookline's; give hookline a database of its own",
    "42703": "a column is missing; run `hookline migrate`",
    "42704": "it knows no such parameter; see the part of the url after `?`",
}
_UNAVAILABLE = {
    "08": "the connection broke",
    "25006": "it is a read-only standby just now",
    "25P03": "the transaction was idle for too long",
    "40": "concurrent transactions collided",
    "53": "it is out of connections, memory or disk space",
    "55P03": "a lock was not free in time",
    "57": "it is starting, stopping, or cancelled the statement at its deadline",
    "58": "it met a system error",
    "XX": "it met an internal error",
    "0A000": "a prepared statement is of before a change of schema",
}
_SQLITE_UNAVAILABLE = {
    "SQLITE_BUSY": "another process holds its lock",
    "SQLITE_LOCKED": "another connection holds its lock",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk reported an error",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_INTERRUPT": "the statement was interrupted",
    "SQLITE_PROTOCOL": "its lock could not be taken",
}
_SQLITE_MISCONFIGURED = {
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_READONLY": "the file cannot be written",
    "SQLITE_PERM": "the file may not be accessed",
    "SQLITE_AUTH": "the file may not be accessed",
    "SQLITE_CORRUPT": "the file is damaged; restore a copy",
    "SQLITE_NOTADB": "the file is no SQLite database",
}
# Codes after which the whole transaction may simply be run again: nothing of it has happened.
_REPEATABLE = frozenset({"40001", "40P01"})


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error inside what SQLAlchemy made of it."""
    orig = getattr(error, "orig", None) or error
    return orig.__cause__ or orig


def is_repeatable(error: BaseException) -> bool:
    """Whether the transaction was rolled back for a reason that may be gone when it is run again at once."""
    root = driver_error(error)
    if getattr(root, "sqlstate", None) in _REPEATABLE:
        return True
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def is_conflict(error: exc.DBAPIError) -> bool:
    """Whether a unique index refused a row."""
    root = driver_error(error)
    return isinstance(root, asyncpg.UniqueViolationError) or getattr(root, "sqlite_errorname", "") in {
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
    }


def is_missing_table(error: exc.DBAPIError) -> bool:
    """Whether a statement named a table that does not exist."""
    root = driver_error(error)
    return isinstance(root, asyncpg.UndefinedTableError) or str(root).startswith("no such table: ")


def translate(error: BaseException, where: str) -> StoreError:
    """The error of ours that says what a foreign one means. Raise it `from driver_error(error)`, never from `error`.

    Args:
        error: one of `FOREIGN`.
        where: the store's address without its password.
    """
    root = driver_error(error)
    translated = _meaning(error, root, where)
    # asyncpg prints them with the message, and they quote rows.
    for quoting in ("detail", "hint", "where", "query", "internal_query"):
        if getattr(root, quoting, None) is not None:
            setattr(root, quoting, None)
    return translated


def _meaning(error: BaseException, root: BaseException, where: str) -> StoreError:
    if isinstance(error, exc.TimeoutError):
        return StoreUnavailable(f"The store {where} has no free connection: all of the pool are busy.")
    state = getattr(root, "sqlstate", None)
    if isinstance(state, str):
        return _of_postgres(state, where)
    name = getattr(root, "sqlite_errorname", None)
    if isinstance(name, str):
        # SQLite has one code for all that is wrong with a statement; this one is no fault of ours.
        taken = isinstance(root, sqlite3.OperationalError) and str(root).endswith(" already exists")
        return _unusable(_MISCONFIGURED["42P07"], where, name) if taken else _of_sqlite(name, where)
    if isinstance(root, sqlite3.OperationalError) or not isinstance(error, exc.SQLAlchemyError | sqlite3.Error):
        return StoreUnavailable(f"The store {where} cannot be reached ({type(root).__name__}).")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return StoreUnavailable(f"The connection to the store {where} broke ({type(root).__name__}).")
    return StoreRefused(f"The store {where} refused a statement ({type(root).__name__}): report this as a bug.")


def _of_postgres(state: str, where: str) -> StoreError:
    for length in (5, 2):
        code = state[:length]
        if code in _MISCONFIGURED:
            return _unusable(_MISCONFIGURED[code], where, f"SQLSTATE {state}")
        if code in _UNAVAILABLE:
            return StoreUnavailable(f"The store {where} does not serve: {_UNAVAILABLE[code]} (SQLSTATE {state}).")
    return StoreRefused(f"The store {where} refused a statement (SQLSTATE {state}): report this as a bug.")


def _of_sqlite(name: str, where: str) -> StoreError:
    # Extended names continue the primary one: SQLITE_IOERR_FSYNC, SQLITE_READONLY_DBMOVED.
    primary = "_".join(name.split("_")[:2])
    if primary in _SQLITE_UNAVAILABLE:
        return StoreUnavailable(f"The store {where} does not serve: {_SQLITE_UNAVAILABLE[primary]} ({name}).")
    if primary in _SQLITE_MISCONFIGURED:
        return _unusable(_SQLITE_MISCONFIGURED[primary], where, name)
    return StoreRefused(f"The store {where} refused a statement ({name}): report this as a bug.")


def _unusable(why: str, where: str, code: str) -> StoreError:
    return StoreMisconfigured(f"The store {where} cannot be used: {why} ({code}).")
