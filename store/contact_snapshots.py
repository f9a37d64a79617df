"""Which version of each contact the log has: what a publication asks before it appends, and tells afterwards.

An append is written down before it begins and crossed out when the row, read again after the acknowledgement, is still
what was appended. Until then an older version may end up behind a newer one in the log, so only where nothing is under
way does an acknowledged version count. What a crash leaves under way is appended again with its event.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeAlias

from sqlalchemy import Insert, bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.contacts import Contact
from store import contact_rows as rows
from store.contact_tables import appends, contacts, former_contacts, snapshots
from store.dialects import insert
from store.digests import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What is left of an id that is no contact any more."""

    id: str
    # The contact it was merged into; None if it was deleted.
    into: str | None
    version: int
    at: datetime


State: TypeAlias = Contact | Tombstone


async def state_of(connection: AsyncConnection, contact_id: str) -> State | None:
    """`Contacts.get`."""
    # Former ids never live again, so looking for the living one first cannot miss both.
    person = await rows.find(connection, contacts.c.id == contact_id)
    if person is not None:
        return person.contact
    former = (await connection.execute(select(former_contacts).where(former_contacts.c.id == contact_id))).first()
    if former is None:
        return None
    return Tombstone(id=former.id, into=former.into_id, version=former.version, at=former.at)


async def begin(connection: AsyncConnection, contact_id: str, *, cause: str, now: datetime) -> State | None:
    """`Contacts.appending`."""
    living = (await connection.execute(_TOLD, {"of_id": contact_id})).all()
    if living:
        acknowledged = living[0].acknowledged
        if not living[0].under_way and acknowledged is not None and acknowledged >= living[0].version:
            return None
        state: State | None = rows.person_of(living).contact
    else:
        state = await state_of(connection, contact_id)
        if state is None or not await _misses(connection, state):
            return None
    row = {"contact_id": contact_id, "cause": fingerprint(cause), "since": now}
    await connection.execute(_append(connection.dialect.name), row)
    return state


async def end(connection: AsyncConnection, contact_id: str, version: int, *, cause: str) -> State | None:
    """`Contacts.appended`."""
    if (await connection.execute(_VERSION, {"of_id": contact_id})).scalar() != version:
        state = await state_of(connection, contact_id)
        if state is not None and state.version != version:
            return state
    await connection.execute(_APPENDED, {"of_id": contact_id, "cause": fingerprint(cause)})
    await connection.execute(_acknowledge(connection.dialect.name), {"contact_id": contact_id, "version": version})
    return None


async def _misses(connection: AsyncConnection, state: State) -> bool:
    """Whether the log does not end with this state of an id that was no living contact, and needs word of it."""
    mark = (await connection.execute(_MARK, {"of_id": state.id})).one()
    if mark.under_way:
        return True
    # A tombstone takes away a snapshot: nobody misses one where there was none.
    if mark.acknowledged is None:
        return not isinstance(state, Tombstone)
    return bool(mark.acknowledged < state.version)


# Built once, for each change of a contact runs them.
_MARKS = (
    exists().where(appends.c.contact_id == bindparam("of_id")).label("under_way"),
    select(snapshots.c.version)
    .where(snapshots.c.contact_id == bindparam("of_id"))
    .scalar_subquery()
    .label("acknowledged"),
)
_MARK = select(*_MARKS)
_TOLD = rows.PEOPLE.add_columns(*_MARKS).where(contacts.c.id == bindparam("of_id"))
_VERSION = select(contacts.c.version).where(contacts.c.id == bindparam("of_id"))
_APPENDED = delete(appends).where(appends.c.contact_id == bindparam("of_id"), appends.c.cause == bindparam("cause"))


@cache
def _append(dialect: str) -> Insert:
    return insert(dialect, appends).on_conflict_do_nothing()


@cache
def _acknowledge(dialect: str) -> Insert:
    statement = insert(dialect, snapshots)
    new = statement.excluded
    newer = snapshots.c.version < new.version
    return statement.on_conflict_do_update(index_elements=["contact_id"], set_={"version": new.version}, where=newer)
