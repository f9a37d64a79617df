"""How many signed webhooks a second one receiver accepts, and what one costs. Measured, not asserted.

    .venv/bin/python -m bench.receiver                                # on the embedded log
    .venv/bin/python -m bench.receiver --log kafka://localhost:9092   # on a broker

The receiver runs in a process of its own. This process sends pre-signed bodies over raw connections and reads the
receiver's CPU time from `/proc`. Only 202 counts, so every counted event is durable. Without `--rate` each connection
sends one request after another (a closed loop: its latencies are not those of a real sender); with it requests are due
at a fixed rate, whatever becomes of those before, and their latencies count from when they were due.
"""

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
import uvloop

from cli.garbage import collect_less
from eventlog.open import EventLogSettings, open_log
from receiver.server import ReceiverParts, ReceiverServer
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from schemas.schemes import MYGPTASSISTANTS
from schemas.signatures import Outgoing, sign
from schemas.topics import Topics
from store.dedupe import Dedupe

SECRET = "bench-secret-0123456789"  # noqa: S105 - signs nothing but this benchmark
TICK = os.sysconf("SC_CLK_TCK")
KEYS = 997
_NOW = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


async def serve(log_url: str, folder: Path) -> None:
    """Run the receiver until its standard input closes; its port is its first line of output."""
    collect_less()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    topics = Topics(prefix=f"bench-{uuid.uuid4().hex[:8]}.")
    event_log = open_log(log_url, EventLogSettings(url=log_url), topics=topics.all())
    await event_log.start()
    await event_log.create(topics.all())
    dedupe = Dedupe.open(f"sqlite:///{folder}/dedupe.db")
    await dedupe.start()
    bounds = ReceiverSettings(port=0)
    source = SourceSettings.model_validate({"platform": "mygptassistants", "secrets": [SECRET]})
    parts = ReceiverParts(sources=open_sources({"bench": source}, bounds), log=event_log, dedupe=dedupe, topics=topics)
    server = await ReceiverServer.start(parts, bounds)
    print(server.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(timedelta(seconds=5))
    await event_log.stop(timedelta(seconds=5))
    await dedupe.stop()


def requests(count: int, size: int) -> list[bytes]:
    """Signed requests with ids of their own and bodies of about `size` bytes."""
    run = uuid.uuid4().hex[:8]
    made = []
    for number in range(count):
        data = {"conversationId": f"c{number % KEYS}", "messageId": f"{run}-{number}", "role": "user", "content": ""}
        event = {
            "id": f"evt_{run}_{number}",
            "type": "message.created",
            "timestamp": "2024-01-15T10:30:00Z",
            "data": data,
        }
        data["content"] = "x" * max(0, size - len(json.dumps(event, separators=(",", ":"))))
        body = json.dumps(event, separators=(",", ":")).encode()
        signature = "".join(
            f"{name}: {value}\r\n" for name, value in sign(MYGPTASSISTANTS, SECRET, Outgoing(body=body), _NOW)
        )
        head = f"POST /in/bench HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n{signature}"
        made.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return made


class Sender(asyncio.Protocol):
    """One connection: asks for the next request when the last is answered."""

    def __init__(self, work: "Work") -> None:
        self.work = work
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first."""
        self.transport = cast("asyncio.Transport", transport)
        self.work.free(self)

    def data_received(self, data: bytes) -> None:
        """Take an answer, ask for the next."""
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self.received = b""
        self.work.answered(head[9:12], time.perf_counter() - self.due)
        self.work.free(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at that time."""
        self.due = due
        self.transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        """One connection less."""
        del exc
        self.work.closed()


class Work:
    """What is sent, and what came of it: a closed loop."""

    def __init__(self, ready: list[bytes], connections: int) -> None:
        self.ready = ready
        self.at = 0
        self.open = connections
        self.statuses: dict[bytes, int] = {}
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def free(self, sender: Sender) -> None:
        """Give a connection its next request, or close it."""
        if self.at == len(self.ready):
            sender.transport.close()
            return
        self.at += 1
        sender.send(self.ready[self.at - 1], time.perf_counter())

    def answered(self, status: bytes, seconds: float) -> None:
        """Count an answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.seconds.append(seconds)

    def closed(self) -> None:
        """Count a connection that ended."""
        self.open -= 1
        if not self.open:
            self.done.set_result(None)


class Paced(Work):
    """An open loop: requests are due at a fixed rate, and wait for a connection where there is none."""

    def __init__(self, ready: list[bytes], connections: int) -> None:
        super().__init__(ready, connections)
        self.idle: deque[Sender] = deque()
        self.waiting: deque[float] = deque()

    def free(self, sender: Sender) -> None:
        """Give a connection what waits for one, or let it wait; close all after the last answer."""
        self.idle.append(sender)
        self.fill()
        if len(self.seconds) == len(self.ready):
            for one in self.idle:
                one.transport.close()

    def fill(self) -> None:
        """Send what is due, as far as there are connections."""
        while self.waiting and self.idle:
            self.at += 1
            self.idle.popleft().send(self.ready[self.at - 1], self.waiting.popleft())

    async def pace(self, rate: float) -> None:
        """Let all requests become due."""
        start = time.perf_counter()
        for number in range(len(self.ready)):
            due = start + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            self.waiting.append(due)
            self.fill()


async def send(port: int, ready: list[bytes], connections: int, rate: float = 0) -> Work:
    """Send all requests over so many connections, so many a second; 0 is a closed loop."""
    work = Paced(ready, connections) if rate else Work(ready, connections)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Sender(work), "127.0.0.1", port)
    if isinstance(work, Paced):
        await work.pace(rate)
    await work.done
    return work


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Start a receiver, warm it up, measure, say what was found."""
    log_url = arguments.log or f"sqlite:///{folder}/events.db"
    command = [sys.executable, "-m", "bench.receiver", "--serve", "--log", log_url, "--folder", str(folder)]
    # As a module, from the root: this file would hide the package of its name.
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        port = int(child.stdout.readline())
        uvloop.run(send(port, requests(2_000, arguments.size), arguments.connections))
        for round_ in range(1, arguments.rounds + 1):
            ready = requests(arguments.events, arguments.size)
            before, began = cpu_seconds(child.pid), time.perf_counter()
            work = uvloop.run(send(port, ready, arguments.connections, arguments.rate))
            elapsed, used = time.perf_counter() - began, cpu_seconds(child.pid) - before
            accepted = work.statuses.get(b"202", 0)
            found = sorted(work.seconds)
            print(
                f"round {round_}: {accepted} accepted of {len(ready)}, {accepted / elapsed:,.0f}/s, "
                f"{used / max(1, accepted) * 1e6:.0f} us CPU each, "
                f"p50 {found[len(found) // 2] * 1e3:.1f} ms, p99 {found[len(found) * 99 // 100] * 1e3:.1f} ms"
                + (f", others {work.statuses}" if accepted < len(ready) else "")
            )
        assert child.stdin
        child.stdin.close()
        child.wait(20)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", help="kafka://host:port, or the file of an embedded log; default a new one")
    parser.add_argument("--events", type=int, default=10_000, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="requests a second, an open loop; 0: a closed one")
    parser.add_argument("--size", type=int, default=965, help="bytes of a body")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(serve(arguments.log, arguments.folder))
        return
    with tempfile.TemporaryDirectory(prefix="hookline-bench-") as folder:
        measure(arguments, Path(folder))


if __name__ == "__main__":
    main()
