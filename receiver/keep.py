"""Makes a delivery's records durable, once: dedupe, append, wait.

    intake ──records──> Keep ──append──> log

A spool stands between this and the log, as another `Appender`. An id that is on its way already is not appended again:
the second delivery waits for what becomes of the first.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from eventlog.errors import EventLogError, LogUnavailable
from eventlog.log import Appending
from receiver.dedupe import Dedupe
from receiver.intake import Named
from receiver.lookups import Key
from schemas.record import Record

_RETRY = timedelta(seconds=2)


class Appender(Protocol):
    """What is used of the event log."""

    @property
    def kind(self) -> str:
        """What the sender is told in `stored`."""

    def append(self, record: Record) -> Appending:
        """Hand over a record; order of calls is order in the partition.

        Raises:
            EventLogError: it cannot be taken.
        """


@dataclass(frozen=True, slots=True)
class Kept:
    """Every record is durable."""

    # All of them were before this delivery came.
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Unkept:
    """Not every record is known to be durable. Some may be, or become so later: the id tells, when it comes again."""

    # For the log; no content.
    cause: str
    retry_after: timedelta = _RETRY


class _Tally:
    """What one delivery waits for."""

    __slots__ = ("flights", "future", "left")

    def __init__(self) -> None:
        self.flights: list[_Flight] = []
        self.left = 0
        self.future: asyncio.Future[Unkept | None] = asyncio.get_running_loop().create_future()

    def give_up(self) -> None:
        """Answer without waiting any longer; a log that hangs must not gather those who have."""
        if not self.future.done():
            for flight in self.flights:
                if self in flight.waiting:
                    flight.waiting.remove(self)
            self.future.set_result(Unkept("the log did not answer in time"))

    def settle(self, failure: Unkept | None) -> None:
        self.left -= 1
        if not self.future.done() and (failure is not None or self.left == 0):
            self.future.set_result(failure)


class _Flight:
    """One id on its way into the log, and the deliveries that wait for it."""

    __slots__ = ("appended", "key", "named", "waiting")

    def __init__(self, key: Key, named: Named) -> None:
        self.key = key
        self.named = named
        self.waiting: list[_Tally] = []
        self.appended = False


class Keep:
    """Makes records durable.

    Args:
        log: where to.
        dedupe: what was accepted before.
    """

    def __init__(self, log: Appender, dedupe: Dedupe) -> None:
        self._log = log
        self._dedupe = dedupe
        self._flights: dict[Key, _Flight] = {}
        # Batch of the log → what waits for it. One call back per batch, not per record.
        self._batches: dict[asyncio.Future[int], deque[_Flight | _Tally]] = {}

    @property
    def kind(self) -> str:
        """What the sender is told in `stored`."""
        return self._log.kind

    @property
    def degraded(self) -> bool:
        """Whether copies are not looked for at the moment."""
        return self._dedupe.degraded

    @property
    def in_flight(self) -> int:
        """How many ids are on their way."""
        return len(self._flights)

    async def keep(
        self, source: str, records: Sequence[Named], copy: Record | None, *, deadline: float
    ) -> Kept | Unkept:
        """Make the records of one delivery durable.

        Args:
            source: the source's name.
            records: one for each event, in the delivery's order.
            copy: the delivery itself; appended when at least one of its events is.
            deadline: by the loop's clock. What was appended by then goes on without us.
        """
        tally = _Tally()
        mine = self._claim(source, records, tally)
        failure = Unkept("the delivery it came with was given up")
        try:
            known = await self._dedupe.known(flight.key for flight in mine) if mine else set()
            fresh = [flight for flight in mine if flight.key not in known]
            for flight in mine:
                if flight.key in known:
                    self._land(flight, None)
            self._append(fresh, copy if fresh else None, tally)
        except EventLogError as error:
            failure = _unkept(error)
            return failure
        finally:
            # What was not handed to the log, for whatever reason, is on no way.
            for flight in mine:
                if not flight.appended and flight.key in self._flights:
                    self._land(flight, failure)
        return await self._wait(tally, duplicate=not fresh and bool(records), deadline=deadline)

    def _claim(self, source: str, records: Iterable[Named], tally: _Tally) -> list[_Flight]:
        """The flights of the ids that nobody else has on the way; the others are waited for."""
        mine: list[_Flight] = []
        for named in records:
            key = (source, named.id)
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(key, named)
                mine.append(flight)
            if flight not in tally.flights:
                tally.flights.append(flight)
                flight.waiting.append(tally)
                tally.left += 1
        return mine

    def _append(self, flights: Sequence[_Flight], copy: Record | None, tally: _Tally) -> None:
        for flight in flights:
            batch = self._log.append(flight.named.record).batch
            flight.appended = True
            self._await_batch(batch, flight)
        if copy is not None:
            batch = self._log.append(copy).batch
            tally.left += 1
            self._await_batch(batch, tally)

    def _await_batch(self, batch: asyncio.Future[int], waiting: _Flight | _Tally) -> None:
        others = self._batches.get(batch)
        if others is None:
            self._batches[batch] = deque([waiting])
            batch.add_done_callback(self._landed)
        else:
            others.append(waiting)

    def _landed(self, batch: asyncio.Future[int]) -> None:
        if batch.cancelled():
            failure: Unkept | None = Unkept("the log stopped")
        else:
            error = batch.exception()
            failure = None if error is None else _unkept(error)
        self._settle_all(self._batches.pop(batch), failure)

    def _settle_all(self, waiting: deque[_Flight | _Tally], failure: Unkept | None) -> None:
        try:
            while waiting:
                self._settle(waiting.popleft(), failure)
        finally:
            # Whatever becomes of one of them, the others are answered.
            if waiting:
                asyncio.get_running_loop().call_soon(self._settle_all, waiting, failure)

    def _settle(self, waiting: _Flight | _Tally, failure: Unkept | None) -> None:
        if isinstance(waiting, _Tally):
            waiting.settle(failure)
            return
        try:
            if failure is None:
                # Also when the answer came too late: the next copy must be known as one.
                self._dedupe.remember(waiting.key, waiting.named.window)
        finally:
            # It is durable, remembered or not.
            self._land(waiting, failure)

    def _land(self, flight: _Flight, failure: Unkept | None) -> None:
        del self._flights[flight.key]
        for tally in flight.waiting:
            tally.settle(failure)

    async def _wait(self, tally: _Tally, *, duplicate: bool, deadline: float) -> Kept | Unkept:
        if tally.left:
            # Dearer ways to wait for at most so long would be paid by every delivery.
            timer = asyncio.get_running_loop().call_at(deadline, tally.give_up)
            try:
                await tally.future
            finally:
                timer.cancel()
        failure = tally.future.result() if tally.future.done() else None
        return failure or Kept(duplicate)


def _unkept(error: BaseException) -> Unkept:
    retry_after = error.retry_after if isinstance(error, LogUnavailable) else _RETRY
    # The text of these errors names cause and remedy, never a record's content.
    return Unkept(str(error) if isinstance(error, EventLogError) else type(error).__name__, retry_after)
