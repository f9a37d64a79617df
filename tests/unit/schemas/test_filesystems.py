"""What a system's table of mounts says of a path."""

import pytest

from schemas.filesystems import is_network, kind_of, parse_mount, parse_mountinfo

MOUNTINFO = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
41 22 0:37 / /data rw,relatime shared:20 - nfs4 nas:/export rw,vers=4.2,addr=10.0.0.2
42 41 254:1 / /data/local\\040disk rw - xfs /dev/vdb rw
43 22 0:40 / /home/me/remote rw,nosuid master:5 - fuse.sshfs me@host: rw
44 22 0:41 / /stick rw - fuse.ntfs-3g /dev/sda1 rw
45 22 0:42 / /twice rw - ext4 /dev/vdc rw
46 45 0:43 / /twice rw - cifs //host/share rw
"""

MOUNT = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//me@host/share on /Volumes/share (one) (smbfs, nodev, nosuid, mounted by me)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/hookline", "ext4"),
        ("/data", "nfs4"),
        ("/data/hookline", "nfs4"),
        ("/database", "ext4"),
        ("/data/local disk/hookline", "xfs"),
        ("/home/me/remote/x", "fuse.sshfs"),
        ("/twice/x", "cifs"),
    ],
)
def test_linux_kind(path: str, kind: str) -> None:
    """The innermost mount counts, by whole names; of two on one folder the later."""
    assert kind_of(path, parse_mountinfo(MOUNTINFO)) == kind


@pytest.mark.parametrize(("path", "kind"), [("/Users/me", "apfs"), ("/Volumes/share (one)/x", "smbfs")])
def test_macos_kind(path: str, kind: str) -> None:
    """mount(8) tells the kind first in its last parentheses."""
    assert kind_of(path, parse_mount(MOUNT)) == kind


def test_no_mounts_known() -> None:
    """A system that does not tell is believed to be local."""
    assert kind_of("/var", []) == ""


@pytest.mark.parametrize(("kind", "network"), [("smbfs", True), ("fuse.sshfs", True), ("fuse.mergerfs", False)])
def test_what_holds_remote_files(kind: str, network: bool) -> None:
    """What nobody has heard of is taken for local."""
    assert is_network(kind) is network


def test_a_line_that_is_no_mount_is_passed_over() -> None:
    """A table that is cut short names what it names."""
    assert parse_mountinfo("1 0 0:1 - ext4\n" + MOUNTINFO.splitlines()[0]) == [("/", "ext4")]
