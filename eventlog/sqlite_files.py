"""The file an embedded log lives in: who may read it, and on which file systems it is safe."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

from eventlog.errors import LogMisconfigured
from schemas.filesystems import is_network, kind_of, parse_mount, parse_mountinfo

# SQLite makes the memory its processes share in pieces of 32 KiB.
_ROOM = 64 * 1024


def refuse_network(path: Path) -> None:
    """Make sure the file is on this machine.

    Raises:
        LogMisconfigured: it would be on a network file system.
    """
    kind = filesystem(path.absolute().parent)
    if is_network(kind):
        raise LogMisconfigured(
            f"{path} is on a network file system ({kind}), where SQLite's locks and shared memory do not work"
            " and records would be lost: put the data folder on a local disk, or use Kafka"
        )


def filesystem(folder: Path) -> str:
    """The kind of file system a folder is on, or would be; empty when the system does not tell."""
    real = os.path.realpath(folder)
    if sys.platform == "darwin":
        listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False, timeout=10).stdout
        return kind_of(real, parse_mount(listing))
    try:
        return kind_of(
            real, parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
        )
    except OSError:
        return ""


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room for another page of a file of ours."""
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False


def create(path: Path) -> None:
    """Create the file if it is absent, for its owner's eyes only, with its folder.

    Raises:
        OSError: the folder or file cannot be made.
    """
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            # Nothing of it is touched: it may be a folder that others use.
            raise IsADirectoryError(errno.EISDIR, "it is no regular file", str(path)) from None
        _close_to_others(path)
    else:
        # Else a power cut may take a name away, and all that was acknowledged with it.
        for name in (path.absolute(), *missing):
            _sync(name.parent)


def _sync(folder: Path) -> None:
    if sys.platform == "win32":
        return  # NTFS keeps names in its own journal, and a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close_to_others(path: Path) -> None:
    if sys.platform == "win32":
        return  # the profile's folder is the user's own there
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(status.st_mode & 0o700)
