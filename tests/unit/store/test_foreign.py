"""What drivers raise, and what it means."""

import asyncio
import socket
import sqlite3
import ssl

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
import pytest
from sqlalchemy import exc

from store.errors import StoreDamaged, StoreError, StoreMisconfigured, StoreRefused, StoreUnavailable
from store.foreign import driver_error, is_conflict, is_missing_table, is_repeatable, translate
from store.schema import require_version

WHERE = "postgresql://db/hook"
SECRET = "s3cret"


def of_postgres(state: str) -> exc.DBAPIError:
    """An error of the server as SQLAlchemy hands it on: wrapped twice, and quoting a row."""
    root = asyncpg.PostgresError.new({"C": state, "M": f"message {SECRET}", "D": f"Key (email)=({SECRET}) exists."})
    adapted = Exception(str(root))
    adapted.__cause__ = root
    return exc.DBAPIError("SELECT 1", {"email": SECRET}, adapted, hide_parameters=True)


def of_sqlite(name: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> exc.DBAPIError:
    """An error of SQLite, with the name it has since Python 3.11."""
    root = kind(f"message {SECRET}")
    root.sqlite_errorname = name
    return exc.DBAPIError("SELECT 1", (SECRET,), root, hide_parameters=True)


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("08006", StoreUnavailable, "the connection broke"),
        ("25006", StoreUnavailable, "connect to the primary"),
        ("25P03", StoreUnavailable, "idle for too long"),
        ("40001", StoreUnavailable, "collided"),
        ("40P01", StoreUnavailable, "collided"),
        ("53100", StoreUnavailable, "free some disk space"),
        ("53300", StoreUnavailable, "lower `connections` in [store]"),
        ("55P03", StoreUnavailable, "lock was not free"),
        ("57014", StoreUnavailable, "at its deadline"),
        ("57P03", StoreUnavailable, "starting"),
        ("58030", StoreUnavailable, "system error"),
        ("28000", StoreMisconfigured, "pg_hba.conf; if that wants TLS, add ?sslmode=require"),
        ("28P01", StoreMisconfigured, "it refuses the password: check the url"),
        ("3D000", StoreMisconfigured, "does not exist: create it"),
        ("42501", StoreMisconfigured, "has not the rights it needs: GRANT"),
        ("42P01", StoreMisconfigured, "hookline migrate"),
        ("42P07", StoreMisconfigured, "database of its own"),
        ("42704", StoreMisconfigured, "no such parameter"),
        ("23505", StoreRefused, "report this as a bug"),
        ("22P02", StoreRefused, "report this as a bug"),
        ("42601", StoreRefused, "report this as a bug"),
    ],
)
def test_each_sqlstate_has_its_meaning(state: str, kind: type[StoreError], says: str) -> None:
    """Whether to try again, what to change, or that it is our fault."""
    error = translate(of_postgres(state), WHERE)
    assert type(error) is kind
    assert says in str(error)
    assert state in str(error)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("SQLITE_BUSY", StoreUnavailable, "another process holds its lock"),
        ("SQLITE_BUSY_SNAPSHOT", StoreUnavailable, "another process holds its lock"),
        ("SQLITE_FULL", StoreUnavailable, "the disk is full"),
        ("SQLITE_IOERR_FSYNC", StoreUnavailable, "the disk reported an error"),
        ("SQLITE_IOERR_SHMSIZE", StoreUnavailable, "the disk is full: free some space"),
        ("SQLITE_CANTOPEN", StoreMisconfigured, "cannot be opened"),
        ("SQLITE_READONLY_DBMOVED", StoreMisconfigured, "cannot be written"),
        ("SQLITE_CORRUPT", StoreDamaged, "Nothing was deleted. Stop every role, then restore"),
        (
            "SQLITE_NOTADB",
            StoreDamaged,
            "or set it aside (rename it with its -wal and -shm) and run `hookline migrate --new-store`",
        ),
        ("SQLITE_CONSTRAINT_CHECK", StoreRefused, "report this as a bug"),
    ],
)
def test_each_sqlite_code_has_its_meaning(name: str, kind: type[StoreError], says: str) -> None:
    """Extended codes mean what their primary one does."""
    error = translate(of_sqlite(name), WHERE)
    assert type(error) is kind
    assert says in str(error)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
        OSError(113, "no route"),
        asyncpg.InterfaceError("connection is closed"),
        exc.TimeoutError("QueuePool limit"),
        exc.DBAPIError("SELECT 1", (), Exception("gone"), connection_invalidated=True),
    ],
)
def test_what_cannot_be_reached_may_be_tried_again(error: BaseException) -> None:
    """Whatever kind of failure the driver made of it."""
    translated = translate(error, WHERE)
    assert isinstance(translated, StoreUnavailable)
    assert translated.retryable


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (ConnectionRefusedError(111, "x"), StoreUnavailable, "cannot be reached: nothing listens there"),
        (socket.gaierror(-2, "x"), StoreUnavailable, "its name cannot be resolved: check the host"),
        (TimeoutError(), StoreUnavailable, "it does not answer in time"),
        (FileNotFoundError(2, "x"), StoreUnavailable, "there is no such socket or file: check host"),
        (ssl.SSLCertVerificationError("x"), StoreMisconfigured, "its certificate is not trusted: add ?sslrootcert="),
        (ssl.SSLError("x"), StoreUnavailable, "TLS failed: does that port speak TLS"),
        (ConnectionError("server at x rejected SSL upgrade"), StoreMisconfigured, "it takes no TLS: take sslmode out"),
        (
            asyncpg.exceptions.ClientConfigurationError(SECRET),
            StoreMisconfigured,
            "the part of the url after `?` cannot be used",
        ),
    ],
)
def test_why_no_connection_is_made_is_told(error: BaseException, kind: type[StoreError], says: str) -> None:
    """And what to look at; never the driver's own text."""
    translated = translate(error, WHERE)
    assert type(translated) is kind
    assert says in str(translated)
    assert SECRET not in str(translated)


