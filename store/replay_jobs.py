"""Replays of many events at once: which are meant, how far they were read, how fast they are given.

One process at a time reads for a job, by a lease; every write is conditional on it. What was read and how far is one
transaction, so that whoever goes on after a crash misses nothing and gives nothing twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import replay_rows
from store.database import Database
from store.decisions import Decisions
from store.errors import JobNotHeld, ReplaysFull
from store.job_tables import IS_READING, replay_jobs
from store.parked_rows import identity_of
from store.replay_rows import EMPTY, Order, State
from store.replays import MAX_OPEN, open_of, upsert
from store.tables import IS_OPEN, parked, replays

JobState: TypeAlias = Literal["reading", "read", "cancelled"]
"""What becomes of a job: events are still looked for; all were found, and may wait; it was taken back."""
Reads: TypeAlias = Literal["dead", "topics"]
"""Where its events come from: the dead letters, or the topics that the entry reads."""

_TABLE = replay_jobs.c
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A set of events to be replayed."""

    # The entry that is given them.
    handler: str
    # The identity of the event log that is read.
    log: str
    reads: Reads
    # JSON: which events are meant.
    filters: str
    # JSON: where to begin and where to end.
    cursor: str
    redo_effects: bool = False
    # Between two events; None: as fast as the entry is.
    spacing: timedelta | None = None
    # Who asked.
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobOrder):
    """A set of events that is replayed, or was."""

    id: int
    state: JobState
    # Events that were meant so far, and those of them that were left out: they are dealt with, or under way.
    found: int
    skipped: int
    asked_at: datetime
    ended_at: datetime | None
    next_at: datetime
    held_until: datetime | None


class Held(NamedTuple):
    """The right to read for a job, as long as nobody else takes it."""

    job: int
    holder: str


class Room(NamedTuple):
    """How many replays are open: of an entry, and those of a job that no worker has taken yet."""

    open: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """How far a job is after some events were found."""

    cursor: str
    # Nothing is left to read.
    over: bool
    # From when on the next event may be given, but for those that are given now.
    next_at: datetime
    held_until: datetime


