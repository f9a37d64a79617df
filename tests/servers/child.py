"""A server as a process of ours, under a supervisor that ends it when the tests end, however they end."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.errors import ServerStartError, SupervisorError
from tests.servers.machine import STOPS_WITHIN

SUPERVISOR = Path(__file__).with_name("supervise.py")
TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run."""

    argv: Sequence[str]
    cwd: Path
    # Written to by the program, appended over restarts; outside `removed`, so that it outlives a failure.
    log: Path
    # Folders removed when the server is closed or the tests have ended.
    removed: Sequence[Path]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    # (uid, gid) to run as, for servers that refuse root.
    user: tuple[int, int] | None = None
    # The signal that makes it end by itself.
    end_signal: str = "TERM"

    def spec(self) -> str:
        """The argument of `supervise.py`."""
        uid, gid = self.user or (None, None)
        removed = [str(folder) for folder in self.removed]
        spec = {"argv": list(self.argv), "cwd": str(self.cwd), "env": dict(self.env), "log": str(self.log)}
        return json.dumps(spec | {"uid": uid, "gid": gid, "remove": removed})


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file, for an error's text."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(its log is empty)"
    except OSError:
        return "(it wrote no log)"


class Child:
    """A `Machine` (see there) that is a process of ours."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", str(SUPERVISOR), program.spec()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid: int | None = None

    def start(self) -> None:
        self.pid = int(self._ask("start").removeprefix("pid "))

    def kill(self) -> None:
        self._ask("signal KILL")
        self._ask(f"wait {STOPS_WITHIN}")

    def stop(self) -> None:
        self._ask("signal STOP")

    def cont(self) -> None:
        self._ask("signal CONT")

    def terminate(self) -> None:
        self._ask(f"main {self._program.end_signal}")
        if self._ask(f"wait {STOPS_WITHIN}") == "running":
            raise ServerStartError(f"did not end within {STOPS_WITHIN:.0f} s of being asked to:\n{self.log_tail()}")

    def running(self) -> bool:
        return self.pid is not None and self._ask("wait 0") == "running"

    def log_tail(self) -> str:
        return tail(self._program.log)

    def close(self) -> None:
        if self._supervisor.stdin and not self._supervisor.stdin.closed:
            self._supervisor.stdin.close()
        self._supervisor.wait(STOPS_WITHIN)
        if self._supervisor.stdout:
            self._supervisor.stdout.close()
        for folder in self._program.removed:  # the supervisor did it, unless somebody killed it
            shutil.rmtree(folder, ignore_errors=True)

    def _ask(self, command: str) -> str:
        stdin, stdout = self._supervisor.stdin, self._supervisor.stdout
        if stdin is None or stdout is None or stdin.closed:
            raise SupervisorError(f"cannot ask for {command!r}: the server was closed")
        try:
            stdin.write(command + "\n")
            stdin.flush()
            answer = stdout.readline().strip()
        except BrokenPipeError as error:
            raise SupervisorError(f"cannot ask for {command!r}: the supervisor is gone") from error
        if not answer:
            raise SupervisorError(f"no answer to {command!r}: the supervisor ended with {self._supervisor.poll()}")
        if answer.startswith("error"):
            raise SupervisorError(f"{command!r} of {self._program.argv[0]} failed: {answer.removeprefix('error ')}")
        return answer
