"""Runs one server process and outlives nobody: `python supervise.py SPEC`, commands on stdin, answers on stdout.

The tests hold the other end of stdin. When they end, even by SIGKILL, the kernel closes it; the server and all its
children are then killed and its folders removed. SPEC is JSON: `{argv, cwd, env, log, uid, gid, remove}`.

    start        -> pid N         start it (again)
    signal NAME  -> ok            send KILL, STOP, CONT, TERM or INT to it and its children
    main NAME    -> ok            the same, to the process itself only
    wait SECONDS -> exited CODE | running

Anything that cannot be done is answered `error TEXT`.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def children_of(pid: int) -> list[int]:
    """The pid and all its descendants, parents first, as Linux's /proc has them (elsewhere only the pid)."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it ended while we were looking
            continue
        # proc(5): "pid (comm) state ppid ..."; comm may itself hold blanks and brackets
        parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [pid]
    for known in found:
        found.extend(parents.get(known, []))
    return found


def send(pid: int, name: str) -> None:
    """Send a signal; a process that has ended needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.Signals[f"SIG{name}"])


def freeze(main: int) -> None:
    """Stop a process and its descendants, parents first, until none is left that could have had another child."""
    stopped: set[int] = set()
    while new := [pid for pid in children_of(main) if pid not in stopped]:
        for pid in new:
            send(pid, "STOP")
        stopped.update(new)


def die_with_parent() -> None:
    """Ask Linux to kill this process when the supervisor itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Supervisor:
    """The one server of this process, and what may be done to it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        if self._server is not None and self._server.poll() is None:
            return "error it is already running"
        spec = self._spec
        other_user = {} if spec["uid"] is None else {"user": spec["uid"], "group": spec["gid"], "extra_groups": []}
        with Path(spec["log"]).open("ab") as log:
            self._server = subprocess.Popen(
                spec["argv"],
                cwd=spec["cwd"],
                env=spec["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
                **other_user,
            )
        return f"pid {self._server.pid}"

    def signal(self, name: str, *, tree: bool) -> str:
        if self._server is None or self._server.poll() is not None:
            return "error it is not running"
        main = self._server.pid
        if tree and name in ("STOP", "KILL"):
            freeze(main)
        for pid in children_of(main) if tree else [main]:
            send(pid, name)
        return "ok"

    def wait(self, seconds: float) -> str:
        if self._server is None:
            return "error it was never started"
        try:
            return f"exited {self._server.wait(seconds)}"
        except subprocess.TimeoutExpired:
            return "running"

    def answer(self, line: str) -> str:
        command, _, argument = line.strip().partition(" ")
        try:
            match command:
                case "start":
                    return self.start()
                case "signal" | "main":
                    return self.signal(argument, tree=command == "signal")
                case "wait":
                    return self.wait(float(argument))
        except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            return f"error {type(error).__name__}: {error}".replace("\n", " ")
        return f"error no such command: {command}"

    def close(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self.signal("KILL", tree=True)
            self._server.wait()
        for folder in self._spec["remove"]:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    # Ctrl-C and a polite kill are for the tests; we end when they have ended. A handler and not SIG_IGN, which
    # the server would inherit: a JVM that starts with SIGTERM ignored never shuts down.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: None)
    supervisor = Supervisor(json.loads(sys.argv[1]))
    try:
        for line in sys.stdin:
            print(supervisor.answer(line), flush=True)
    except BrokenPipeError:  # the tests ended between question and answer
        pass
    finally:
        supervisor.close()


if __name__ == "__main__":
    main()
