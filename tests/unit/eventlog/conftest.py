"""An embedded log's file, for tests of the statements that run inside it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.sqlite_schema import connect, prepare


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a new, empty log."""
    prepare(tmp_path / "events.db")
    opened = connect(tmp_path / "events.db")
    yield opened
    opened.close()
