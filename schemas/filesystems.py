"""Which file systems hold remote files, and what a system's table of mounts says. Reading the table is the caller's.

SQLite's WAL needs memory shared by all processes and locks that work: "all processes using a database must be on the
same host computer; WAL does not work over a network filesystem" (https://sqlite.org/wal.html).
"""

import re

# By the names Linux and macOS give them.
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


def is_network(kind: str) -> bool:
    """Whether files of a kind of file system may be on another machine; an unknown kind is taken for local."""
    return kind in _NETWORK or kind.removeprefix("fuse.") in _NETWORK_FUSE


def kind_of(path: str, mounts: list[tuple[str, str]]) -> str:
    """The kind of the innermost mount a real path is under; of two on one folder the later hides the earlier.

    Args:
        path: absolute, without symbolic links.
        mounts: mount points and kinds, as `parse_mountinfo` and `parse_mount` find them.

    Returns:
        Empty when no mount is known.
    """
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
        fields = left.split(" ")
        if dash and len(fields) > 4:  # noqa: PLR2004 - the mount point is the fifth field
            mounts.append((_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4]), right.split(" ")[0]))
    return mounts


def parse_mount(text: str) -> list[tuple[str, str]]:
    """Mount points and kinds from macOS's mount(8): `//me@host/share on /Volumes/share (smbfs, nodev, nosuid)`."""
    mounts = []
    for line in text.splitlines():
        where, parenthesis, options = line.rpartition(" (")
        if parenthesis:
            mounts.append((where.partition(" on ")[2], options.rstrip(")").split(",")[0]))
    return mounts
