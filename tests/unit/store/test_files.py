"""Where a path lies, by the kernel's table of mounts."""

from pathlib import Path

import pytest

from store.files import file_system

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /mnt/share rw,relatime shared:15 - nfs4 server:/share rw,vers=4.2
31 30 8:2 / /mnt/share/local rw - xfs /dev/vdb rw
32 22 0:27 / /srv/with\\040space rw master:1 propagate_from:2 - cifs //server/x rw
33 22 0:28 / /twice rw - ext4 /dev/vdc rw
34 22 0:29 / /twice rw - fuse.sshfs me@host:/ rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/state.db", "ext4"),
        ("/mnt/share/state.db", "nfs4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/shared/state.db", "ext4"),
        ("/mnt/share/local/state.db", "xfs"),
        ("/srv/with space/state.db", "cifs"),
        ("/twice/state.db", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_last_mount_counts(path: str, kind: str) -> None:
    """As the kernel resolves it."""
    assert file_system(Path(path), MOUNTS) == kind


def test_without_mounts_nothing_is_known() -> None:
    """None, which refuses nothing."""
    assert file_system(Path("/var/state.db"), "") is None
