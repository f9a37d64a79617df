"""How many accepted ids a second the dedupe store takes: look-up of a batch, then writing it.

    python bench/store_dedupe.py [--url sqlite:///dedupe.db] [--ids 200000] [--batch 500]

Prints JSON. Half of the ids asked for are known from the batch before, as when a sender repeats what was late. Without
`--url` it uses a SQLite file in a temporary folder; with one, the database is left as the run leaves it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

# The figures are of this checkout, not of an installed hookline.
sys.path.insert(0, str(Path(__file__).parents[1]))

from store.dedupe import Dedupe

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = 8
WINDOW = timedelta(days=7)


async def run(url: str, ids: int, batch: int) -> dict[str, float | int]:
    """Fill eight day tables, then measure on them."""
    dedupe = Dedupe.open(url)
    await dedupe.start()
    for day in range(DAYS):
        filled = [("s", f"{day}/{number}", NOW + timedelta(days=day, hours=1)) for number in range(ids // DAYS)]
        await dedupe.remember(filled, NOW)
    looked, wrote = [], []
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, ids, batch // 2):
        keys = [("s", f"new/{number}") for number in range(start, start + batch)]
        at = time.perf_counter()
        known = await dedupe.known(keys, NOW)
        looked.append(time.perf_counter() - at)
        at = time.perf_counter()
        await dedupe.remember([(*key, NOW + WINDOW) for key in keys if key not in known], NOW)
        wrote.append(time.perf_counter() - at)
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    await dedupe.stop()
    asked = len(looked) * batch
    return {
        "ids_looked_up": asked,
        "batch": batch,
        "tables": DAYS,
        "looked_up_per_second": round(asked / sum(looked)),
        "written_per_second": round(asked / 2 / sum(wrote)),
        "both_per_second": round(asked / seconds),
        "cpu_microseconds_per_id": round(spent / asked * 1e6, 1),
        "look_up_ms_p50": round(statistics.median(looked) * 1e3, 2),
        "look_up_ms_p99": round(statistics.quantiles(looked, n=100)[98] * 1e3, 2),
        "write_ms_p50": round(statistics.median(wrote) * 1e3, 2),
        "write_ms_p99": round(statistics.quantiles(wrote, n=100)[98] * 1e3, 2),
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url")
    parser.add_argument("--ids", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/dedupe.db"
        print(json.dumps(asyncio.run(run(url, given.ids, given.batch)), indent=2))


if __name__ == "__main__":
    main()
