"""The embedded log when its file is locked, full, gone or damaged."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from eventlog.errors import LogFull, LogMisconfigured, LogUnavailable
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_schema import connect
from tests.unit.eventlog.sqlite_logs import AT, STOPS, append, record, running, until

KIB = 1024


async def test_a_locked_file_delays_and_then_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's lock: appends fail in time, health says why, and all is well when it lets go."""
    async with running(tmp_path) as log:
        monkeypatch.setattr("eventlog.sqlite_schema.BUSY_SECONDS", 0.1)
        shell = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="was locked by another program"):
            await append(log)
        assert "was locked by another program" in log.health().detail
        shell.execute("ROLLBACK")
        shell.close()
        assert await append(log) == [0]
        assert log.health().ok is True


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """SQLite's own "disk full": nothing of the transaction counts, and appends work again with space."""
    async with running(tmp_path) as log:
        await append(log)
        [before] = await log._writing.run(lambda it: it.execute("PRAGMA max_page_count = 1").fetchone())
        with pytest.raises(LogFull, match="no space is left on the disk"):
            await append(log, 100, size=8 * KIB)
        assert log.health().ok is False
        await log._writing.run(lambda it: it.execute("PRAGMA max_page_count = 1000000").fetchone())
        assert before < 100
        assert await append(log, 2) == [1, 2]
        assert log.health().ok is True


async def test_a_removed_file_takes_nothing(tmp_path: Path) -> None:
    """Whoever moves the file away gets refusals, not acknowledgements of records nobody can find."""
    async with running(tmp_path) as log:
        await append(log)
        moved = {tmp_path / f"events.db{end}": tmp_path / f"moved{end}" for end in ("", "-wal", "-shm")}
        for here, there in moved.items():
            here.rename(there)
        with pytest.raises(LogUnavailable, match="is gone"):
            await append(log)
        assert "is gone" in log.health().detail
        for here, there in moved.items():
            there.rename(here)
        assert await append(log) == [1]
        assert log.health().ok is True


async def test_a_replaced_file_is_the_log(tmp_path: Path) -> None:
    """Records go where everybody looks for them, not into the file that used to have the name."""
    async with running(tmp_path) as log:
        await append(log, 3)
        for end in ("", "-wal", "-shm"):
            (tmp_path / f"events.db{end}").rename(tmp_path / f"moved{end}")
        async with running(tmp_path) as other:
            assert await append(log, 2) == [0, 1]
            assert await other.offsets([AT], "end") == {AT: 2}
            assert await log.offsets([AT], "end") == {AT: 2}


async def test_damage_while_running_is_told(tmp_path: Path) -> None:
    """A damaged page fails what needs it, with words, and nothing crashes."""
    async with running(tmp_path) as log:
        await append(log, 50, size=KIB)
    connection = connect(tmp_path / "events.db")
    [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    connection.close()
    with (tmp_path / "events.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    async with running(tmp_path) as log:
        with pytest.raises(LogUnavailable, match="is damaged"):
            await append(log)
        with pytest.raises(LogUnavailable, match="is damaged"):
            _ = [each async for each in log.read({AT: 0}, follow=False)]
        assert "is damaged" in log.health().detail


async def test_nothing_is_acknowledged_into_a_file_that_a_reader_found_damaged(tmp_path: Path) -> None:
    """What is behind the damage could be lost as well; a sound file in its place is written to again."""
    path = tmp_path / "events.db"
    async with running(tmp_path) as log:
        await log.append(record(b"x" * KIB), partition=0).offset()
        await append(log, 49, size=KIB)
    sound = path.read_bytes()
    leaf = sound.index(b"x" * KIB) // 4096 * 4096
    path.write_bytes(sound[:leaf] + b"\xff" * 4096 + sound[leaf + 4096 :])
    async with running(tmp_path) as log:
        with contextlib.suppress(LogUnavailable):
            # unless what cleans up beside it has met the damage first
            assert await append(log) == [50]
        with pytest.raises(LogUnavailable, match="is damaged"):
            _ = [each async for each in log.read({AT: 0}, follow=False)]
        assert "is damaged" in log.health().detail
        with pytest.raises(LogUnavailable, match="is damaged"):
            log.append(record())
        with pytest.raises(LogUnavailable, match="is damaged"):
            await log.trim()
        (tmp_path / "other.db").write_bytes(sound)
        for end in ("-wal", "-shm"):
            (tmp_path / f"events.db{end}").unlink()
        (tmp_path / "other.db").rename(path)
        await until(lambda: log.health().ok)
        assert await append(log) == [50]


async def test_health_before_and_after(tmp_path: Path) -> None:
    """A log that is not running is not well."""
    log = SqliteEventLog(tmp_path / "events.db")
    assert log.health().detail == "the event log is not started"
    with pytest.raises(LogUnavailable, match="the event log is not started"):
        log.append(record())
    await log.start()
    assert log.health().ok is True
    await log.stop(STOPS)
    assert log.health().detail == f"the event log {tmp_path}/events.db was stopped"


async def test_a_log_that_cannot_start_says_why(tmp_path: Path) -> None:
    """And leaves nothing running."""
    (tmp_path / "events.db").write_bytes(b"something else" * 1000)
    before = asyncio.all_tasks()
    with pytest.raises(LogMisconfigured, match="is damaged, or is no SQLite database"):
        await SqliteEventLog(tmp_path / "events.db").start()
    assert asyncio.all_tasks() == before
