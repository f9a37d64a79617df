"""What every peer measures: from the first event that its handler was given to the last."""

import asyncio
import json
import time
from dataclasses import dataclass, field


@dataclass
class Measured:
    """Counts the events of one run, and prints what they took as one line of JSON."""

    events: int
    # What the handler waits for each, in seconds.
    wait: float
    keys: dict[str, int] = field(default_factory=dict)
    handled: int = 0
    # Events that began before an earlier one of their key had ended, or after a later one.
    disordered: int = 0
    _busy: set[str] = field(default_factory=set)
    _began: float = 0.0
    _cpu: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, key: str, number: int) -> None:
        """The handler's part."""
        if not self._began:
            self._began, self._cpu = time.perf_counter(), time.process_time()
        self.disordered += key in self._busy or number < self.keys.get(key, -1)
        self.keys[key] = number
        if self.wait:
            self._busy.add(key)
            await asyncio.sleep(self.wait)
            self._busy.discard(key)
        self.handled += 1
        if self.handled == self.events:
            self.done.set()

    def print(self) -> None:
        """Print the figures."""
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        figures = {
            "per_second": self.handled / seconds,
            "cpu_us": cpu / self.handled * 1e6,
            "disordered": self.disordered,
        }
        print(json.dumps(figures), flush=True)
