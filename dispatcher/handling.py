"""What becomes of one item: an attempt at it when its turn has come, and what follows from that.

doomed? ─ care ─ event ─ attempt ─ outcome ─ settlement: done | dead, or a wait before the next attempt
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from dispatcher.attempt import attempt
from dispatcher.attempts import Running
from dispatcher.care import Care
from dispatcher.context import AttemptContext
from dispatcher.equipment import Equipment
from dispatcher.errors import HandlerStopped, describe
from dispatcher.holdings import Holdings
from dispatcher.metrics import EntryMetrics
from dispatcher.outcome import Dead, Done, Outcome, Retry, decide
from dispatcher.partition import Partition
from dispatcher.reports import Reports, death_of
from dispatcher.settings import Entry
from dispatcher.settlement import NOTHING, Settlement, Settler, of_dead, of_done
from dispatcher.telling import telling
from dispatcher.work import Doomed, Failed, Firing, Parked, Received, Replayed, Work, names_of
from eventlog.errors import LogUnavailable
from schemas.envelope import EnvelopeError
from schemas.events import Event
from store.errors import NotOwned, StoreMisconfigured, StoreUnavailable

log = structlog.get_logger()

# Between tries to carry out a settlement, in seconds.
_SETTLE_AGAIN = (0.1, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True, kw_only=True)
class Handling:
    """Of one entry."""

    entry: Entry
    equipment: Equipment
    holdings: Holdings
    metrics: EntryMetrics
    # Called when the store says that a partition has another owner.
    on_lost: Callable[[Partition], None]
    # Called with what must stop the handler.
    on_stop: Callable[[BaseException], None]
    care: Care = field(init=False)
    reports: Reports = field(init=False)
    _settler: Settler = field(init=False)

    def __post_init__(self) -> None:
        self.care = Care(entry=self.entry, equipment=self.equipment, holdings=self.holdings, on_lost=self.on_lost)
        self.reports = Reports(self.entry, self.equipment, self.metrics)
        self._settler = Settler(self.entry, self.equipment)

    async def advance(self, work: Work) -> timedelta | None:
        """One attempt at an item, unless it has been made, and what follows from it.

        Returns:
            How long to wait before going on; None when nothing is left to do, or the partition is lost.
        """
        try:
            if work.tries.settlement is None:
                decided = await self._attempt(work)
                if isinstance(decided, timedelta):
                    return decided
                work.tries.settlement = decided
            if work.tries.settlement is NOTHING or work.partition.lost:
                return None
            settled = await self._settler.carry_out(work, work.tries.settlement)
        except NotOwned:
            self.on_lost(work.partition)
        except HandlerStopped as error:
            self.on_stop(error)
            return _again(work)
        except (LogUnavailable, StoreUnavailable, StoreMisconfigured) as error:
            log.warning("settlement.delayed", handler=self.entry.name, cause=describe(error))
            return _again(work)
        else:
            self._count(work, settled)
            if settled.context is not None and settled.context.timers:
                self.holdings.rescheduled.set()
        return None

    def _count(self, work: Work, settled: Settlement) -> None:
        """An event is settled. One that was to be buried from the start is counted already."""
        dead = isinstance(settled.outcome, Dead)
        if isinstance(settled.outcome, Dead):
            self.reports.buried(work, settled.outcome)
        if not dead or settled is not work.tries.settlement:
            self.holdings.brakes.limit.ended(dead=dead)

    async def _attempt(self, work: Work) -> Settlement | timedelta:
        if _is_over(work):
            self.metrics.skipped.inc()
            return NOTHING
        ended = work.tries.doomed or await self._in_turn(work)
        if not isinstance(ended, Doomed):
            return ended
        # kept, so that the handler is not run again when the store cannot tell now
        work.tries.doomed = ended
        outcome = await self._weighed(work, ended.outcome)
        limit = self.holdings.brakes.limit
        if outcome.counts:
            if limit.reached:
                return await self._trip(work, outcome)
            limit.ended(dead=True)
        self.reports.ended(work, outcome, ended.took, ended.error)
        death = death_of(work, outcome, ended.error, entry=self.entry, equipment=self.equipment)
        return of_dead(work, death, self.equipment, event_id=ended.event.id if ended.event else "")

    async def _trip(self, work: Work, outcome: Dead) -> timedelta:
        """One death too many: the event stays, and is attempted anew when somebody lets the entry go on."""
        brakes = self.holdings.brakes
        await brakes.trip(f"{brakes.limit}, the last: {outcome.detail}")
        work.tries = work.tries.anew()
        return timedelta()

    async def _in_turn(self, work: Work) -> Settlement | timedelta | Doomed:
        """One attempt when its turn has come, unless the event is dead for what it did to the process."""
        if (dead := self.care.verdict(work)) is not None:
            return Doomed(dead)
        made = await self.care.attempted(work, self._made)
        return timedelta() if made is None else made

    async def _made(self, work: Work) -> Settlement | timedelta | Doomed:
        """One attempt."""
        work.tries.made += 1
        try:
            event = work.event()
        except EnvelopeError as error:
            return Doomed(Dead("undecodable", describe(error)), error=error)
        if isinstance(work, Replayed | Parked) and type(event.data) not in self.entry.handler.on:
            return Doomed(Dead("rejected", f"the handler is not given {event.type} any more"), event=event)
        context = self._context(work, event)
        self.reports.began(work)
        begun = self.equipment.clock.monotonic()
        with self.equipment.hearing.attempt() as listening:
            raised = listening.cause(await self._watched(event, context), self.entry.timeout)
        work.tries.heard = listening.learned(raised)
        took = self.equipment.clock.monotonic() - begun
        if isinstance(raised, NotOwned):
            raise raised
        outcome = self._outcome(work, raised)
        self.metrics.seconds.observe(took)
        if isinstance(outcome, Dead):
            return Doomed(outcome, event=event, error=raised, took=timedelta(seconds=took))
        if isinstance(outcome, Retry):
            work.tries.first_failed_at = work.tries.first_failed_at or context.now
            work.tries.detail = outcome.detail
            work.tries.failed = Failed(outcome, timedelta(seconds=took), raised)
            return outcome.after
        self.reports.ended(work, outcome, timedelta(seconds=took), raised)
        return of_done(context)

    async def _weighed(self, work: Work, outcome: Dead) -> Dead:
        """Why it is dead. That an effect of any attempt may have happened outweighs every other reason.

        Raises:
            NotOwned: the partition has another owner.
            StoreError: nobody can tell now.
        """
        # a frozen worker's last attempt says nothing of an event that another has meanwhile
        await self.equipment.store.owners.confirm(self.entry.name, work.partition.at, work.partition.epoch)
        if outcome.reason in {"uncertain", "undecodable"}:
            return outcome
        effects, event = self.equipment.store.effects, names_of(work)
        names = await effects.unfinished(handler=self.entry.name, source=event.source, event_id=event.event_id)
        if not names:
            return outcome
        told = f"the effect {min(names)!r} may have happened; {outcome.detail}"
        return replace(outcome, reason="uncertain", detail=told)

    async def _watched(self, event: Event, context: AttemptContext) -> Exception | None:
        """One attempt, known to `Attempts` while it lasts."""
        run, timeout, attempts = self.entry.handler.run, self.entry.timeout, self.equipment.attempts
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("unreachable: a coroutine runs in a task")
        running = Running(
            entry=self.entry.name,
            event_id=event.id,
            source=event.source,
            run=run,
            cancelled_at=asyncio.get_running_loop().time() + timeout.total_seconds(),
        )
        attempts.begin(task, running)
        try:
            return telling(await attempt(run, event, context, timeout, running.runs_in))
        finally:
            context.over = True
            if context.effects_under_way:
                left = running.cancelled_at - asyncio.get_running_loop().time()
                await context.effects.end(0 if task.cancelling() else left)
            attempts.end(task)

    def _context(self, work: Work, event: Event) -> AttemptContext:
        return AttemptContext(
            equipment=self.equipment,
            entry=self.entry,
            event=event,
            at=work.partition.at,
            epoch=work.partition.epoch,
            attempt=work.tries.made,
            now=self.equipment.clock.now(),
            tries=work.tries,
        )

    def _outcome(self, work: Work, error: BaseException | None) -> Outcome:
        if error is None:
            self.metrics.done.inc()
            return Done()
        tries = work.tries
        jitter = self.equipment.jitter()
        now = self.equipment.clock.now()
        outcome = decide(
            error,
            attempt=tries.made,
            counted=tries.made - tries.free,
            held_up=max(timedelta(), now - (tries.held_up_since or now)),
            policy=self.entry.policy,
            jitter=jitter,
        )
        if isinstance(outcome, Retry):
            self.metrics.retried.inc()
            if not outcome.counts:
                tries.free += 1
                tries.held_up_since = tries.held_up_since or now
        return outcome


def _is_over(work: Work) -> bool:
    """Whether it was settled under another offset shortly before, or its timer was moved or cancelled meanwhile."""
    match work:
        case Received():
            return work.heading.identity in work.partition.recent
        case Firing():
            return not work.partition.timers.pending(work.row)
        case Parked() | Replayed():
            return False


def _again(work: Work) -> timedelta:
    tries = work.tries
    tries.settling_failed += 1
    return timedelta(seconds=_SETTLE_AGAIN[min(tries.settling_failed, len(_SETTLE_AGAIN)) - 1])
