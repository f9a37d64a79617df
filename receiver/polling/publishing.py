"""Makes durable what a poll was told, once: what was accepted before is known by its id.

Unlike a sender a poll has time: where the dedupe store is away or slow, nothing is published until it answers.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.dedupe import DedupeStore
from receiver.intake import Accepted, Named, Outcome, Refusal
from receiver.keep import Appender
from receiver.lookups import Key
from receiver.sources.source import Source
from schemas.record import Record

# Seconds until what was handed to the log must be durable.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of what a poll was told; counts of events."""

    new: int = 0
    known: int = 0
    quarantined: int = 0
    # Too large for the log: nobody will see it.
    refused: int = 0

    def __add__(self, other: "Published") -> "Published":
        return Published(
            new=self.new + other.new,
            known=self.known + other.known,
            quarantined=self.quarantined + other.quarantined,
            refused=self.refused + other.refused,
        )


class Publisher:
    """Publishes what intake decided.

    Args:
        log: where to.
        dedupe: what was accepted before.
        clock: the time of day, aware.
        patience: seconds until the log must have taken it.
    """

    def __init__(
        self, log: Appender, dedupe: DedupeStore, *, clock: Callable[[], datetime], patience: float = PATIENCE
    ) -> None:
        self._log = log
        self._dedupe = dedupe
        self._clock = clock
        self._patience = patience

    async def fresh(self, source: Source, outcomes: Sequence[Outcome]) -> list[Named]:
        """Those of the records that were not accepted before.

        Raises:
            StoreError: the dedupe store does not answer.
        """
        named = [one for outcome in outcomes for one in _named(outcome)]
        known = await self._known(source, named)
        return [one for one in named if (source.name, one.id) not in known]

    async def publish(self, source: Source, outcomes: Sequence[Outcome]) -> Published:
        """Append what was not accepted before, in this order, and remember it when it is durable.

        Raises:
            StoreError: the dedupe store does not answer; what was appended may be appended again.
            EventLogError: the log does not take it.
            TimeoutError: it does not take it in time.
        """
        fresh = {one.id: one for one in await self.fresh(source, outcomes)}
        left, batches = dict(fresh), set[asyncio.Future[int]]()
        for outcome in outcomes:
            mine = [left.pop(one.id).record for one in _named(outcome) if one.id in left]
            for record in (*mine, *(_copies(outcome) if mine else ())):
                batches.add(self._log.append(record).batch)
        async with asyncio.timeout(self._patience):
            # Shielded: a batch is shared with others, and goes on without us.
            for batch in batches:
                await asyncio.shield(batch)
        now = self._clock()
        await self._dedupe.remember([(source.name, one.id, now + one.window) for one in fresh.values()], now)
        return _counted(outcomes, set(fresh))

    async def _known(self, source: Source, named: Sequence[Named]) -> set[Key]:
        return await self._dedupe.known([(source.name, one.id) for one in named], self._clock()) if named else set()


def _named(outcome: Outcome) -> Sequence[Named]:
    match outcome:
        case Accepted(records=records):
            return records
        case Refusal(quarantine=Named() as kept):
            return (kept,)
    return ()


def _copies(outcome: Outcome) -> Sequence[Record]:
    return (outcome.copy,) if isinstance(outcome, Accepted) and outcome.copy is not None else ()


def _counted(outcomes: Sequence[Outcome], new: set[str]) -> Published:
    found = Published()
    for outcome in outcomes:
        names = {one.id for one in _named(outcome)}
        if not names and isinstance(outcome, Refusal):
            found += Published(refused=1)
        elif isinstance(outcome, Refusal) or (isinstance(outcome, Accepted) and outcome.quarantined):
            found += Published(quarantined=len(names & new))
        else:
            found += Published(new=len(names & new), known=len(names - new))
    return found
