"""The file an embedded log lives in: who may read it, and on which file systems it is safe."""

import errno
import os
import subprocess
import sys
from pathlib import Path

from eventlog.errors import LogMisconfigured

# SQLite's WAL mode needs memory shared by all processes and locks that work: "all processes using a database must be on
# the same host computer; WAL does not work over a network filesystem" (https://sqlite.org/wal.html).
NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "drvfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
    }
    | {"ocfs2", "orangefs", "smb3", "smbfs", "webdav"}
)
# File systems in user space that hold remote files; others of the kind are local (ntfs-3g, mergerfs).
NETWORK_FUSE = frozenset(
    {"blobfuse2", "ceph", "cephfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mount-s3", "rclone", "s3fs"}
    | {"seaweedfs", "sshfs"}
)


def refuse_network(path: Path) -> None:
    """Make sure the file is on this machine.

    Raises:
        LogMisconfigured: it would be on a network file system.
    """
    kind = filesystem(path.absolute().parent)
    if kind in NETWORK or kind.removeprefix("fuse.") in NETWORK_FUSE:
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


def kind_of(path: str, mounts: list[tuple[str, str]]) -> str:
    """The kind of the innermost mount a path is under; of two on one folder the later hides the earlier."""
    inner, found = -1, ""
    for point, kind in mounts:
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= inner:
            inner, found = len(point), kind
    return found


def parse_mountinfo(text: str) -> list[tuple[str, str]]:
    """Mount points and kinds from Linux's /proc/self/mountinfo: proc_pid_mountinfo(5)."""
    mounts = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        if dash:
            mounts.append((_unescape(left.split(" ")[4]), right.split(" ")[0]))
    return mounts


def parse_mount(text: str) -> list[tuple[str, str]]:
    """Mount points and kinds from macOS's mount(8): `//me@host/share on /Volumes/share (smbfs, nodev, nosuid)`."""
    mounts = []
    for line in text.splitlines():
        where, parenthesis, options = line.rpartition(" (")
        if parenthesis:
            mounts.append((where.partition(" on ")[2], options.rstrip(")").split(",")[0]))
    return mounts


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


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
