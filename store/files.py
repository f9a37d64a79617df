"""The file of a SQLite store: on a local disk, readable by its owner alone."""

import errno
import os
import sys
from datetime import datetime
from pathlib import Path

from schemas.filesystems import is_network, kind_of, parse_mountinfo
from store.errors import StoreMisconfigured

_MODE = 0o600

_MOUNTS = Path("/proc/self/mountinfo")


def ready_file(path: Path) -> None:
    """Make the file if there is none, and keep others from reading it. SQLite gives -wal and -shm the same mode.

    Raises:
        StoreMisconfigured: the folder is missing, not ours to write, or on a network file system.
    """
    refuse_network(path)
    try:
        _make(path)
        if path.stat().st_mode & 0o077:
            path.chmod(_MODE)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreMisconfigured(
                f"The store's file {path} cannot be made: no space is left on its disk. Free some, then start again."
            ) from error
        raise StoreMisconfigured(
            f"The store's file {path} cannot be opened for writing: {error.strerror}. Its folder must exist and belong"
            " to the user hookline runs as."
        ) from error


def _make(path: Path) -> None:
    """Make the file, or see that it can be written.

    A file that is there is never opened: closing it again would take away every lock that SQLite has on it in this
    process (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
    except FileExistsError:
        if not path.is_file():
            raise IsADirectoryError(errno.EISDIR, "it is no regular file", str(path)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def set_aside(path: Path, at: datetime) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, for whoever wants to look into it; returns its new name.

    Raises:
        StoreMisconfigured: its folder is not ours to write.
    """
    aside = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}")
    try:
        for suffix in ("-wal", "-shm", ""):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StoreMisconfigured(
            f"The damaged file {path} cannot be renamed: {error.strerror}. Move it away yourself, then start again."
        ) from error
    return aside


def inode(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_network(path: Path) -> None:
    """Refuse a path on a network file system. Only Linux tells; elsewhere every path passes.

    Raises:
        StoreMisconfigured: the path is on one.
    """
    if not sys.platform.startswith("linux"):
        return
    mounts = parse_mountinfo(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    kind = kind_of(str(path.resolve()), mounts)
    if is_network(kind):
        raise StoreMisconfigured(
            f"The store's file {path} is on a network file system ({kind}), where SQLite's locks do not hold and data"
            " is lost. Use a local disk, or PostgreSQL: [store] url = postgresql://user@host/database."
        )
