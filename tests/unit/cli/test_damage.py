"""A look through a SQLite file."""

import sqlite3
from pathlib import Path

import pytest

from cli.damage import integrity


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some hundred pages."""
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    connection.executemany("INSERT INTO t (b) VALUES (?)", [(bytes(1000),)] * 1000)
    connection.execute("CREATE INDEX i ON t (b)")
    connection.commit()
    connection.close()
    return path


def test_a_sound_file_is_sound(file: Path) -> None:
    """And is not changed."""
    before = file.read_bytes()
    found = integrity("state store file", file)
    assert found is not None
    assert (found.state, file.read_bytes()) == ("ok", before)


@pytest.mark.parametrize("begin", [0, 8192], ids=["all of it", "pages in the middle"])
def test_a_damaged_file_is_found(file: Path, begin: int) -> None:
    """With what happened, that nothing is deleted, and what to do."""
    content = bytearray(file.read_bytes())
    content[begin : begin + 40_000] = b"x" * 40_000
    file.write_bytes(content)
    found = integrity("state store file", file)
    assert found is not None
    assert found.state == "failing"
    assert "is damaged (" in found.detail
    assert "Nothing was deleted. Stop every role, then restore it from a backup, or set it aside" in found.detail


def test_a_large_file_takes_no_longer_than_it_may(file: Path) -> None:
    """It is sound as far as it was looked at."""
    found = integrity("state store file", file, patience=0)
    assert found is not None
    assert (found.state, "as far as it was looked through" in found.detail) == ("ok", True)


def test_a_file_that_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    """It is made at the first start."""
    assert integrity("dedupe file", tmp_path / "dedupe.db") is None


def test_a_damaged_dedupe_file_stops_nothing(file: Path) -> None:
    """The receiver begins a new one."""
    file.write_bytes(b"x" * 5000)
    found = integrity("dedupe file", file)
    assert found is not None
    assert (found.state, "sets it aside by itself" in found.detail) == ("degraded", True)
