"""Handlers that swallow their cancellation or hold the loop: they are named, and the process ends in spite of them."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.process import FORCED
from tests.e2e.processes import Role, wait_for
from tests.e2e.site import site
from tests.faults.door import Door
from tests.faults.spawner import Spawner

# Attempts that are stuck are told of after 5 s and not waited for; the rest of the process has 3 s to end.
ENDS_WITHIN = 15.0


def logged(role: Role, event: str, handler: str) -> dict[str, Any] | None:
    return next((line for line in role.log() if line["event"] == event and line.get("handler") == handler), None)


def test_rude_handlers_are_named_and_left_behind(tmp_path: Path, free_port: int, spawner: Spawner) -> None:
    """One event for both: the log says who holds the loop and who does not end; SIGTERM ends the process with 1."""
    with site(tmp_path, simulated=False, launch=spawner) as at:
        shutil.copy(Path(__file__).parent / "plugins" / "rude.py", tmp_path / "plugins" / "rude.py")
        at.prepare()
        door = Door(at, free_port, spawner)
        role = door.open("run")
        door.wait_ready(role)
        door.auditor.send("c0", 0)
        blocked = wait_for(lambda: logged(role, "loop.blocked", "busy"), seconds=10, what="a blocked loop")
        assert blocked["at"] == "rude.py:21 in busy"
        assert "asyncio.to_thread" in blocked["advice"]
        stuck = wait_for(lambda: logged(role, "attempt.stuck", "deaf"), seconds=15, what="a stuck attempt")
        assert stuck["event_id"] == door.auditor.sent[0].event_id
        began = time.monotonic()
        role.signal(signal.SIGTERM)
        assert role.process.wait(ENDS_WITHIN) == 1, role.said()
        assert time.monotonic() - began < ENDS_WITHIN
        assert logged(role, "attempt.abandoned", "deaf") is not None
        assert [line["handler"] for line in role.log() if line["event"] == "attempt.stuck"] == ["deaf"]


HELD = """
import socket
from cli.process import run

async def role(_stopping):
    print("held", flush=True)
    waiting, _ = socket.socketpair()
    waiting.recv(1)

run(role)
"""


def test_who_holds_the_process_does_not_keep_it_from_a_second_signal() -> None:
    """The loop cannot tell of it, but Python is interrupted, in a read without a deadline too."""
    with subprocess.Popen((sys.executable, "-c", HELD), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == FORCED
        assert process.stderr is not None
        assert process.stderr.read() == b"stopped at once: what was unfinished is repeated at the next start\n"
