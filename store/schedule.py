"""Scheduled work: durable timers.

A timer's row is a register that the last event of its lane writes, last by offset. It keeps that event's offset and id
also after the timer fired or was cancelled, and a cancel of a timer that never was leaves such a row too: an event that
is delivered again finds its own or a later offset there and changes nothing. A copy of an event, at a later offset,
does not set again what fired for it; what a later event made of the timer it writes over.

Offsets are those of one event log. When an entry goes on with another log, that log's partitions take over what is
pending (`strays.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import Insert, and_, bindparam, case, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from schemas.record import TopicPartition
from store.columns import Foreign, Instant
from store.database import Database
from store.dialects import insert
from store.digests import fingerprint
from store.owners import Epoch, hold
from store.tables import IS_OVER, IS_PENDING, IS_TIMER, schedule

_TIMER = "timer"
# Columns of a timer that is set; of a cancelled one they are NULL.
_OF_SET = ("due", "platform", "conversation_id", "data", "received_at")
# Rows per statement: a page of timers is about 1 MB.
_PAGE = 5_000

Over: TypeAlias = Literal["older", "same", "any"]
"""Over which rows a timer is written.

Those of older events, but not of one that fired for the same event: this is a copy of it. Also those of the same place:
a firing that is replayed comes after the record at its place. Or any: a firing runs in its lane after all that was read
there, and only once, so it is the latest.
"""


class TimerKey(NamedTuple):
    """What a timer is called, inside its partition."""

    source: str
    key: str
    name: str


class Place(NamedTuple):
    """Where a pending timer stands among those of its partition: in the order in which they come due."""

    due: datetime
    id: int


START = Place(datetime.min.replace(tzinfo=UTC), 0)
"""Before all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerName:
    """A timer of a handler, inside one partition."""

    source: str
    key: str
    name: str

    @property
    def called(self) -> TimerKey:
        """The name alone."""
        return TimerKey(self.source, self.key, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSet(TimerName):
    """A timer to be set, with what its `Event[Timer]` will need."""

    due: datetime
    platform: str
    conversation_id: str | None
    # When hookline took the event that sets it.
    received_at: datetime
    # JSON: what the handler gave it.
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRow(TimerSet):
    """A pending timer."""

    # Of the row: it stays when the timer is moved.
    id: int
    handler: str
    at: TopicPartition
    # The event that set it.
    setter_offset: int
    setter_id: str
    # The id of the event its firing will be, the same on every retry.
    firing: str

    @property
    def place(self) -> Place:
        """Its turn."""
        return Place(self.due, self.id)


Now: TypeAlias = dict[TimerKey, TimerRow | None]
"""Timers as the store has them after a write: None for one that is not set."""


class Schedule:
    """Table `schedule`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(  # noqa: PLR0913 - the parts of one transaction
        self,
        handler: str,
        at: TopicPartition,
        epoch: Epoch,
        *,
        offset: int,
        event_id: str,
        now: datetime,
        set: Sequence[TimerSet] = (),  # noqa: A002 - the plugin API's and the table's word
        cancel: Sequence[TimerName] = (),
        fired: str | None = None,
    ) -> Now:
        """Write what one finished attempt did to its timers, in one transaction. May be repeated.

        Args:
            handler: the handler's entry.
            at: the partition of the event.
            epoch: under which it is owned.
            offset: of the event in its log; for a firing, of the newest record of this partition that was read before
                it ran, so that a record that is delivered again after a crash cannot undo what the firing did.
            event_id: the id of the event, or of the firing.
            now: the time.
            set: timers set or moved; of two of one name the last counts.
            cancel: timers cancelled.
            fired: the id of the firing, if the attempt was one: its timer is over. When it was over already, this is
                a repetition and nothing changes.

        Returns:
            The timers to be set and cancelled as they are now, which may be what a later event made of them.

        Raises:
            NotOwned: the partition has another owner; nothing was written.
            StoreError: the database failed.
            ValueError: a timer is both set and cancelled.
        """
        rows = rows_of(set, cancel, handler=handler, log=epoch.log, at=at, offset=offset, event_id=event_id, now=now)
        if not rows and fired is None:
            return {}

        async def work(connection: AsyncConnection) -> Now:
            await hold(connection, handler, at, epoch)
            repeated = fired is not None and not await _end(connection, handler, fired, now)
            if repeated:
                return await now_of(connection, rows)
            return await written(connection, rows, over="any" if fired is not None else "older")

        return await self._database.write(work)

    async def load(self, handler: str, at: TopicPartition, log: str) -> list[TimerRow]:
        """The pending timers of a partition. Claim it first: from then on nobody else changes them.

        Raises:
            StoreError: the database failed.
        """
        found: list[TimerRow] = []
        while len(page := await self.page(handler, at, log, found[-1].place if found else START)) == _PAGE:
            found += page
        return found + page

    async def page(
        self, handler: str, at: TopicPartition, log: str, after: Place, *, limit: int = _PAGE
    ) -> list[TimerRow]:
        """The pending timers of a partition that come due next after a place; fewer than the limit: there are no more.

        Raises:
            StoreError: the database failed.
        """
        statement = (
            select(schedule)
            .where(
                schedule.c.handler == handler,
                schedule.c.log == log,
                schedule.c.topic == at.topic,
                schedule.c.partition == at.partition,
                IS_PENDING,
                IS_TIMER,
                tuple_(schedule.c.due, schedule.c.id) > tuple_(literal(after.due, Instant), after.id),
            )
            .order_by(schedule.c.due, schedule.c.id)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> list[TimerRow]:
            return [timer_of(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def is_pending(self, handler: str, firing: str) -> bool:
        """Whether a timer is set whose firing will be the event of this id.

        Raises:
            StoreError: the database failed.
        """
        # That column has ids of our own only; what is asked for may be any text.
        fires = schedule.c.firing == literal(firing, Foreign())
        statement = select(schedule.c.id).where(schedule.c.handler == handler, IS_PENDING, fires)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement.limit(1))).first() is not None

        return await self._database.read(work)

    async def waiting(self, log: str) -> dict[str, int]:
        """How many timers of each handler are set.

        Args:
            log: the identity of the event log they belong to.

        Raises:
            StoreError: the database failed.
        """
        statement = select(schedule.c.handler, func.count()).where(schedule.c.log == log, IS_PENDING)

        async def work(connection: AsyncConnection) -> dict[str, int]:
            rows = await connection.execute(statement.group_by(schedule.c.handler))
            return {row[0]: row[1] for row in rows}

        return await self._database.read(work)

    async def expire(self, before: datetime, *, limit: int = 10_000) -> int:
        """Throw away timers that fired or were cancelled before a time; returns how many.

        The time must lie before anything that may still be delivered again: the log's retention. Call again until
        it is none.

        Raises:
            StoreError: the database failed.
        """
        old = select(schedule.c.id).where(IS_OVER, schedule.c.written_at < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(schedule).where(schedule.c.id.in_(old)))).rowcount

        return await self._database.write(work)


def firing_id(handler: str, timer: TimerName, setter_id: str) -> str:
    """The id of the event that a timer's firing will be: the same on every retry, another each time it is set."""
    return fingerprint("timer", handler, timer.source, timer.key, timer.name, setter_id).hex()


def rows_of(
    sets: Sequence[TimerSet],
    cancels: Sequence[TimerName],
    *,
    handler: str,
    log: str,
    at: TopicPartition,
    offset: int,
    event_id: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """What an attempt asks for as rows, one per timer, in the order of their slots.

    Raises:
        ValueError: a timer is both set and cancelled.
    """
    found: dict[bytes, dict[str, Any]] = {}
    for timer in (*cancels, *sets):
        slot = fingerprint(timer.source, timer.key, timer.name)
        to_be_set = isinstance(timer, TimerSet)
        if to_be_set and found.get(slot, {}).get("state") == "cancelled":
            raise ValueError("one attempt both sets and cancels a timer: give the last of the two only")
        found[slot] = {
            "kind": _TIMER,
            "handler": handler,
            "log": log,
            "topic": at.topic,
            "partition": at.partition,
            "slot": slot,
            "source": timer.source,
            "key": timer.key,
            "name": timer.name,
            "state": "set" if to_be_set else "cancelled",
            "setter_offset": offset,
            "setter_id": event_id,
            "firing": firing_id(handler, timer, event_id) if to_be_set else None,
            "written_at": now,
            **{column: getattr(timer, column, None) for column in _OF_SET},
        }
    return [found[slot] for slot in sorted(found)]


async def _end(connection: AsyncConnection, handler: str, firing: str, now: datetime) -> bool:
    """Mark a timer as fired, unless it is over already."""
    row = {"of_handler": handler, "of_firing": firing, "now": now}
    return (await connection.execute(_FIRED, row)).rowcount > 0


async def written(connection: AsyncConnection, rows: list[dict[str, Any]], *, over: Over) -> Now:
    """Write what an attempt asks for, and say what became of it; most ask for one timer, which is one statement."""
    if len(rows) == 1:
        found = (await connection.execute(_upsert_told(connection.dialect.name, over), rows[0])).first()
        if found is not None:
            called = TimerKey(found.source, found.key, found.name)
            return {called: timer_of(found) if found.state == "set" else None}
    elif rows:
        await write_rows(connection, rows, over=over)
    return await now_of(connection, rows)


async def now_of(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> Now:
    """Inside a transaction, what became of timers that were written, by the rows that were to be."""
    if not rows:
        return {}
    place = {f"of_{name}": rows[0][name] for name in _PLACE}
    now: Now = {TimerKey(row["source"], row["key"], row["name"]): None for row in rows}
    for found in await connection.execute(_NOW, {**place, "slots": [row["slot"] for row in rows]}):
        row = timer_of(found)
        now[row.called] = row
    return now


async def write_rows(connection: AsyncConnection, rows: list[dict[str, Any]], *, over: Over) -> None:
    """Write what an attempt asks for; see `Over` for rows that are there."""
    await connection.execute(_upsert(connection.dialect.name, over), rows)


# Built once, for events wait for them.
_PLACE = ("handler", "log", "topic", "partition")
_FIRED = (
    update(schedule)
    .where(schedule.c.handler == bindparam("of_handler"), IS_PENDING, schedule.c.firing == bindparam("of_firing"))
    .values(state="fired", written_at=bindparam("now"))
)
_NOW = select(schedule).where(
    *(schedule.c[name] == bindparam(f"of_{name}") for name in _PLACE),
    IS_TIMER,
    IS_PENDING,
    schedule.c.slot.in_(bindparam("slots", expanding=True)),
)


@cache
def _upsert(dialect: str, over: Over) -> Insert:
    statement = insert(dialect, schedule)
    new, old = statement.excluded, schedule.c
    what = ("due", "firing", "platform", "conversation_id", "data", "received_at")
    written = ("state", "setter_id", *what, "written_at")
    older = old.setter_offset < new.setter_offset
    new_to_it = or_(old.state != "fired", old.firing.is_distinct_from(new.firing))
    where = {"older": and_(older, new_to_it), "same": old.setter_offset <= new.setter_offset, "any": None}
    return statement.on_conflict_do_update(
        index_elements=["handler", "log", "topic", "partition", "slot"],
        index_where=IS_TIMER,
        set_={name: new[name] for name in written}
        | {"setter_offset": case((older, new.setter_offset), else_=old.setter_offset)},
        where=where[over],
    )


@cache
def _upsert_told(dialect: str, over: Over) -> ReturningInsert[Any]:
    return _upsert(dialect, over).returning(schedule)


def timer_of(row: Any) -> TimerRow:
    """A row of a timer that is set."""
    return TimerRow(
        id=row.id,
        handler=row.handler,
        at=TopicPartition(row.topic, row.partition),
        source=row.source,
        key=row.key,
        name=row.name,
        due=row.due,
        platform=row.platform,
        conversation_id=row.conversation_id,
        data=row.data,
        received_at=row.received_at,
        setter_offset=row.setter_offset,
        setter_id=row.setter_id,
        firing=row.firing,
    )
