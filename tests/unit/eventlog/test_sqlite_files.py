"""Where an embedded log may live, and who may read it."""

import stat
from pathlib import Path

import pytest

from eventlog import sqlite_files
from eventlog.errors import LogMisconfigured
from eventlog.sqlite_files import create, refuse_network


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.s3fs"])
def test_network_file_systems_are_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the file, the file system and what to do."""
    monkeypatch.setattr(sqlite_files, "filesystem", lambda _: kind)
    with pytest.raises(LogMisconfigured) as refusal:
        refuse_network(tmp_path / "events.db")
    assert str(refusal.value) == (
        f"{tmp_path}/events.db is on a network file system ({kind}), where SQLite's locks and shared memory do not work"
        " and records would be lost: put the data folder on a local disk, or use Kafka"
    )


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "overlay", "tmpfs", "fuse.ntfs-3g", ""])
def test_local_file_systems_are_taken(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised, also where the system does not tell."""
    monkeypatch.setattr(sqlite_files, "filesystem", lambda _: kind)
    refuse_network(tmp_path / "events.db")


def test_this_machine_tells_its_kind(tmp_path: Path) -> None:
    """The real table of mounts is read, and a temporary folder is on some local file system."""
    assert sqlite_files.filesystem(tmp_path) != ""
    refuse_network(tmp_path / "events.db")


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The file and the folders made for it can be read by nobody else."""
    create(tmp_path / "a" / "b" / "events.db")
    assert stat.S_IMODE((tmp_path / "a" / "b" / "events.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o600, 0o600), (0o444, 0o400)])
def test_an_existing_file_is_closed_to_others(before: int, after: int, tmp_path: Path) -> None:
    """Others lose their rights; the owner's stay as they are."""
    path = tmp_path / "events.db"
    path.write_bytes(b"kept")
    path.chmod(before)
    create(path)
    assert stat.S_IMODE(path.stat().st_mode) == after
    path.chmod(0o600)
    assert path.read_bytes() == b"kept"


def test_a_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """A URL that names a folder must not close it to those who use it."""
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(IsADirectoryError):
        create(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777
