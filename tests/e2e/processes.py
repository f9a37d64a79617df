"""Real hookline processes for tests: started, asked, killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

COMMAND = (sys.executable, "-m", "hookline")


def wait_for(condition: Callable[[], Any], *, seconds: float, what: str, every: float = 0.05) -> Any:
    """Ask again and again, every so many seconds, until the answer is true; returns it.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...

    def terminate(self) -> None: ...

    def send_signal(self, sig: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Command:
    """One call of the command line."""

    arguments: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    # Files for stdout and stderr.
    output: Path
    errors: Path


def in_new_process(command: Command, prefix: Sequence[str] = COMMAND) -> Process:
    """Run a command as a user does."""
    with command.output.open("wb") as out, command.errors.open("wb") as err:
        return subprocess.Popen(
            [*prefix, *command.arguments],
            cwd=command.folder,
            env=dict(command.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


@dataclass
class Role:
    """One running process."""

    process: Process
    output: Path
    errors: Path

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)

    def died(self, seconds: float) -> None:
        """Wait until a SIGKILL ends it.

        Raises:
            AssertionError: it lives on, or ended in another way.
        """
        try:
            ended = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            ended = None
        assert ended == -signal.SIGKILL, f"not killed within {seconds} s ({ended}): {self.said()}"

    def log(self) -> list[dict[str, Any]]:
        """What it logged, as JSON lines; anything else it wrote to stderr is under `text`."""
        lines = []
        for line in self.errors.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": "", "text": line})
        return lines

    def printed(self) -> str:
        """What it wrote to stdout."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def said(self) -> str:
        """Everything it wrote, to be shown when a test fails."""
        return self.errors.read_text(encoding="utf-8", errors="replace") + self.printed()


@dataclass
class Hookline:
    """A configuration folder and the commands run in it."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)
    launch: Callable[[Command], Process] = in_new_process

    def command(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        role = self.start(*arguments)
        status = role.process.wait(seconds)
        return subprocess.CompletedProcess(arguments, status, role.printed(), role.errors.read_text(encoding="utf-8"))

    def start(self, *arguments: str, launch: Callable[[Command], Process] | None = None) -> Role:
        """Start a command and leave it running."""
        number = len(self.roles)
        output, errors = self.folder / f"{number}.out", self.folder / f"{number}.err"
        command = Command(
            arguments=arguments, folder=self.folder, environ=self._environ(), output=output, errors=errors
        )
        role = Role((launch or self.launch)(command), output, errors)
        self.roles.append(role)
        return role

    def address(self, role: Role, *, kind: str = "receiver", seconds: float = 30) -> str:
        """The address a running role left in the data folder, once its /readyz is good."""
        found = wait_for(lambda: self._left_address(role, kind), seconds=seconds, what=f"an address of {kind}")
        wait_for(lambda: status(f"{found}/readyz") == 200, seconds=seconds, what=f"{found}/readyz")
        return str(found)

    def _left_address(self, role: Role, kind: str) -> str | None:
        if (ended := role.process.poll()) is not None:
            raise AssertionError(f"it ended with {ended}: {role.said()}")
        for file in (self.folder / ".hookline" / "roles").glob(f"*-{role.process.pid}.json"):
            found: str | None = json.loads(file.read_text()).get(kind)
            return found
        return None

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
        return {**kept, **self.environ}


@contextmanager
def hookline(
    folder: Path, environ: Mapping[str, str] | None = None, launch: Callable[[Command], Process] = in_new_process
) -> Iterator[Hookline]:
    """A hookline in a folder; what still runs at the end is killed."""
    found = Hookline(folder, environ or {}, launch=launch)
    try:
        yield found
    finally:
        for role in found.roles:
            if role.process.poll() is None:
                role.signal(signal.SIGCONT)
                role.kill()


def status(url: str, *, timeout: float = 2) -> int | None:
    """The HTTP status of a GET; None when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
