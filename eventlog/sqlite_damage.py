"""Damage of the file, whoever meets it: nothing more is written into a file of which a part cannot be read."""

import sqlite3
from pathlib import Path

import structlog

from eventlog.sqlite_errors import is_damage, reason

log = structlog.get_logger()


class Damage:
    """What is known of the damage of one log's file. Used by threads: each call changes one thing at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # What is wrong and since which file; the file that is put in its place is another.
        self._found: tuple[str, int] | None = None

    @property
    def text(self) -> str:
        """What happened and what to do; empty while nothing is known."""
        found = self._found
        return found[0] if found else ""

    def met(self, error: sqlite3.Error, inode: int) -> None:
        """Take note of an error, if it is damage."""
        if not is_damage(error):
            return
        text = reason(error, self._path)
        if self._found is None:
            log.error("log.lost", log=str(self._path), cause=text)
        self._found = (text, inode)

    def opened(self, inode: int) -> None:
        """Take note of the file that stands there now."""
        if self._found is not None and self._found[1] != inode:
            self._found = None
            log.info("log.connected", log=str(self._path))
