"""Which entries are to stand still, as the store says: asked about once a second for all entries of a process.

While the store is away what was known last holds; before it was asked for the first time every entry stands still.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from dispatcher.background import Background
from dispatcher.equipment import Equipment
from dispatcher.errors import describe
from store.errors import StoreError
from store.stops import Stop

log = structlog.get_logger()


@dataclass(slots=True)
class Stops:
    """Of one process."""

    equipment: Equipment
    _found: Mapping[str, Stop] = field(default_factory=dict)
    _known: bool = False
    _away: bool = False
    # Grows with every stop this process writes: an answer to a question of before says nothing of it.
    _written: int = 0
    # Entry → called when it is to stand still, or may go on.
    _watched: dict[str, Callable[[], None]] = field(default_factory=dict)
    _task: Background = field(default_factory=lambda: Background("stops"))

    @property
    def known(self) -> bool:
        """Whether the store was asked yet."""
        return self._known

    def watch(self, entry: str, changed: Callable[[], None]) -> None:
        """Have an entry told when what the store says of it changes."""
        self._watched[entry] = changed

    def holds(self, entry: str) -> bool:
        """Whether an entry is to stand still, or nobody could tell yet."""
        return not self._known or entry in self._found

    def of(self, entry: str) -> Stop | None:
        """Why an entry is to stand still; None if it is not, as far as is known."""
        return self._found.get(entry)

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task.start(self._run())

    async def stop(self) -> None:
        """End."""
        await self._task.stop()

    async def trip(self, entry: str, why: str) -> None:
        """Have an entry stand still because too many of its events died, on every machine.

        Raises:
            StoreError: the store failed; nothing is stopped.
        """
        now = self.equipment.clock.now()
        wanted = Stop(handler=entry, reason="dead-letters", detail=why, by=f"hookline on {platform.node()}", at=now)
        stop = await self.equipment.store.stops.stop(wanted)
        self._written += 1
        self._learn({**self._found, entry: stop})

    async def _run(self) -> None:
        while True:
            await self._look()
            await self.equipment.clock.sleep(self.equipment.limits.stops_every.total_seconds())

    async def _look(self) -> None:
        written = self._written
        try:
            found = await self.equipment.store.stops.all()
        except StoreError as error:
            if not self._away:
                log.warning("stops.unknown", cause=describe(error))
            self._away = True
            return
        self._away = False
        if written == self._written:
            self._learn(found)

    def _learn(self, found: Mapping[str, Stop]) -> None:
        before, self._found = self._found, found
        first, self._known = not self._known, True
        for entry, changed in self._watched.items():
            if (stop := found.get(entry)) != before.get(entry):
                _tell(entry, stop)
                changed()
            elif first:
                changed()


def _tell(entry: str, stop: Stop | None) -> None:
    if stop is None:
        log.warning("handler.resumed", handler=entry)
        return
    at = stop.at.isoformat(timespec="seconds")
    if stop.reason == "paused":
        log.warning("handler.paused", handler=entry, cause=stop.detail, by=stop.by, at=at, advice=advice(stop))
    else:
        log.error("handler.tripped", handler=entry, cause=stop.detail, by=stop.by, at=at, advice=advice(stop))


def advice(stop: Stop) -> str:
    """What to do about a stop, in a sentence for people."""
    go_on = f"`hookline handlers resume {stop.handler}`"
    if stop.reason == "paused":
        return f"{go_on} lets it go on where it was"
    look = f"`hookline dead list --handler {stop.handler}`"
    again = "the event that was one too many is tried again"
    return f"{look} says what its events died of. Mend that, then {go_on}: {again}"
