"""Whether a SQLite file can still be read, within bounded time."""

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from cli.findings import Finding

# Seconds that are spent on one file; a large one is looked through as far as that goes.
PATIENCE = 5.0
# SQLite asks whether to go on once in so many of its steps.
_STEPS = 1_000
_LOST = {
    "event log file": "begins an empty log: events in it that were not handled are then not handled",
    "state store file": "and `hookline migrate --new-store` begin an empty one: contacts, timers and effects are lost",
}


def integrity(name: str, path: Path, *, patience: float = PATIENCE) -> Finding | None:
    """What a look through a file found; None if it is not there.

    Args:
        name: `event log file`, `state store file` or `dedupe file`.
        path: the file; it is not changed, and roles may use it meanwhile.
        patience: seconds.
    """
    if not path.is_file():
        return None
    deadline = time.monotonic() + patience
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=patience)
        try:
            connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return _failed(name, path, error)
    if found == "ok":
        return Finding(name, "ok", f"{path} is sound")
    return _damaged(name, path, "; ".join(str(found).split("\n")))


def _failed(name: str, path: Path, error: sqlite3.DatabaseError) -> Finding:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return Finding(name, "ok", f"{path} is sound as far as it was looked through in {PATIENCE:g} s")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Finding(name, "degraded", f"{path} is locked: end what holds it (an open sqlite3 shell, a backup)")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(name, path, str(error))
    return Finding(name, "failing", f"{path} cannot be read ({error}): check the rights of this user, and the disk")


def _damaged(name: str, path: Path, why: str) -> Finding:
    if name not in _LOST:
        told = "The receiver sets it aside by itself, and begins an empty one: copies are then taken once more"
        return Finding(name, "degraded", f"{path} is damaged ({why}). {told}")
    told = (
        f"{path} is damaged ({why}): the disk failed, or something else wrote into it. Nothing was deleted. Stop every "
        "role, then restore it from a backup, or set it aside (rename it with its -wal and -shm). That "
    )
    return Finding(name, "failing", told + _LOST[name])
