"""What the state store costs: timers loaded on assignment, and each write of a handler's attempt.

    python bench/store_state.py [--url sqlite:///state.db] [--timers 100000] [--calls 500]

Prints JSON. Without `--url` it uses a SQLite file in a temporary folder; with one, the database is left as the run
leaves it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# The figures are of this checkout, not of an installed hookline.
sys.path.insert(0, str(Path(__file__).parents[1]))

from schemas.contacts import Identity
from schemas.record import TopicPartition
from store.effects import EffectKey
from store.migrations import migrate
from store.owners import Epoch
from store.schedule import TimerSet
from store.store import Store

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = TopicPartition("hookline.conversations", 0)
HANDLER = "bench"
LOG = "sqlite:bench"
FILL = 500


def timer(number: int) -> TimerSet:
    """A timer of one conversation."""
    return TimerSet(
        source="support",
        key=f"conversation-{number:08d}",
        name="follow-up",
        due=NOW + timedelta(seconds=number),
        platform="mygptassistants",
        conversation_id=f"conversation-{number:08d}",
        received_at=NOW,
    )


async def timed(call: Callable[[int], Awaitable[Any]], calls: int) -> dict[str, float]:
    """One call after another."""
    took = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        took.append(time.perf_counter() - began)
    return {
        "per_second": round(calls / sum(took)),
        "ms_p50": round(statistics.median(took) * 1e3, 2),
        "ms_p99": round(statistics.quantiles(took, n=100)[98] * 1e3, 2),
    }


async def effect_once(store: Store, epoch: Epoch, number: int) -> None:
    """Begin and finish one effect."""
    key = EffectKey(handler=HANDLER, source="support", event_id=str(number), name="ask")
    await store.effects.begin(key, at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(key, "null", at=AT, epoch=epoch)


async def run(url: str, timers: int, calls: int) -> dict[str, Any]:
    """Fill, load, then measure each kind of write beside the full table."""
    await migrate(url)
    store = Store.open(url)
    await store.start()
    epoch = (await store.owners.claim(HANDLER, [AT], LOG))[AT]
    for start in range(0, timers, FILL):
        rows = [timer(number) for number in range(start, start + FILL)]
        await store.schedule.settle(HANDLER, AT, epoch, offset=start, event_id=str(start), now=NOW, set=rows)
    began = time.perf_counter()
    pending = await store.schedule.load(HANDLER, AT, LOG)
    loaded = time.perf_counter() - began

    def settle(number: int) -> Awaitable[Any]:
        return store.schedule.settle(
            HANDLER, AT, epoch, offset=timers + number, event_id=f"e{number}", now=NOW, set=[timer(number)]
        )

    def fire(number: int) -> Awaitable[Any]:
        firing = pending[-1 - number].firing
        return store.schedule.settle(HANDLER, AT, epoch, offset=timers, event_id=firing, now=NOW, fired=firing)

    def save(number: int) -> Awaitable[Any]:
        who = Identity(source="support", platform="mygptassistants", id=str(number % 50))
        at = NOW + timedelta(seconds=number)
        return store.contacts.save(who, at=at, now=at, name="Ann", attributes={"n": number}, cause=str(number))

    figures = {
        "timers_loaded": len(pending),
        "load_seconds": round(loaded, 2),
        "settle_one_timer": await timed(settle, calls),
        "settle_a_firing": await timed(fire, calls),
        "effect_begun_and_finished": await timed(lambda number: effect_once(store, epoch, number), calls),
        "contact_saved": await timed(save, calls),
        "claim_of_12_partitions": await timed(
            lambda _: store.owners.claim("other", [TopicPartition("t", number) for number in range(12)], LOG), calls
        ),
    }
    await store.stop()
    return figures


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url")
    parser.add_argument("--timers", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/state.db"
        print(json.dumps(asyncio.run(run(url, given.timers, given.calls)), indent=2))


if __name__ == "__main__":
    main()
