"""What the store knows of one event, whichever table it is in: for people who ask what happened to it.

None of the tables is indexed by the event's id alone; they are searched, so nothing but an operator's question may ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Select, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.columns import Foreign
from store.database import Database
from store.parked import ALL_WITHIN
from store.replay_rows import MARKS, Mark, mark_of
from store.tables import effects, parked, replays, schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedTrace:
    """The event waits for another attempt of an entry."""

    handler: str
    source: str
    at: TopicPartition
    # The identity of the event log that holds its record: another than that of the partition, if it was taken over.
    log: str
    # When it is tried next, if it is the first of its lane.
    due: datetime
    # Attempts begun, and what came of the last one.
    attempts: int
    detail: str
    # How many events of its lane are before it.
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerTrace:
    """A timer that the event set, or that will come as the event of this id."""

    handler: str
    name: str
    source: str
    key: str
    state: Literal["set", "fired", "cancelled"]
    due: datetime | None
    # The event that wrote it last, and the id of the event its firing will be.
    setter_id: str
    firing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectTrace:
    """An effect of `once`."""

    handler: str
    source: str
    name: str
    begun_at: datetime
    # Whether it is known to have happened; else it was begun, and nobody knows.
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What the store knows of one event."""

    parked: Sequence[ParkedTrace] = ()
    timers: Sequence[TimerTrace] = ()
    effects: Sequence[EffectTrace] = ()
    # What somebody decided on its dead letters.
    marks: Sequence[Mark] = ()


class Traces:
    """The tables that have rows of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, event_id: str) -> Trace:
        """What is known of the events of this id; it may stand for several, each of another source.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Trace:
            # That column has ids of our own only; what is asked for may be any text.
            fires = schedule.c.firing == literal(event_id, Foreign())
            timers = select(schedule).where(or_(schedule.c.setter_id == event_id, fires))
            of_effects = select(effects).where(effects.c.event_id == event_id).order_by(effects.c.begun_at)
            marks = select(*MARKS).where(replays.c.event_id == event_id).order_by(replays.c.id)
            return Trace(
                parked=[_parked(row) for row in await connection.execute(_lanes(event_id))],
                timers=[_timer(row) for row in await connection.execute(timers.order_by(schedule.c.id))],
                effects=[_effect(row) for row in await connection.execute(of_effects)],
                marks=[mark_of(row) for row in await connection.execute(marks)],
            )

        return await self._database.read(work, deadline=ALL_WITHIN)


def _lanes(event_id: str) -> Select[Any]:
    """The event's rows, each with the number of those before it in its lane."""
    before = parked.alias()
    lane = ("handler", "log", "topic", "partition", "slot")
    count = (
        select(func.count())
        .where(*(before.c[name] == parked.c[name] for name in lane), before.c.position < parked.c.position)
        .scalar_subquery()
    )
    wanted = ("handler", "source", "topic", "partition", "record_log", "due", "made", "detail")
    found = select(*(parked.c[name] for name in wanted), count.label("behind"))
    return found.where(parked.c.event_id == event_id).order_by(parked.c.id)


def _parked(row: Any) -> ParkedTrace:
    return ParkedTrace(
        handler=row.handler,
        source=row.source.decode("utf-8", "replace"),
        at=TopicPartition(row.topic, row.partition),
        log=row.record_log,
        due=row.due,
        attempts=row.made,
        detail=row.detail,
        behind=row.behind,
    )


def _timer(row: Any) -> TimerTrace:
    return TimerTrace(
        handler=row.handler,
        name=row.name,
        source=row.source,
        key=row.key,
        state=cast("Literal['set', 'fired', 'cancelled']", row.state),
        due=row.due,
        setter_id=row.setter_id,
        firing=row.firing,
    )


def _effect(row: Any) -> EffectTrace:
    return EffectTrace(
        handler=row.handler,
        source=row.source,
        name=row.name,
        begun_at=row.begun_at,
        done=row.result is not None,
    )
