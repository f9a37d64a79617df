"""SQLite's locks on a file outlive whatever else this process does with the file."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.dedupe import Dedupe
from store.migrations import migrate
from store.store import Store

# What any `hookline handlers list` does: it reads, and as the last of all that have the file it takes the log away.
_READS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("select count(*) from sqlite_master").fetchone()
connection.close()
"""


def _read_elsewhere(path: Path) -> None:
    subprocess.run([sys.executable, "-c", _READS, path], check=True, timeout=30)


async def test_a_second_store_of_a_file_takes_no_locks_away(tmp_path: Path) -> None:
    """A poller has a store of its own beside the worker's: another process must not find the file unused."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    await migrate(url)
    first, second = Store.open(url), Store.open(url)
    await first.start()
    await second.start()
    try:
        await migrate(url)
        log = (tmp_path / "state.db-wal").stat().st_ino
        _read_elsewhere(tmp_path / "state.db")
        assert (tmp_path / "state.db-wal").stat().st_ino == log
        await second.stop()
        _read_elsewhere(tmp_path / "state.db")
        assert (tmp_path / "state.db-wal").stat().st_ino == log
    finally:
        await second.stop()
        await first.stop()


@pytest.mark.parametrize("times", [2, 3])
async def test_nor_does_another_memory_of_deliveries(tmp_path: Path, times: int) -> None:
    """The receiver has one, and each poll another."""
    opened = [Dedupe.open(f"sqlite:///{tmp_path / 'dedupe.db'}") for _ in range(times)]
    for each in opened:
        await each.start()
    try:
        log = (tmp_path / "dedupe.db-wal").stat().st_ino
        _read_elsewhere(tmp_path / "dedupe.db")
        assert (tmp_path / "dedupe.db-wal").stat().st_ino == log
    finally:
        for each in opened:
            await each.stop()
