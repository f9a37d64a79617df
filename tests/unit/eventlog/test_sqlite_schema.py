"""The embedded log's file: made once, known again, never another program's."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from eventlog import sqlite_schema
from eventlog.errors import LogMisconfigured
from eventlog.sqlite_schema import begin, connect, prepare


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_commits_reach_the_disk(connection: sqlite3.Connection) -> None:
    """WAL with synchronous=FULL (2) syncs every commit; fullfsync does so on macOS too."""
    assert (pragma(connection, "journal_mode"), pragma(connection, "synchronous")) == ("wal", 2)
    assert (pragma(connection, "fullfsync"), pragma(connection, "checkpoint_fullfsync")) == (1, 1)


def test_the_file_says_what_it_is(connection: sqlite3.Connection) -> None:
    """The schema's version and the application's id stand in its header."""
    assert (pragma(connection, "user_version"), pragma(connection, "application_id")) == (2, 0x686B6C67)


def test_only_the_owner_reads_it(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """So do the files SQLite puts beside it."""
    connection.execute("DELETE FROM topics")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"events.db": 0o600, "events.db-wal": 0o600, "events.db-shm": 0o600}


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    """An existing log is used as it is."""
    prepare(tmp_path / "events.db")
    first = connect(tmp_path / "events.db")
    first.execute("INSERT INTO topics (name, compact) VALUES ('t', 0)")
    first.close()
    prepare(tmp_path / "events.db")
    second = connect(tmp_path / "events.db")
    assert second.execute("SELECT name FROM topics").fetchall() == [("t",)]
    second.close()


def test_a_file_keeps_its_identity(tmp_path: Path) -> None:
    """Another file has another one, also in the place of the first."""
    path = tmp_path / "events.db"
    first = prepare(path)
    assert prepare(path) == first
    path.unlink()
    assert prepare(path) != first


def test_a_file_of_version_1_gets_an_identity(tmp_path: Path) -> None:
    """And keeps what it holds."""
    path = tmp_path / "events.db"
    prepare(path)
    older = connect(path)
    older.execute("INSERT INTO topics (name, compact) VALUES ('t', 0)")
    older.execute("DROP TABLE identity")
    older.execute("PRAGMA user_version = 1")
    older.close()
    first = prepare(path)
    assert prepare(path) == first
    newer = connect(path)
    assert (newer.execute("SELECT name FROM topics").fetchall(), pragma(newer, "user_version")) == ([("t",)], 2)
    newer.close()


def test_many_begin_at_once(tmp_path: Path) -> None:
    """Processes that start together make one file between them."""
    errors: list[Exception] = []

    def one() -> None:
        try:
            prepare(tmp_path / "events.db")
        except (LogMisconfigured, sqlite3.Error) as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def refusal(path: Path) -> str:
    with pytest.raises(LogMisconfigured) as caught:
        prepare(path)
    return str(caught.value)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older hookline does not touch what a newer one wrote."""
    path = tmp_path / "events.db"
    prepare(path)
    connection = connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    assert refusal(path) == f"{path} was written by a newer hookline (schema 3, this one knows 2): upgrade hookline"


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """And stays as it is."""
    path = tmp_path / "photos.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE photos (id)")
    other.close()
    before = path.read_bytes()
    assert refusal(path) == f"{path} is a SQLite database of another program: choose another file for the event log"
    assert path.read_bytes() == before


def test_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is not overwritten."""
    path = tmp_path / "events.db"
    path.write_bytes(b"%PDF-1.7" * 1000)
    assert "is damaged, or is no SQLite database (SQLITE_NOTADB)" in refusal(path)
    assert path.read_bytes() == b"%PDF-1.7" * 1000


def test_a_damaged_schema_is_refused(tmp_path: Path) -> None:
    """Damage that shows at the start is told at the start."""
    path = tmp_path / "events.db"
    prepare(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (size - 100))
    assert "is damaged, or is no SQLite database (SQLITE_CORRUPT)" in refusal(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("")
    path = tmp_path / "data" / "events.db"
    advice = "Name another file as [eventlog] url, or a folder with --data"
    assert refusal(path) == f"{path} cannot be created: File exists. {advice}"


def test_a_lock_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that holds the file is waited for, but not for ever."""
    monkeypatch.setattr(sqlite_schema, "BUSY_SECONDS", 0.05)
    path = tmp_path / "events.db"
    prepare(path)
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    assert "was locked by another program" in refusal(path)
    shell.close()
    prepare(path)


def test_begin_waits_for_the_writer_before(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """Two processes write one after the other."""
    other = connect(tmp_path / "events.db")
    begin(other)
    began = threading.Event()

    def later() -> None:
        begin(connection)
        began.set()

    thread = threading.Thread(target=later)
    thread.start()
    assert not began.wait(0.05)
    other.execute("COMMIT")
    assert began.wait(10)
    thread.join()
    other.close()


def test_readers_cannot_write(tmp_path: Path, connection: sqlite3.Connection) -> None:
    """A reading connection refuses every statement that changes something."""
    reader = connect(tmp_path / "events.db", read_only=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM topics")
    reader.close()
