"""The receiver beside services written by hand on aiohttp, and FastAPI, with aiokafka: same broker, bodies and machine.

    .venv/bin/python -m bench.receiver_peers [--kafka host:port] [--events 3000] [--rounds 5] [--rate 0]

Each is a process of its own, on uvloop; all are started and warmed up, then they take turns in short slices, forwards
and backwards, so that a noisy machine meets all alike. Each answers 202 when Kafka has acknowledged (`acks=all`,
idempotent). What they promise differs: the peers know no copies, keep no delivery beside its event and bound nothing.
FastAPI is put into .cache/peers the first time.
"""

import argparse
import asyncio
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
import uvloop

from bench.dispatch_peers import broker
from bench.peers.environment import peers_python
from bench.receiver import cpu_seconds, requests, send
from eventlog.open import EventLogSettings, open_log
from schemas.topics import Topics

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "peers"
BODY = 965


@dataclass(frozen=True)
class Slice:
    """What one slice showed."""

    # CPU microseconds of an accepted event.
    cpu: float
    per_second: float
    # Milliseconds.
    p50: float
    p99: float


@dataclass
class Contestant:
    """A receiver that runs."""

    name: str
    pid: int
    port: int
    slices: list[Slice] = field(default_factory=list)

    def take(self, events: int, connections: int, rate: float) -> None:
        """Measure one slice.

        Raises:
            RuntimeError: it did not accept everything.
        """
        ready = requests(events, BODY)
        before, began = cpu_seconds(self.pid), time.perf_counter()
        work = uvloop.run(send(self.port, ready, connections, rate))
        elapsed, used = time.perf_counter() - began, cpu_seconds(self.pid) - before
        if work.statuses != {b"202": events}:
            raise RuntimeError(f"{self.name} answered {work.statuses}")
        found = sorted(work.seconds)
        p50, p99 = (found[len(found) * part // 100] * 1e3 for part in (50, 99))
        self.slices.append(Slice(used / events * 1e6, events / elapsed, p50, p99))


@contextmanager
def running(name: str, command: list[str | Path]) -> Iterator[Contestant]:
    """A receiver for as long as this lasts."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        yield Contestant(name, child.pid, int(child.stdout.readline()))
        child.stdin.close()
        child.wait(20)


async def topic(bootstrap: str) -> str:
    """A new topic, with as many partitions as hookline's own."""
    url, topics = f"kafka://{bootstrap}", Topics(prefix=f"bench-{uuid.uuid4().hex[:8]}.")
    name = topics.name("conversations")
    log = open_log(url, EventLogSettings(url=url))
    await log.start()
    await log.create({name: topics.all()[name]})
    await log.stop(timedelta(seconds=5))
    return name


def commands(bootstrap: str, folder: str) -> dict[str, list[str | Path]]:
    """How each is started."""
    log, [one, other] = f"kafka://{bootstrap}", [asyncio.run(topic(bootstrap)) for _ in range(2)]
    return {
        "hookline": [sys.executable, "-m", "bench.receiver", "--serve", "--log", log, "--folder", folder],
        "aiohttp + aiokafka": [sys.executable, PEERS / "aiohttp_receiver.py", bootstrap, one],
        "FastAPI + aiokafka": [peers_python(), PEERS / "fastapi_receiver.py", bootstrap, other],
    }


def main() -> None:
    """Print a table: medians, and each one's CPU as a multiple of the first one's, paired by round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", help="host:port of a broker; by default one is started")
    parser.add_argument("--events", type=int, default=3_000, help="a slice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="requests a second, an open loop; 0: a closed one")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with broker(arguments.kafka) as bootstrap, tempfile.TemporaryDirectory() as folder, ExitStack() as running_all:
        all_ = [running_all.enter_context(running(*one)) for one in commands(bootstrap, folder).items()]
        for one in all_:
            one.take(1_000, arguments.connections, 0)
            one.slices.clear()
        for number in range(arguments.rounds):
            for one in all_ if number % 2 else reversed(all_):
                one.take(arguments.events, arguments.connections, arguments.rate)
        print(f"{'receiver':20} {'CPU us/event':>13} {'of hookline':>12} {'events/s':>9} {'p50 ms':>7} {'p99 ms':>7}")
        for one in all_:
            cpu, rate, p50, p99 = (
                statistics.median(getattr(each, name) for each in one.slices)
                for name in ("cpu", "per_second", "p50", "p99")
            )
            ratio = statistics.median(b.cpu / a.cpu for a, b in zip(all_[0].slices, one.slices, strict=True))
            print(f"{one.name:20} {cpu:13.0f} {ratio:11.2f}x {rate:9,.0f} {p50:7.1f} {p99:7.1f}")


if __name__ == "__main__":
    main()