class ReplayJobs:
    """Table `replay_jobs`, and the rows of `replays` that come of it. All calls raise `StoreError` when it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- what an operator does ----------------------------------------------------------------------------------------

    async def start(self, order: JobOrder, now: datetime) -> int:
        """Ask for a set of events to be replayed; the job's number."""
        row = {
            "handler": order.handler,
            "log": order.log,
            "reads": order.reads,
            "filters": order.filters,
            "effects": "redo" if order.redo_effects else "keep",
            "spacing": None if order.spacing is None else order.spacing // _MICROSECOND,
            "state": "reading",
            "cursor": order.cursor,
            "found": 0,
            "skipped": 0,
            "asked_at": now,
            "asked_by": order.by,
            "next_at": now,
        }

        async def work(connection: AsyncConnection) -> int:
            made = await connection.execute(replay_jobs.insert().values(row).returning(_TABLE.id))
            return int(made.scalar_one())

        return await self._database.write(work)

    async def all(self, *, limit: int) -> list[Job]:
        """The newest jobs, the newest first."""
        statement = select(replay_jobs).order_by(_TABLE.id.desc()).limit(limit)
        return await self._jobs(statement)

    async def unfinished(self) -> list[Job]:
        """The jobs that something may still come of, the oldest first: events are looked for, or wait, or run."""
        given = select(replays.c.job).where(IS_OPEN, replays.c.job.is_not(None))
        return await self._jobs(select(replay_jobs).where(or_(IS_READING, _TABLE.id.in_(given))).order_by(_TABLE.id))

    async def get(self, number: int) -> Job | None:
        """One job; None if there is none of this number."""
        found = await self._jobs(select(replay_jobs).where(_TABLE.id == number))
        return found[0] if found else None

    async def counts(self, numbers: Collection[int]) -> Mapping[int, Mapping[State, int]]:
        """Job → state → how many of its replays are in it; without those that were asked for again since."""
        theirs = select(replays.c.job, replays.c.state, func.count()).where(replays.c.job.in_(numbers))

        async def work(connection: AsyncConnection) -> dict[int, dict[State, int]]:
            found: dict[int, dict[State, int]] = {number: {} for number in numbers}
            for number, state, count in await connection.execute(theirs.group_by(replays.c.job, replays.c.state)):
                found[number][state] = count
            return found

        return await self._database.read(work)

    async def decided(self, orders: Sequence[Order]) -> Decisions:
        """What was decided on letters, and on others of their events."""

        async def work(connection: AsyncConnection) -> Decisions:
            return await _decided(connection, orders)

        return await self._database.read(work)

    async def cancel(self, number: int, now: datetime) -> int:
        """Read no more for a job, and take back what no worker has begun; how many that were."""
        waiting = and_(replays.c.job == number, IS_OPEN, replays.c.state == "waiting")
        ended = {"state": "cancelled", "ended_at": now, "holder": None, "held_until": None}
        over = {**EMPTY, "state": "cancelled", "detail": f"the replay {number} was cancelled", "ended_at": now}

        async def work(connection: AsyncConnection) -> int:
            # first the job: from then on nobody writes rows for it
            await connection.execute(update(replay_jobs).where(_TABLE.id == number, IS_READING).values(ended))
            return (await connection.execute(update(replays).where(waiting).values(over))).rowcount

        return await self._database.write(work)

    async def expire(self, before: datetime, *, limit: int = 1_000) -> int:
        """Forget jobs that ended before a time; returns how many. Call again until it is none."""
        old = select(_TABLE.id).where(_TABLE.ended_at.is_not(None), _TABLE.ended_at < before).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(replay_jobs).where(_TABLE.id.in_(old)))).rowcount

        return await self._database.write(work)

    # -- what a worker does -------------------------------------------------------------------------------------------

    async def reading(self, handlers: Collection[str]) -> list[Job]:
        """The jobs of some entries that are not read to their end, the oldest first."""
        return await self._jobs(select(replay_jobs).where(IS_READING, _TABLE.handler.in_(handlers)).order_by(_TABLE.id))

    async def claim(self, held: Held, *, now: datetime, until: datetime) -> Job | None:
        """Take or keep the right to read for a job until then; None if another process has it, or it is over.

        Nobody has it for longer than twice as long: whoever seems to took it before the clock was set back.
        """
        late = _TABLE.held_until > now + 2 * (until - now)
        free = or_(_TABLE.holder.is_(None), _TABLE.holder == held.holder, _TABLE.held_until <= now, late)
        taken = update(replay_jobs).where(_TABLE.id == held.job, IS_READING, free)

        async def work(connection: AsyncConnection) -> Job | None:
            found = await connection.execute(
                taken.values(holder=held.holder, held_until=until).returning(*replay_jobs.c)
            )
            row = found.first()
            return None if row is None else _job(row)

        return await self._database.write(work)

    async def release(self, holder: str) -> None:
        """Give every right of a process back."""
        theirs = update(replay_jobs).where(IS_READING, _TABLE.holder == holder)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(theirs.values(holder=None, held_until=None))

        await self._database.write(work)

    async def room(self, handler: str, number: int) -> Room:
        """How many replays are open, of an entry and of a job of its."""
        waiting = select(func.count()).where(replays.c.job == number, IS_OPEN, replays.c.state == "waiting")

        async def work(connection: AsyncConnection) -> Room:
            return Room(await open_of(connection, handler), (await connection.execute(waiting)).scalar_one())

        return await self._database.read(work)

    async def feed(self, held: Held, orders: Sequence[Order], fed: Fed, *, now: datetime) -> Job:
        """Ask for replays of events that were found, and keep how far that is, in one transaction; the job then.

        Events that somebody decided on are left out, those that are parked, and those that the job has already.

        Raises:
            JobNotHeld: another process reads for this job by now, or it was cancelled; nothing was written.
            ReplaysFull: the entry would have too many open ones; nothing was written.
        """
        mine = and_(_TABLE.id == held.job, _TABLE.holder == held.holder, IS_READING)
        progress: dict[str, Any] = {"cursor": fed.cursor, "held_until": fed.held_until}
        if fed.over:
            progress |= {"state": "read", "ended_at": now, "holder": None, "held_until": None}

        async def work(connection: AsyncConnection) -> Job:
            # locks the job until the end
            locked = update(replay_jobs).where(mine).values(held_until=fed.held_until)
            row = (await connection.execute(locked.returning(*replay_jobs.c))).first()
            if row is None:
                raise JobNotHeld(held.job)
            job = _job(row)
            taken = await _ask(connection, job, orders, now)
            values = progress | {
                "found": job.found + len(orders),
                "skipped": job.skipped + len(orders) - taken,
                "next_at": fed.next_at + (job.spacing or timedelta()) * taken,
            }
            written = update(replay_jobs).where(_TABLE.id == held.job).values(values).returning(*replay_jobs.c)
            return _job((await connection.execute(written)).one())

        return await self._database.write(work)

    async def _jobs(self, statement: Any) -> list[Job]:
        async def work(connection: AsyncConnection) -> list[Job]:
            return [_job(row) for row in await connection.execute(statement)]

        return await self._database.read(work)


