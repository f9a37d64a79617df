"""`hookline backup` copies what roles are writing."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import CommandFailed, Misconfigured
from cli.main import app


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with a log and a store that are held open, with a write that is not in the file itself yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookline.toml").write_text("", encoding="utf-8")
    folder = tmp_path / ".hookline"
    folder.mkdir()
    with closing(written(folder / "events.db", 1)), closing(written(folder / "state.db", 2)):
        yield folder


def written(path: Path, value: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (?)", (value,))
    connection.commit()
    return connection


def run(*arguments: str) -> str:
    words = ["backup", *arguments]
    done = CliRunner().invoke(app(words), words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_what_is_written_is_copied_for_nobody_else(data: Path, tmp_path: Path) -> None:
    """Also what still stands beside the file; a mask that lets others read changes nothing."""
    told = run(str(tmp_path / "copies"))
    assert [line.split()[0] for line in told.splitlines()] == [
        str(tmp_path / "copies" / name) for name in ("events.db", "state.db")
    ]
    for name, value in (("events.db", 1), ("state.db", 2)):
        copy = tmp_path / "copies" / name
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT x FROM t").fetchall() == [(value,)]
    assert stat.S_IMODE((tmp_path / "copies").stat().st_mode) == 0o700
    assert data.is_dir()


def test_a_backup_is_not_written_over(data: Path, tmp_path: Path) -> None:
    """Yesterday's may be the only good one."""
    run(str(tmp_path / "copies"))
    before = (tmp_path / "copies" / "events.db").read_bytes()
    with pytest.raises(CommandFailed, match="Name a folder that holds no backup yet"):
        run(str(tmp_path / "copies"))
    assert (tmp_path / "copies" / "events.db").read_bytes() == before
    assert data.is_dir()


def test_what_is_not_there_or_no_file_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made then."""
    (data / "state.db").rename(data / "other.db")
    with pytest.raises(CommandFailed, match=r"there is no .*state\.db: has a role run"):
        run(str(tmp_path / "copies"))
    monkeypatch.setenv("HOOKLINE_EVENTLOG__URL", "kafka://broker:9092")
    monkeypatch.setenv("HOOKLINE_STORE__URL", "postgresql://hookline@database/hookline")
    with pytest.raises(Misconfigured, match="back PostgreSQL up with its own tools"):
        run(str(tmp_path / "copies"))
    assert not (tmp_path / "copies").exists()


def test_a_file_that_is_no_database_is_told(data: Path, tmp_path: Path) -> None:
    """And no copy of it is left."""
    for file in data.iterdir():
        file.unlink()
    (data / "events.db").write_bytes(b"no database" * 1_000)
    (data / "state.db").write_bytes(b"")
    with pytest.raises(CommandFailed, match=r"events\.db was not copied to .*: file is not a database"):
        run(str(tmp_path / "copies"))
    assert not (tmp_path / "copies" / "events.db").exists()
