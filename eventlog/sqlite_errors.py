"""SQLite's errors in the event log's words."""

import errno
import sqlite3
from datetime import timedelta
from pathlib import Path

from eventlog.errors import LogFull, LogMisconfigured, LogUnavailable
from eventlog.sqlite_files import is_full

BUSY_SECONDS = 5.0
"""How long a lock of another program is waited for."""

# A full or failing disk does not heal within a second.
_RETRY_AFTER = timedelta(seconds=5)

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DENIED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def code_of(error: sqlite3.Error) -> int:
    """The primary result code (https://sqlite.org/rescode.html), 0 when Python's module itself complains."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_harmless(error: sqlite3.Error) -> bool:
    """Whether the connection may be used on: another program was in the way, or the disk is full."""
    return code_of(error) in _BUSY or code_of(error) == sqlite3.SQLITE_FULL


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program holds a lock."""
    return code_of(error) in _BUSY


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is not what was written."""
    return code_of(error) in _DAMAGED


def _is_full(error: sqlite3.Error, path: Path) -> bool:
    """Whether no space is left: for SQLite it is a failure where files beside the log find no room."""
    if code_of(error) == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return True
    return code_of(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_full(path.parent)


def unavailable(error: sqlite3.Error, path: Path) -> LogUnavailable:
    """What to raise when a running log meets this error."""
    if _is_full(error, path):
        return LogFull(reason(error, path), retry_after=_RETRY_AFTER)
    if code_of(error) in _BUSY:
        return LogUnavailable(reason(error, path))
    return LogUnavailable(reason(error, path), retry_after=_RETRY_AFTER)


def uncreated(error: OSError, path: Path) -> LogMisconfigured:
    """What to raise when the file of a log cannot be made."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LogMisconfigured(f"{path} cannot be created: no space is left on its disk. Free some, then start again")
    return LogMisconfigured(
        f"{path} cannot be created: {error.strerror}. Name another file as [eventlog] url, or a folder with --data"
    )


def misconfigured(error: sqlite3.Error, path: Path) -> LogMisconfigured:
    """What to raise when a log cannot start with this error."""
    return LogMisconfigured(reason(error, path))


def reason(error: sqlite3.Error, path: Path) -> str:
    """What happened, why, and what to do next."""
    code, name = code_of(error), getattr(error, "sqlite_errorname", type(error).__name__)
    if _is_full(error, path):
        return f"no space is left on the disk of {path}: free some; appends are refused until then"
    if code in _BUSY:
        return (
            f"{path} was locked by another program for more than {BUSY_SECONDS:.0f} s:"
            " end what holds it (an open sqlite3 shell, a backup, a stopped process)"
        )
    if code in _DENIED:
        return (
            f"{path} cannot be opened or written ({name}): give this user the right to read and write it and its folder"
        )
    if code in _DAMAGED:
        return (
            f"{path} is damaged, or is no SQLite database ({name}): the disk failed, or something else wrote into it."
            " Nothing was deleted. Stop every role, then restore it from a backup, or set it aside (rename it with its"
            " -wal and -shm) to begin an empty log: events in it that were not handled are then not handled"
        )
    if code == sqlite3.SQLITE_IOERR:
        return f"the disk of {path} failed ({name}): look into the system's log; what was acknowledged before is on it"
    return f"{path} failed: {error} ({name})"
