"""Which version of each contact the log has: what a publication asks before it appends, and tells afterwards.

An append is written down before it begins and crossed out when the row, read again after the acknowledgement, is still
what was appended. Until then an older version may end up behind a newer one in the log, so only where nothing is under
way does an acknowledged version count. What a crash leaves under way is appended again with its event.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import delete, exists, select
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
    state = await state_of(connection, contact_id)
    if state is None or await _has(connection, state):
        return None
    row = {"contact_id": contact_id, "cause": fingerprint(cause), "since": now}
    await connection.execute(insert(connection.dialect.name, appends).values(row).on_conflict_do_nothing())
    return state


async def end(connection: AsyncConnection, contact_id: str, version: int, *, cause: str) -> State | None:
    """`Contacts.appended`."""
    state = await state_of(connection, contact_id)
    if state is not None and state.version != version:
        return state
    mine = (appends.c.contact_id == contact_id, appends.c.cause == fingerprint(cause))
    await connection.execute(delete(appends).where(*mine))
    statement = insert(connection.dialect.name, snapshots).values(contact_id=contact_id, version=version)
    newer = snapshots.c.version < version
    changed = {"version": version}
    await connection.execute(statement.on_conflict_do_update(index_elements=["contact_id"], set_=changed, where=newer))
    return None


async def _has(connection: AsyncConnection, state: State) -> bool:
    """Whether the log ends with this state, or needs no word of it."""
    under_way = select(exists().where(appends.c.contact_id == state.id))
    if (await connection.execute(under_way)).scalar():
        return False
    acknowledged = select(snapshots.c.version).where(snapshots.c.contact_id == state.id)
    version: int | None = (await connection.execute(acknowledged)).scalar()
    # A tombstone takes away a snapshot: nobody misses one where there was none.
    return isinstance(state, Tombstone) if version is None else version >= state.version
