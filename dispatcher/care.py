"""Gives attempts their turn: beside others, or alone and noted in the store where a crash is to be explained.

Notes are written by one task, one transaction at a time: what comes meanwhile goes into the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from dispatcher.caution import convicted, is_suspect, item_of
from dispatcher.equipment import Equipment
from dispatcher.holdings import Holdings
from dispatcher.outcome import Dead
from dispatcher.partition import Partition
from dispatcher.settings import Entry
from dispatcher.work import Work, names_of
from store.errors import NotOwned, StoreError

log = structlog.get_logger()

T = TypeVar("T")
# Notes of one transaction.
_PAGE = 500


def _future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, kw_only=True)
class Care:
    """The turns of one membership's attempts. Make it inside a running event loop."""

    entry: Entry
    equipment: Equipment
    holdings: Holdings
    # Called when the store says that a partition has another owner.
    on_lost: Callable[[Partition], None]
    # No turn is given any more.
    halted: bool = False
    ending: bool = False
    # What is to be written next: crashes of what begins, None for what has ended; and when it is written.
    _notes: dict[tuple[Partition, str], int | None] = field(default_factory=dict)
    _written: asyncio.Future[None] = field(default_factory=_future)

    async def run(self) -> None:
        """Write notes until told to end. What is left then goes when the partitions are given back."""
        while not self.ending:
            await self.holdings.noted.wait()
            self.holdings.noted.clear()
            notes, self._notes = self._notes, {}
            written, self._written = self._written, _future()
            try:
                await self._write(notes)
            except StoreError as error:
                # whoever waits tries again; what has ended must not stay
                ended: dict[tuple[Partition, str], int | None] = {each: None for each in notes if notes[each] is None}
                self._notes = ended | self._notes
                written.set_exception(error)
                written.exception()  # nobody may be waiting any more
            else:
                written.set_result(None)

    def verdict(self, work: Work) -> Dead | None:
        """Why an event is dead without another attempt: it has ended the process too often."""
        caution = work.partition.caution
        crashes = 0 if caution is None else caution.crashes(work)
        dead = convicted(crashes, self.entry.policy.attempts)
        if dead is not None:
            # attempts of other processes, as far as anybody knows of them
            work.tries.made = crashes
        return dead

    async def attempted(self, work: Work, attempt: Callable[[Work], Awaitable[T]]) -> T | None:
        """Make an attempt in its turn; None: there is to be none, for the partition or all is given back.

        Raises:
            NotOwned: the partition has another owner.
            StoreError: what is to be noted cannot be.
        """
        attempts, caution = self.equipment.attempts, work.partition.caution
        careful = None if caution is None or not caution.covers(work) else caution
        if careful is None and attempts.begin_beside():
            # the ordinary case: nothing is waited for
            try:
                return await attempt(work)
            finally:
                attempts.end_beside()
        crashes = 0 if careful is None else careful.crashes(work)
        made: T | None = None
        async with (attempts.alone if is_suspect(crashes) else attempts.beside)(lambda: self._given_up(work)) as given:
            if given and careful is None:
                made = await attempt(work)
            elif given and careful is not None:
                made = await self._noted(work, crashes, attempt)
                careful.clear(work)
        return made

    def cleared(self, work: Work) -> None:
        """It is settled, perhaps without an attempt: no note of it is left."""
        caution = work.partition.caution
        if caution is not None and caution.crashes(work):
            caution.clear(work)
            self._note(work, None)

    def _given_up(self, work: Work) -> bool:
        return self.halted or work.partition.closing or work.partition.lost

    async def _noted(self, work: Work, crashes: int, attempt: Callable[[Work], Awaitable[T]]) -> T:
        if is_suspect(crashes):
            name, names = self.entry.name, names_of(work)
            log.warning("attempt.alone", handler=name, event_id=names.event_id, source=names.source, crashes=crashes)
        try:
            self._note(work, crashes + 1)
            await asyncio.shield(self._written)
            if work.partition.lost:
                raise NotOwned(self.entry.name, work.partition.at, work.partition.epoch.value)
            return await attempt(work)
        finally:
            self._note(work, None)

    def _note(self, work: Work, crashes: int | None) -> None:
        self._notes[work.partition, item_of(work)] = crashes
        self.holdings.noted.set()

    async def _write(self, notes: Mapping[tuple[Partition, str], int | None]) -> None:
        items = list(notes.items())
        for first in range(0, len(items), _PAGE):
            by_partition: dict[Partition, dict[str, int | None]] = {}
            for (partition, item), crashes in items[first : first + _PAGE]:
                if not partition.lost:
                    by_partition.setdefault(partition, {})[item] = crashes
            epochs = {partition.at: partition.epoch for partition in by_partition}
            told = {partition.at: noted for partition, noted in by_partition.items()}
            ours = await self.equipment.store.suspects.note(self.entry.name, epochs, told)
            for partition in by_partition:
                if partition.at not in ours and not partition.lost:
                    self.on_lost(partition)