async def _ask(connection: AsyncConnection, job: Job, orders: Sequence[Order], now: datetime) -> int:
    """Write rows of what may be replayed; how many."""
    decided = await _decided(connection, orders)
    # the same event may be there twice
    taken: dict[bytes, Order] = {}
    for order in orders:
        if decided.allow(order.letter, job.id):
            taken.setdefault(order.letter.event if order.letter.event_id else order.letter.slot, order)
    for order in taken.values():
        row = replay_rows.of_order(order, now) | {"job": job.id}
        await connection.execute(upsert(connection, row, unless=("waiting", "running", "done", "dead", "discarded")))
    if taken and (count := await open_of(connection, job.handler)) > MAX_OPEN:
        raise ReplaysFull(job.handler, bound=MAX_OPEN, room=max(0, MAX_OPEN - count + len(taken)))
    return len(taken)


async def _decided(connection: AsyncConnection, orders: Sequence[Order]) -> Decisions:
    letters = [order.letter for order in orders]
    handlers, events = {each.handler for each in letters}, {each.event for each in letters}
    theirs = and_(replays.c.handler.in_(handlers), replays.c.event.in_(events))
    found = await connection.execute(select(*replay_rows.MARKS).where(theirs).order_by(replays.c.id))
    return Decisions((replay_rows.mark_of(row) for row in found), await _parked(connection, orders))


async def _parked(connection: AsyncConnection, orders: Sequence[Order]) -> frozenset[bytes]:
    """The slots of letters whose events are parked by their entry: where the log of the order has them."""
    names = {order.letter.slot: _parked_name(order) for order in orders if order.identity}
    columns = parked.c.handler, parked.c.log, parked.c.topic, parked.c.partition, parked.c.identity
    # each by itself: an index on all of them but the last holds it
    each_in = (column.in_({name[place] for name in names.values()}) for place, column in enumerate(columns))
    found = {tuple(row) for row in await connection.execute(select(*columns).where(*each_in))} if names else set()
    return frozenset(slot for slot, name in names.items() if name in found)


def _parked_name(order: Order) -> tuple[str, str, str, int, bytes]:
    at = order.record.at
    return order.letter.handler, order.log, at.topic, at.partition, identity_of(order.identity)


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        handler=row.handler,
        log=row.log,
        reads=row.reads,
        filters=row.filters,
        cursor=row.cursor,
        redo_effects=row.effects == "redo",
        spacing=None if row.spacing is None else row.spacing * _MICROSECOND,
        by=row.asked_by,
        state=row.state,
        found=row.found,
        skipped=row.skipped,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
        next_at=row.next_at,
        held_until=row.held_until,
    )