async def test_a_frozen_server_is_no_fault_of_the_address() -> None:
    """A driver ends an attempt to connect by a cancellation, which is not what the operator is told."""
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    told = "The store postgresql://h/d cannot be reached: it does not answer in time: it is overloaded or frozen"
    assert str(translate(raised.value, "postgresql://h/d")).startswith(told)


def test_a_server_that_is_too_old_is_refused() -> None:
    """Before a statement fails that it does not know."""
    require_version("postgresql", (13, 4))
    require_version("sqlite", (3, 40))
    with pytest.raises(StoreMisconfigured, match=r"PostgreSQL 9\.6, which is too old: hookline needs 13 or later"):
        require_version("postgresql", (9, 6))


def test_no_row_and_no_parameter_is_told() -> None:
    """Neither by the message nor by the cause that is printed under it."""
    error = of_postgres("23505")
    translated = translate(error, WHERE)
    cause = driver_error(error)
    assert SECRET not in str(translated)
    assert "DETAIL" not in str(cause)
    assert "Key" not in str(cause)


def test_the_cause_is_the_drivers_own_error() -> None:
    """Not SQLAlchemy's, which has the statement in it."""
    assert isinstance(driver_error(of_postgres("08006")), asyncpg.PostgresError)
    assert isinstance(driver_error(of_sqlite("SQLITE_BUSY")), sqlite3.OperationalError)


def test_what_may_be_run_again_at_once() -> None:
    """A transaction that the server rolled back, and a connection that was dead before the commit."""
    dead = exc.DBAPIError("SELECT 1", (), Exception("gone"), connection_invalidated=True)
    assert [is_repeatable(error) for error in (of_postgres("40001"), of_postgres("40P01"), dead)] == [True] * 3
    assert [is_repeatable(error) for error in (of_postgres("57014"), of_sqlite("SQLITE_BUSY"))] == [False] * 2


def test_a_unique_index_is_told_from_other_constraints() -> None:
    """A conflict is another writer who was faster; the rest are bugs."""
    assert is_conflict(of_postgres("23505"))
    assert is_conflict(of_sqlite("SQLITE_CONSTRAINT_UNIQUE", sqlite3.IntegrityError))
    assert is_conflict(of_sqlite("SQLITE_CONSTRAINT_PRIMARYKEY", sqlite3.IntegrityError))
    assert not is_conflict(of_postgres("23503"))
    assert not is_conflict(of_sqlite("SQLITE_CONSTRAINT_CHECK", sqlite3.IntegrityError))


def test_a_missing_table_is_known() -> None:
    """On either database."""
    missing = exc.DBAPIError("SELECT 1", (), sqlite3.OperationalError("no such table: dedupe_20261121"))
    assert is_missing_table(of_postgres("42P01"))
    assert is_missing_table(missing)
    assert not is_missing_table(of_postgres("42703"))
