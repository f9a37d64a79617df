"""The dispatcher beside FastStream and a loop written by hand on aiokafka: the same topic, broker, payload and machine.

    .venv/bin/python bench/dispatch_peers.py [--kafka host:port] [--events 30000] [--rounds 3]

Each worker is a process of its own, on uvloop, and gives its handler a pydantic model. They take turns, round by round,
so that a noisy machine meets all alike; a group of its own makes each begin at the first record. FastStream is put into
.cache/peers the first time. What each promises differs: `disordered` counts events that overtook others of their key.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.dispatch import filled  # noqa: E402 - the repository's root is on the path only now
from bench.peers.environment import peers_python  # noqa: E402 - as above
from tests.servers.harness import Harness, new_log_folder  # noqa: E402 - as above

PEERS = ROOT / "bench" / "peers"
FIGURES = ("per_second", "cpu_us", "disordered")


@dataclass(frozen=True)
class Worker:
    """One way to work a topic off."""

    name: str
    script: str
    # After the topic, the events and the wait.
    arguments: tuple[str, ...]
    # Of the events, how many it is given: a slow one does not need all to show its rate.
    share: float = 1.0


NO_OP = (
    Worker("hookline", "hookline_worker.py", ("32",)),
    Worker("aiokafka, one by one", "plain_loop.py", ("1",)),
    Worker("FastStream, at most once", "faststream_worker.py", ("1", "default")),
    Worker("FastStream, at least once", "faststream_worker.py", ("1", "after"), share=0.05),
)
WAITING = (
    Worker("hookline, 100 at once", "hookline_worker.py", ("100",)),
    Worker("aiokafka, 100 at once", "plain_loop.py", ("100",)),
    Worker("FastStream, 100 at once", "faststream_worker.py", ("100", "default")),
    Worker("FastStream, at least once", "faststream_worker.py", ("100", "after"), share=0.05),
)


def python_of(worker: Worker) -> str:
    """The Python that runs a worker; FastStream's environment is made when it is not there."""
    return peers_python() if worker.script.startswith("faststream") else sys.executable


def run(worker: Worker, bootstrap: str, topic: str, events: int, wait: float) -> dict[str, Any]:
    """One worker on one topic.

    Raises:
        subprocess.CalledProcessError: it failed.
        subprocess.TimeoutExpired: it did not end within ten minutes.
    """
    given = str(int(events * worker.share))
    command = [python_of(worker), PEERS / worker.script, bootstrap, topic, given, str(wait), *worker.arguments]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    line = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    figures: dict[str, Any] = json.loads(line)
    return figures


async def compared(bootstrap: str, workers: tuple[Worker, ...], events: int, wait: float, rounds: int) -> None:
    """Print a table: medians, and hookline's rate as a multiple of each peer's, paired by round."""
    found: dict[str, list[dict[str, Any]]] = {worker.name: [] for worker in workers}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            async with filled(f"kafka://{bootstrap}", Path(folder), events) as (_log, _store, topics):
                for worker in workers:
                    topic = topics.name("conversations")
                    found[worker.name].append(await asyncio.to_thread(run, worker, bootstrap, topic, events, wait))
    ours = found[workers[0].name]
    for worker in workers:
        theirs = found[worker.name]
        rate, cpu, disordered = (statistics.median(row[name] for row in theirs) for name in FIGURES)
        ratio = statistics.median(our["per_second"] / row["per_second"] for our, row in zip(ours, theirs, strict=True))
        print(f"{worker.name:28} {rate:10,.0f} {cpu:13.1f} {disordered:11,.0f} {ratio:9.2f}x", flush=True)


@contextmanager
def broker(given: str | None) -> Iterator[str]:
    """A broker: the given one, or one of our own for as long as this lasts."""
    if given:
        yield given
        return
    harness = Harness(new_log_folder())
    server = harness.private_kafka(None, advertised=None)
    try:
        server.start()
        asyncio.run(server.wait_ready(60))
        yield server.bootstrap
    finally:
        harness.close(keep_logs=False)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", help="host:port of a broker; by default one is started")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    head = f"{'worker':28} {'events/s':>10} {'CPU us/event':>13} {'disordered':>11} {'hookline':>10}"
    with broker(arguments.kafka) as bootstrap:
        for title, workers, wait in (("a handler that does nothing", NO_OP, 0), ("a handler of 20 ms", WAITING, 0.02)):
            print(f"\n{title}, {arguments.events:,} events\n{head}", flush=True)
            asyncio.run(compared(bootstrap, workers, arguments.events, wait, arguments.rounds))


if __name__ == "__main__":
    main()
