"""The file of a SQLite store: on a local disk, readable by its owner alone."""

import os
import re
import sys
from datetime import datetime
from pathlib import Path

from store.errors import StoreMisconfigured

_MODE = 0o600

# File systems over a network, by the names Linux gives them. SQLite's locks and shared memory do not work on them:
# https://www.sqlite.org/faq.html#q5 and https://www.sqlite.org/wal.html
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "webdav"}
)
# File systems in user space with remote files; others of the kind are local (ntfs-3g, mergerfs).
_NETWORK_FUSE = frozenset(
    {"blobfuse2", "ceph", "cephfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mount-s3", "rclone", "s3fs"}
    | {"seaweedfs", "sshfs"}
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOUNTS = Path("/proc/self/mountinfo")


def ready_file(path: Path) -> None:
    """Make the file if there is none, and keep others from reading it. SQLite gives -wal and -shm the same mode.

    Raises:
        StoreMisconfigured: the folder is missing, not ours to write, or on a network file system.
    """
    refuse_network(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE))
        if path.stat().st_mode & 0o077:
            path.chmod(_MODE)
    except OSError as error:
        raise StoreMisconfigured(
            f"The store's file {path} cannot be opened for writing: {error.strerror}. Its folder must exist and belong"
            " to the user hookline runs as."
        ) from error


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
    kind = file_system(path.resolve(), _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    if kind is not None and (kind in _NETWORK or kind.removeprefix("fuse.") in _NETWORK_FUSE):
        raise StoreMisconfigured(
            f"The store's file {path} is on a network file system ({kind}), where SQLite's locks do not hold and data"
            " is lost. Use a local disk, or PostgreSQL: [store] url = postgresql://user@host/database."
        )


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system a resolved path lies on.

    Args:
        path: absolute, without symbolic links.
        mounts: the text of /proc/self/mountinfo (proc_pid_mountinfo(5)): the fifth field is the mount point, the one
            after ` - ` the type. Of two mounts on one point the later hides the earlier.
    """
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if not dash or len(fields) < 5:  # noqa: PLR2004 - the fifth field, as the docstring says
            continue
        point = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        depth = len(point.parts)
        if path.is_relative_to(point) and (best is None or depth >= best[0]):
            best = (depth, right.split(" ", 1)[0])
    return None if best is None else best[1]
