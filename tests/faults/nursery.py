"""The process that has imported hookline once and forks it again and again: a start takes 0.2 s instead of 1.5.

It is told by lines of JSON on stdin what to run, and tells on stdout what it forked and what ended. When stdin is
closed it kills what still runs, and ends. See `spawner.py` for the other side.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import threading
from contextlib import suppress
from typing import Any, NoReturn

from cli.main import main
from tests.faults.killer import arm, park_soon, shorten_leases

# setns(2); Python has it from 3.12 on.
CLONE_NEWNS = 0x20000
# What the roles import only when they are called.
LATER = (
    "cli.commands.dead",
    "cli.commands.migrate",
    "cli.commands.roles",
    "cli.commands.send",
    "cli.commands.simulate",
    "cli.commands.tail",
    "cli.commands.topics",
    "eventlog.kafka",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
)


def serve() -> dict[str, Any]:
    """Fork on request; returns only in a child, with what it is to run."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: set[int] = set()
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    unread = b""
    while True:
        ready = {key.fd for key, _ in waiting.select()}
        if woken in ready:
            os.read(woken, 4096)
            _reap(running)
        if 0 in ready:
            if not (chunk := os.read(0, 65536)):
                _end(running)
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    waiting.close()
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os.close(woken)
                    os.close(wake)
                    return dict(json.loads(line))
                running.add(pid)
                _tell({"forked": pid})


def _reap(running: set[int]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            running.discard(pid)
            _tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _end(running: set[int]) -> NoReturn:
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _tell(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _become(request: dict[str, Any]) -> None:
    """Make this fork what a process of its own would be."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, name in ((1, "output"), (2, "errors")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.close(null)
    if request["mounts_of"] is not None:
        _enter_mounts(request["mounts_of"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = ["hookline", *request["arguments"]]


def _enter_mounts(pid: int) -> None:
    """See the mounts of another process, as nsenter(1) does."""
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), f"setns to the mounts of {pid}")
    os.close(namespace)


def _run() -> int:
    """Call hookline; the exit status."""
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _leave(status: int) -> NoReturn:
    """End as Python does, but do not take its modules apart: that would copy all that is shared with the nursery."""
    threading._shutdown()  # type: ignore[attr-defined]  # what Python waits with for threads, as below
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    for each in LATER:
        importlib.import_module(each)
    gc.freeze()
    wanted = serve()
    _become(wanted)
    if wanted["short_leases"]:
        shorten_leases()
    if wanted["parks_soon"]:
        park_soon()
    for step in wanted["kill_at"]:
        arm(step)
    _leave(_run())
