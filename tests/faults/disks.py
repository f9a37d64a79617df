"""Disks that can be filled while a process runs: a small tmpfs of its own, or a limit on the size of its files."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.e2e.processes import COMMAND, Command, Process, Role
from tests.faults.spawner import Spawner

UNLIMITED = resource.RLIM_INFINITY


class Disk(Protocol):
    """Where a data folder is."""

    def launch(self, command: Command) -> Process:
        """Start a process that sees it."""

    def fill(self, role: Role) -> None:
        """Leave no room."""

    def empty(self, role: Role) -> None:
        """Make room again."""


@dataclass
class Tmpfs:
    """A tmpfs of some megabytes over the data folder, in a mount namespace of its own: ENOSPC, as everyone has it."""

    folder: Path
    spawner: Spawner
    # A process that holds the namespace.
    holder: int

    def launch(self, command: Command) -> Process:
        return self.spawner(command, mounts_of=self.holder)

    def fill(self, role: Role) -> None:  # noqa: ARG002 - the other kind needs it
        with suppress(OSError), self._filler().open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def empty(self, role: Role) -> None:  # noqa: ARG002 - the other kind needs it
        self._filler().unlink()

    def _filler(self) -> Path:
        return Path(f"/proc/{self.holder}/root{self.folder}/.hookline/filler")


@dataclass
class SizeLimit:
    """RLIMIT_FSIZE: no file may grow beyond a page (EFBIG). Any user may; the process's own log is limited too."""

    spawner: Spawner

    def launch(self, command: Command) -> Process:
        return self.spawner(command)

    def fill(self, role: Role) -> None:
        resource.prlimit(role.process.pid, resource.RLIMIT_FSIZE, (4096, UNLIMITED))

    def empty(self, role: Role) -> None:
        resource.prlimit(role.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


@contextmanager
def tmpfs(folder: Path, spawner: Spawner, *, megabytes: int = 8) -> Iterator[Tmpfs | None]:
    """Mount a tmpfs over `{folder}/.hookline`; None where this user may not."""
    (folder / ".hookline").mkdir()
    mounting = 'mount -t tmpfs -o "size=$1m" tmpfs "$0" && echo mounted && exec sleep infinity'
    argv = ["unshare", "-m", "sh", "-c", mounting, str(folder / ".hookline"), str(megabytes)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        try:
            assert holder.stdout is not None
            yield Tmpfs(folder, spawner, holder.pid) if holder.stdout.readline() else None
        finally:
            holder.kill()


def with_full_log(command: Command) -> Process:
    """Start a process whose stderr goes to a disk that is full (/dev/full), as a log file may."""
    command.errors.touch()
    with command.output.open("wb") as out, Path("/dev/full").open("wb") as full:
        return subprocess.Popen(
            [*COMMAND, *command.arguments],
            cwd=command.folder,
            env=dict(command.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=full,
        )
