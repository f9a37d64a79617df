"""Starts hookline as forks of one process that has imported it, and kills it -9 at named steps if asked to."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from tests.e2e.processes import Command, Process

ROOT = Path(__file__).parents[2]
FORKS_WITHIN = 30.0
"""Seconds; the first fork waits for the import."""


class Forked:
    """One fork, with the methods of `subprocess.Popen` that are used of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self._ended = threading.Event()

    def ended(self, status: int) -> None:
        """The nursery has reaped it: its pid may be another's from now on."""
        self._status = status
        self._ended.set()

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout) or self._status is None:
            raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0)
        return self._status

    def send_signal(self, sig: int) -> None:
        if self._status is None:
            # it may have been reaped, and we not have heard of it yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(9)

    def terminate(self) -> None:
        self.send_signal(15)


class Spawner:
    """The nursery (`nursery.py`) and its children; ends all of them when it is closed."""

    def __init__(self) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._forked: SimpleQueue[Forked] = SimpleQueue()
        self._running: dict[int, Forked] = {}
        self._asking = threading.Lock()
        self._listener = threading.Thread(target=self._listen, name="spawner", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._nursery.stdin is not None:
            self._nursery.stdin.close()
        self._nursery.wait(10)
        self._listener.join(10)
        if self._nursery.stdout is not None:
            self._nursery.stdout.close()

    def __call__(
        self,
        command: Command,
        kill_at: Sequence[str] = (),
        *,
        short_leases: bool = False,
        parks_soon: bool = False,
        mounts_of: int | None = None,
    ) -> Process:
        """Fork a process that runs this command; give it to `Hookline` as `launch`.

        Args:
            command: what to run.
            kill_at: it kills itself at the first of these steps: `module:function:before|after:n`.
            short_leases: see `killer.shorten_leases`.
            parks_soon: see `killer.park_soon`.
            mounts_of: the process whose mounts it sees; default our own.
        """
        request = {
            "arguments": list(command.arguments),
            "folder": str(command.folder),
            "environ": dict(command.environ),
            "output": str(command.output),
            "errors": str(command.errors),
            "kill_at": list(kill_at),
            "short_leases": short_leases,
            "parks_soon": parks_soon,
            "mounts_of": mounts_of,
        }
        for file in (command.output, command.errors):
            file.touch()
        with self._asking:
            assert self._nursery.stdin is not None
            self._nursery.stdin.write(json.dumps(request).encode() + b"\n")
            self._nursery.stdin.flush()
            return self._forked.get(timeout=FORKS_WITHIN)

    def killing(self, *steps: str, short_leases: bool = False, parks_soon: bool = False) -> "partial[Process]":
        """The same, with the rest of its arguments."""
        return partial(self.__call__, kill_at=steps, short_leases=short_leases, parks_soon=parks_soon)

    def _listen(self) -> None:
        assert self._nursery.stdout is not None
        for line in self._nursery.stdout:
            told = json.loads(line)
            if "forked" in told:
                forked = self._running[told["forked"]] = Forked(told["forked"])
                self._forked.put(forked)
            else:
                self._running.pop(told["ended"]).ended(told["status"])
