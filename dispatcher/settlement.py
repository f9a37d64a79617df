"""Carrying out what was decided: publish, write timers, bury; only then is an event settled.

Each step may be repeated: published events keep their ids, the store's write is one transaction that knows its own
repetition, and a dead letter that is written twice has one id.
"""

import asyncio
from dataclasses import dataclass

import structlog

from dispatcher import dead
from dispatcher.context import AttemptContext
from dispatcher.equipment import Equipment
from dispatcher.errors import HandlerStopped, describe
from dispatcher.observers import TimerChanged
from dispatcher.outcome import Dead, Done
from dispatcher.publish import records_of
from dispatcher.reports import death_of
from dispatcher.settings import Entry
from dispatcher.timers import Timers
from dispatcher.work import Firing, Parked, Received, Replayed, Work, names_of
from eventlog.errors import LogUnavailable, RecordRefused
from schemas.record import Record
from store.errors import StoreRefused
from store.replays import Ending
from store.schedule import Now, TimerName, TimerSet

log = structlog.get_logger()

_DURABLE_WITHIN = 15.0


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What remains to be done for an event whose handler has finished."""

    outcome: Done | Dead
    # Names the event to the store; empty for a record that is none.
    event_id: str = ""
    records: tuple[Record, ...] = ()
    timers: tuple[TimerSet | TimerName, ...] = ()
    context: AttemptContext | None = None
    death: dead.Death | None = None
    # The records are durable.
    appended: bool = False

    def by_kind(self) -> tuple[list[TimerSet], list[TimerName]]:
        """The timers that are to be set, and those that are to be cancelled."""
        sets = [timer for timer in self.timers if isinstance(timer, TimerSet)]
        return sets, [timer for timer in self.timers if not isinstance(timer, TimerSet)]


NOTHING = Settlement(outcome=Done(), appended=True)
"""The settlement of what is skipped."""


def of_done(context: AttemptContext) -> Settlement:
    """The handler returned: its wishes come true together."""
    records = records_of(
        context.publications,
        entry=context.entry.name,
        cause=context.event,
        topics=context.equipment.topics,
        now=context.now,
    )
    return Settlement(
        outcome=Done(),
        event_id=context.event.id,
        records=records,
        timers=tuple(context.timers.values()),
        context=context,
    )


def of_dead(work: Work, death: dead.Death, equipment: Equipment, *, event_id: str = "") -> Settlement:
    """The event is dead: nothing the handler wished comes true."""
    letter = dead.letter(work, death, equipment.topics.name("dead"))
    return Settlement(outcome=death.outcome, event_id=event_id, records=(letter,), death=death)


@dataclass(frozen=True, slots=True)
class Settler:
    """Carries out settlements for one entry."""

    entry: Entry
    equipment: Equipment

    async def carry_out(self, work: Work, settlement: Settlement) -> Settlement:
        """Do what remains; may be called again after a failure, and goes on where it was.

        Returns:
            The settlement that was carried out: another one when the log or the store refuses the handler's wishes.

        Raises:
            LogUnavailable: the log is away; call again.
            StoreUnavailable: the store is away; call again.
            NotOwned: the partition has another owner; nothing counts any more.
            HandlerStopped: not even the dead letter can be kept.
        """
        try:
            await self._append(settlement)
            match work:
                case Replayed():
                    await self._end_replay(work, settlement)
                case Parked():
                    await self._end_parked(work, settlement)
                case _:
                    await self._write_timers(work, settlement)
        except (RecordRefused, StoreRefused) as error:
            if settlement.death is not None:
                raise HandlerStopped(f"a dead letter cannot be kept: {describe(error)}") from error
            return await self.carry_out(work, self._buried(work, settlement, error))
        if isinstance(settlement.outcome, Done) and settlement.context is not None:
            await settlement.context.settle_contacts()
        return settlement

    def _buried(self, work: Work, settlement: Settlement, error: Exception) -> Settlement:
        outcome = Dead("oversize" if isinstance(error, RecordRefused) else "rejected", describe(error))
        death = death_of(work, outcome, error, entry=self.entry, equipment=self.equipment)
        return of_dead(work, death, self.equipment, event_id=settlement.event_id)

    async def _append(self, settlement: Settlement) -> None:
        if settlement.appended or not settlement.records:
            return
        records = settlement.records
        while True:
            try:
                await self._durable(records)
            except RecordRefused:
                # a dead letter too large loses the traceback first
                lighter = dead.smaller(records[0]) if settlement.death is not None else None
                if lighter is None:
                    raise
                records = (lighter,)
            else:
                settlement.appended = True
                return

    async def _durable(self, records: tuple[Record, ...]) -> None:
        appended = [self.equipment.log.append(record) for record in records]
        try:
            async with asyncio.timeout(_DURABLE_WITHIN):
                for each in appended:
                    await each.offset()
        except TimeoutError as error:
            raise LogUnavailable("the log did not acknowledge what a handler published in time") from error

    async def _end_replay(self, work: Replayed, settlement: Settlement) -> None:
        sets, cancels = settlement.by_kind()
        outcome = settlement.outcome
        ending = Ending(
            state="dead" if isinstance(outcome, Dead) else "done",
            reason=outcome.reason if isinstance(outcome, Dead) else None,
            detail=outcome.detail if isinstance(outcome, Dead) else None,
            event_id=settlement.event_id,
            set=sets,
            cancel=cancels,
            firing=work.is_firing,
        )
        partition, now = work.partition, self.equipment.clock.now()
        ended = await self.equipment.store.replays.end(self.entry.name, work.replay, partition.epoch, ending, now=now)
        settlement.timers = ()
        self._learn(partition.timers, ended.timers)
        if ended.first and ending.state == "done":
            names = names_of(work)
            log.info("event.replayed", handler=self.entry.name, event_id=names.event_id, event_type=names.event_type)

    async def _end_parked(self, work: Parked, settlement: Settlement) -> None:
        sets, cancels = settlement.by_kind()
        partition = work.partition
        now = await self.equipment.store.parked.end(
            self.entry.name,
            partition.at,
            partition.epoch,
            work.row,
            event_id=settlement.event_id,
            now=self.equipment.clock.now(),
            set=sets,
            cancel=cancels,
        )
        settlement.timers = ()
        self._learn(partition.timers, now)

    async def _write_timers(self, work: Received | Firing, settlement: Settlement) -> None:
        fired = work.row.firing if isinstance(work, Firing) and settlement is not NOTHING else None
        sets, cancels = settlement.by_kind()
        if not sets and not cancels and fired is None:
            return
        partition = work.partition
        now = await self.equipment.store.schedule.settle(
            self.entry.name,
            partition.at,
            partition.epoch,
            offset=work.offset,
            event_id=settlement.event_id,
            now=self.equipment.clock.now(),
            set=sets,
            cancel=cancels,
            fired=fired,
        )
        settlement.timers = ()
        if isinstance(work, Firing):
            partition.timers.fired(work.row)
            log.debug("timer.fired", handler=self.entry.name, name=work.row.name, source=work.row.source)
        self._learn(partition.timers, now)

    def _learn(self, timers: Timers, now: Now) -> None:
        """The store knows, and says what it has: now the heap may."""
        for key in timers.learn(now):
            row, entry = now[key], self.entry.name
            if row is None:
                log.debug("timer.cancelled", handler=entry, name=key.name, source=key.source)
            else:
                log.debug("timer.set", handler=entry, name=key.name, source=key.source, due=row.due)
            due = None if row is None else row.due
            self.equipment.tell(TimerChanged(entry=entry, name=key.name, source=key.source, key=key.key, due=due))
