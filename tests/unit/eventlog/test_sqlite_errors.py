"""SQLite's errors in the event log's words."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.errors import LogFull, LogMisconfigured, LogUnavailable
from eventlog.sqlite_errors import is_busy, is_harmless, misconfigured, reason, unavailable, uncreated

PATH = Path("/data/events.db")


def raised(action: Callable[[], object]) -> sqlite3.Error:
    """SQLite's own error, for real."""
    with pytest.raises(sqlite3.Error) as caught:
        action()
    return caught.value


@pytest.fixture
def full(connection: sqlite3.Connection) -> sqlite3.Error:
    """What a full disk looks like."""
    connection.execute("PRAGMA max_page_count = 1")
    return raised(lambda: connection.execute("CREATE TABLE large AS SELECT zeroblob(100000)"))


@pytest.fixture
def locked(connection: sqlite3.Connection, tmp_path: Path) -> sqlite3.Error:
    """What another program's lock looks like."""
    connection.execute("BEGIN IMMEDIATE")
    other = sqlite3.connect(tmp_path / "events.db", timeout=0)
    error = raised(lambda: other.execute("BEGIN IMMEDIATE"))
    other.close()
    return error


@pytest.fixture
def damaged(tmp_path: Path) -> sqlite3.Error:
    """What a file of something else looks like."""
    (tmp_path / "other").write_bytes(b"no database" * 1000)
    connection = sqlite3.connect(tmp_path / "other")
    error = raised(lambda: connection.execute("SELECT * FROM sqlite_master"))
    connection.close()
    return error


@pytest.fixture
def read_only(tmp_path: Path, connection: sqlite3.Connection) -> sqlite3.Error:
    """What a file that may only be read looks like."""
    reader = sqlite3.connect(f"file:{tmp_path}/events.db?mode=ro", uri=True)
    error = raised(lambda: reader.execute("DELETE FROM topics"))
    reader.close()
    return error


def test_a_full_disk(full: sqlite3.Error) -> None:
    """Appends are refused as when the log is full, and the connection stays good."""
    assert isinstance(unavailable(full, PATH), LogFull)
    assert reason(full, PATH) == (
        "no space is left on the disk of /data/events.db: free some; appends are refused until then"
    )
    assert (is_harmless(full), is_busy(full)) == (True, False)


def test_no_room_for_the_shared_memory() -> None:
    """On a full disk the file that readers share cannot be made; SQLite calls that a failure of the disk."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_SHMSIZE, "SQLITE_IOERR_SHMSIZE"
    assert isinstance(unavailable(error, PATH), LogFull)
    assert str(misconfigured(error, PATH)).startswith("no space is left on the disk of /data/events.db: free some")


def test_a_file_that_finds_no_room() -> None:
    """It is not the folder that is wrong."""
    assert str(uncreated(OSError(errno.ENOSPC, "No space left on device"), PATH)) == (
        "/data/events.db cannot be created: no space is left on its disk. Free some, then start again"
    )


def test_a_locked_file(locked: sqlite3.Error) -> None:
    """Another program is in the way; the text says which kinds hold locks."""
    assert type(unavailable(locked, PATH)) is LogUnavailable
    assert reason(locked, PATH) == (
        "/data/events.db was locked by another program for more than 5 s:"
        " end what holds it (an open sqlite3 shell, a backup, a stopped process)"
    )
    assert (is_harmless(locked), is_busy(locked)) == (True, True)


def test_a_damaged_file(damaged: sqlite3.Error) -> None:
    """It cannot start, and the text says how to go on."""
    error = misconfigured(damaged, PATH)
    assert isinstance(error, LogMisconfigured)
    assert str(error) == (
        "/data/events.db is damaged, or is no SQLite database (SQLITE_NOTADB): the disk failed, or something else wrote"
        " into it. Nothing was deleted. Stop every role, then restore it from a backup, or set it aside (rename it with"
        " its -wal and -shm) to begin an empty log: events in it that were not handled are then not handled"
    )
    assert is_harmless(damaged) is False


def test_a_read_only_file(read_only: sqlite3.Error) -> None:
    """The text names the rights that are missing."""
    assert reason(read_only, PATH) == (
        "/data/events.db cannot be opened or written (SQLITE_READONLY):"
        " give this user the right to read and write it and its folder"
    )


def test_an_error_of_pythons_module() -> None:
    """Errors without a code of SQLite's are told as they are."""
    assert reason(sqlite3.ProgrammingError("odd"), PATH) == "/data/events.db failed: odd (ProgrammingError)"
