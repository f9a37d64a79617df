"""How far platforms that post nothing were asked for news: a cursor for each source, a mark in each conversation.

One process at a time asks for a source, by a lease; every write is conditional on it, so that one that was frozen while
another took over writes nothing any more. What was read twice in between is known by its ids.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import insert
from store.errors import PollNotHeld
from store.tables import IS_WAITING, poll_conversations, polls

_TABLE = poll_conversations.c
# Of an IN list; databases bound them.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """How far a source is."""

    source: str
    cursor: str | None
    # The end of the last round that went well.
    polled_at: datetime | None
    # Until when a process has the right to ask; None if none has. `states` tells it.
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation that a poll has seen."""

    number: int
    # What paths call it; None if it could not be found.
    address: str | None
    # The newest message that is durable.
    mark: int | None = None
    # Whether news of it was found; told, not written.
    pending: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The right to ask for a source, as long as nobody else takes it."""

    source: str
    holder: str


class Polls:
    """Tables `polls` and `poll_conversations`. All calls raise `StoreError` when the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, held: Held, *, now: datetime, until: datetime) -> Polled | None:
        """Take or keep the right to ask for a source until then; None if another process has it."""
        free = or_(polls.c.holder.is_(None), polls.c.holder == held.holder, polls.c.held_until <= now)

        async def work(connection: AsyncConnection) -> Polled | None:
            new = insert(connection.dialect.name, polls).values(source=held.source).on_conflict_do_nothing()
            await connection.execute(new)
            taken = (
                update(polls).where(polls.c.source == held.source, free).values(holder=held.holder, held_until=until)
            )
            if (await connection.execute(taken)).rowcount == 0:
                return None
            row = (await connection.execute(select(polls).where(polls.c.source == held.source))).one()
            return Polled(source=row.source, cursor=row.cursor, polled_at=row.polled_at)

        return await self._database.write(work)

    async def release(self, held: Held) -> None:
        """Give the right back; nothing happens if another process has it by now."""
        mine = and_(polls.c.source == held.source, polls.c.holder == held.holder)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(polls).where(mine).values(holder=None, held_until=None))

        await self._database.write(work)

    async def found(self, held: Held, conversations: Sequence[Conversation], *, cursor: str, now: datetime) -> None:
        """Remember conversations that have something new, and with them how far the lists were read.

        One that is known keeps its mark. One without an address is only remembered as such.

        Raises:
            PollNotHeld: another process asks for this source by now; nothing was written.
        """

        async def work(connection: AsyncConnection) -> None:
            await _require(connection, held, {"cursor": cursor})
            for one in conversations:
                news = {"pending": one.address is not None, "active_at": now, "address": one.address}
                new = insert(connection.dialect.name, poll_conversations).values(
                    source=held.source, number=one.number, mark=one.mark, **news
                )
                await connection.execute(new.on_conflict_do_update(index_elements=["source", "number"], set_=news))

        await self._database.write(work)

    async def read(self, held: Held, conversation: Conversation, *, pending: bool, active_at: datetime | None) -> None:
        """Move a conversation's mark: everything up to it is durable.

        Args:
            held: the right to ask.
            conversation: with its new mark.
            pending: whether there is more to read.
            active_at: when news of it was found; None leaves that as it was.

        Raises:
            PollNotHeld: another process asks for this source by now; nothing was written.
        """
        this = and_(_TABLE.source == held.source, _TABLE.number == conversation.number)
        active = {} if active_at is None else {"active_at": active_at}

        async def work(connection: AsyncConnection) -> None:
            await _require(connection, held, {})
            values = {"mark": conversation.mark, "pending": pending, "address": conversation.address, **active}
            await connection.execute(update(poll_conversations).where(this).values(values))

        await self._database.write(work)

    async def finished(self, held: Held, now: datetime) -> None:
        """Note that a round went well.

        Raises:
            PollNotHeld: another process asks for this source by now.
        """

        async def work(connection: AsyncConnection) -> None:
            await _require(connection, held, {"polled_at": now})

        await self._database.write(work)

    async def waiting(self, source: str, *, since: datetime, watched: int) -> list[Conversation]:
        """The conversations to read: those with something new, and the latest that were active since then."""
        mine = and_(_TABLE.source == source, _TABLE.address.is_not(None))
        new = select(poll_conversations).where(mine, IS_WAITING).order_by(_TABLE.number)
        active = (
            select(poll_conversations)
            .where(mine, _TABLE.active_at >= since)
            .order_by(_TABLE.active_at.desc())
            .limit(watched)
        )

        async def work(connection: AsyncConnection) -> list[Conversation]:
            rows = [*(await connection.execute(new)).all(), *(await connection.execute(active)).all()]
            return list({row.number: _conversation(row) for row in rows}.values())

        return await self._database.read(work)

    async def known(self, source: str, numbers: Collection[int]) -> dict[int, Conversation]:
        """Those of the conversations that were seen before."""
        wanted = sorted(numbers)

        async def work(connection: AsyncConnection) -> dict[int, Conversation]:
            found: dict[int, Conversation] = {}
            for begin in range(0, len(wanted), _AT_ONCE):
                some = _TABLE.number.in_(wanted[begin : begin + _AT_ONCE])
                rows = await connection.execute(select(poll_conversations).where(_TABLE.source == source, some))
                found |= {row.number: _conversation(row) for row in rows}
            return found

        return await self._database.read(work)

    async def states(self) -> list[Polled]:
        """How far each source is."""

        async def work(connection: AsyncConnection) -> list[Polled]:
            rows = await connection.execute(select(polls).order_by(polls.c.source))
            return [
                Polled(source=row.source, cursor=row.cursor, polled_at=row.polled_at, held_until=row.held_until)
                for row in rows
            ]

        return await self._database.read(work)

    async def expire(self, before: datetime, *, limit: int = 1_000) -> int:
        """Forget conversations without news since a time; returns how many. Call again until it is none."""
        place = (_TABLE.source, _TABLE.number)
        old = select(*place).where(_TABLE.active_at < before, _TABLE.pending.is_(False)).limit(limit)

        async def work(connection: AsyncConnection) -> int:
            rows = (await connection.execute(old)).all()
            for source, number in rows:
                this = and_(_TABLE.source == source, _TABLE.number == number)
                await connection.execute(delete(poll_conversations).where(this))
            return len(rows)

        return await self._database.write(work)


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(number=row.number, address=row.address, mark=row.mark, pending=row.pending)


async def _require(connection: AsyncConnection, held: Held, values: dict[str, object]) -> None:
    """Write to the row of a source that is held; this locks it until the transaction ends."""
    mine = and_(polls.c.source == held.source, polls.c.holder == held.holder)
    written = await connection.execute(update(polls).where(mine).values({"holder": held.holder, **values}))
    if written.rowcount == 0:
        raise PollNotHeld(held.source)
