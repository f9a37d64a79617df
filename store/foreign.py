"""What drivers and SQLAlchemy raise, translated: the only place that knows their errors.

A driver's message may quote rows (`DETAIL: Key (email)=(…) already exists`), so only its class and code are told, and
the chained cause has its details removed.
"""

import socket
import sqlite3
import ssl

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy import exc

from store.errors import StoreDamaged, StoreError, StoreMisconfigured, StoreRefused, StoreUnavailable

FOREIGN = (exc.SQLAlchemyError, OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What may come out of a database call. `asyncio.TimeoutError` is an OSError since Python 3.11."""

# SQLSTATE classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MISCONFIGURED = {
    "28": "it lets this user not in: check the url's user, password and database, and the server's pg_hba.conf; if that"
    " wants TLS, add ?sslmode=require",
    "28P01": "it refuses the password: check the url's user and password, percent-encoding what is special in them",
    "3D": "the database does not exist: create it (CREATE DATABASE … OWNER …), or mend its name in the url",
    "3F": "the schema does not exist: create it, or mend the user's search_path",
    "42501": "the user has not the rights it needs: GRANT CREATE, USAGE ON SCHEMA public to it, and let it own"
    " hookline's tables; best give hookline a database that its user owns",
    "42P01": "a table is missing; run `hookline migrate`",
    "42P07": "it has a table of that name that is not hookline's; give hookline a database of its own",
    "42703": "a column is missing; run `hookline migrate`",
    "42704": "it knows no such parameter; see the part of the url after `?`",
}
_UNAVAILABLE = {
    "08": "the connection broke; it is tried again",
    "25006": "it is a read-only standby just now: connect to the primary, or name all hosts and add"
    " ?target_session_attrs=read-write",
    "25P03": "the transaction was idle for too long",
    "40": "concurrent transactions collided",
    "53": "it is out of connections, memory or disk space: see the server's log",
    "53100": "its disk is full: free some disk space at the server",
    "53300": "it is out of connections: lower `connections` in [store], run fewer roles, or raise its max_connections",
    "55P03": "a lock was not free in time: see who holds it in pg_stat_activity",
    "57": "it is starting, stopping, or cancelled the statement at its deadline: wait, or see what it is busy with",
    "58": "it met a system error: see the server's log",
    "XX": "it met an internal error: see the server's log",
    "0A000": "a prepared statement is of before a change of schema",
}
_SQLITE_UNAVAILABLE = {
    "SQLITE_BUSY": "another process holds its lock: end what does (an open sqlite3 shell, a backup, a stopped process)",
    "SQLITE_LOCKED": "another connection holds its lock",
    "SQLITE_FULL": "the disk is full: free some space",
    # The memory that its processes share is a file, and finds no room.
    "SQLITE_IOERR_SHMSIZE": "the disk is full: free some space",
    "SQLITE_IOERR": "the disk reported an error: see whether it is full (`df`), and look into the system's log",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_INTERRUPT": "the statement was interrupted",
    "SQLITE_PROTOCOL": "its lock could not be taken",
}
_RIGHTS = "give the user hookline runs as the right to read and write it and its folder"
_DAMAGE = (
    ": the disk failed, or something else wrote into it. Nothing was deleted. Stop every role, then restore the file"
    " from a backup, or set it aside (rename it with its -wal and -shm) and run `hookline migrate --new-store`, which"
    " begins an empty one: contacts, timers and the effects of `once` in it are then not known"
)
_SQLITE_MISCONFIGURED = {
    "SQLITE_CANTOPEN": f"the file cannot be opened: {_RIGHTS}",
    "SQLITE_READONLY": f"the file cannot be written: {_RIGHTS}",
    "SQLITE_PERM": f"the file may not be accessed: {_RIGHTS}",
    "SQLITE_AUTH": f"the file may not be accessed: {_RIGHTS}",
    "SQLITE_CORRUPT": f"the file is damaged{_DAMAGE}",
    "SQLITE_NOTADB": f"the file is damaged, or is no SQLite database{_DAMAGE}",
}
_SQLITE_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
_TLS = (
    "its certificate is not trusted: add ?sslrootcert=FILE with the CA that signed it, and use the name it is made for"
)
# What making a connection may raise, what it means, and whether waiting cannot cure it.
_NETWORK: tuple[tuple[type[BaseException], str, bool], ...] = (
    (
        asyncpg.exceptions.ClientConfigurationError,
        "the part of the url after `?` cannot be used: check each name",
        True,
    ),
    (ConnectionRefusedError, "nothing listens there; is the server running, are host and port right?", False),
    (socket.gaierror, "its name cannot be resolved: check the host, or the DNS here", False),
    (ssl.SSLCertVerificationError, _TLS, True),
    (ssl.SSLError, "TLS failed: does that port speak TLS, and are sslcert and sslkey right?", False),
    (TimeoutError, "it does not answer in time: it is overloaded or frozen, or a firewall drops what we send", False),
    (FileNotFoundError, "there is no such socket or file: check host, sslrootcert, sslcert and sslkey", False),
    (PermissionError, "a file or socket may not be read: check the rights of sslkey, sslcert and the socket", False),
)
# Codes after which the whole transaction may simply be run again: nothing of it has happened.
_REPEATABLE = frozenset({"40001", "40P01"})


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error inside what SQLAlchemy made of it."""
    orig = getattr(error, "orig", None) or error
    # asyncio makes a TimeoutError of the cancellation by which it ended what took too long
    return orig.__cause__ if isinstance(orig.__cause__, Exception) else orig


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


def is_missing_table(error: BaseException) -> bool:
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
    unreached = (sqlite3.OperationalError, asyncpg.exceptions.ClientConfigurationError)
    if isinstance(root, unreached) or not isinstance(error, exc.SQLAlchemyError | sqlite3.Error):
        return _of_network(root, where)
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return StoreUnavailable(f"The connection to the store {where} broke ({type(root).__name__}).")
    return StoreRefused(f"The store {where} refused a statement ({type(root).__name__}): report this as a bug.")


def _of_network(root: BaseException, where: str) -> StoreError:
    """Why no connection was made: a driver's text is not repeated, for it may quote the url."""
    name = type(root).__name__
    for kind, words, hopeless in _NETWORK:
        if isinstance(root, kind):
            if hopeless:
                return StoreMisconfigured(f"The store {where} cannot be used: {words} ({name}).")
            return StoreUnavailable(f"The store {where} cannot be reached: {words} ({name}).")
    if isinstance(root, ConnectionError) and "rejected SSL upgrade" in str(root):  # asyncpg has no type for it
        words = "it takes no TLS: take sslmode out of the url, or switch TLS on at the server"
        return StoreMisconfigured(f"The store {where} cannot be used: {words}.")
    return StoreUnavailable(f"The store {where} cannot be reached ({name}): check host, port and the network.")


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
    if words := _SQLITE_UNAVAILABLE.get(name) or _SQLITE_UNAVAILABLE.get(primary):
        return StoreUnavailable(f"The store {where} does not serve: {words} ({name}).")
    if primary in _SQLITE_MISCONFIGURED:
        error = _unusable(_SQLITE_MISCONFIGURED[primary], where, name)
        return StoreDamaged(str(error)) if primary in _SQLITE_DAMAGED else error
    return StoreRefused(f"The store {where} refused a statement ({name}): report this as a bug.")


def _unusable(why: str, where: str, code: str) -> StoreError:
    return StoreMisconfigured(f"The store {where} cannot be used: {why} ({code}).")
