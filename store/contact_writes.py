"""What happens inside the transaction of a save and of a delete."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import uuid4

from sqlalchemy import Insert, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.contacts import Contact, Identity
from store import contact_rows as rows
from store.contact_tables import contacts, former_contacts, unpublished
from store.database import Collision
from store.dialects import insert
from store.digests import fingerprint
from store.errors import ContactUnknown
from store.person import Change, Person, applied, joined, numbered, older, wins, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a save or a merge did."""

    # As it stands now. Without identities: a newer event deleted it, and nothing was written.
    contact: Contact
    # Whether a reader can see a difference; given a cause, one that this cause has not published yet.
    changed: bool
    # Ids of contacts that went into this one, and need tombstones; given a cause, those it has not published yet.
    absorbed: tuple[str, ...] = ()
    # All that the cause has changed and not published yet.
    owed: frozenset[str] = frozenset()


async def save(
    connection: AsyncConnection, identity: Identity, change: Change, *, now: datetime, cause: str | None
) -> Saved:
    """`Contacts.save`."""
    known = await rows.known(connection, identity, None if cause is None else fingerprint(cause))
    if known is not None and known.person is None and known.removed_at is not None and change.at <= known.removed_at:
        late = Contact(id=known.former_id or uuid4().hex, updated_at=known.removed_at)
        still = await owed(connection, cause) if cause is not None and known.owes else frozenset()
        return Saved(contact=late, changed=False, owed=still)
    mine, holder = None if known is None else known.person, None
    if change.email_key is not None and not _holds(mine, change.email_key):
        mine, holder = await _people(connection, identity, None if mine is None else mine.id, change.email_key)
        # an older event changes nothing: it claims no address a newer one has replaced
        if mine is not None and not wins(change.at, mine.email_key):
            holder = None
    if holder is not None and (mine is None or mine.id == holder.id):
        mine, holder = holder, None
    if mine is None:
        return await _born(connection, identity, change, now=now, cause=cause)
    if holder is None:
        owes = known is None or known.owes
        return await _written(connection, mine, identity, change, now=now, cause=cause, owes=owes)
    survivor, gone = older(mine, holder)
    after = numbered(applied(joined(survivor, gone), identity, change), survivor, change.at, absorbed=gone)
    await rows.move(connection, gone, after)
    await rows.swap(connection, survivor, after)
    await rows.see(connection, identity, change.at)
    return await told(connection, after, (after.id, gone.id), now=now, cause=cause)


async def merge(
    connection: AsyncConnection, into: str, other: str, *, at: datetime, now: datetime, cause: str | None
) -> Saved:
    """`Contacts.merge`."""
    survivor_id, gone_id = [await _living(connection, contact_id) for contact_id in (into, other)]
    people = await rows.lock(connection, {survivor_id, gone_id})
    if not {survivor_id, gone_id} <= people.keys():
        raise Collision
    survivor, gone = people[survivor_id], people[gone_id]
    if survivor_id == gone_id:
        return await told(connection, survivor, (), now=now, cause=cause)
    after = numbered(joined(survivor, gone), survivor, at, absorbed=gone)
    await rows.move(connection, gone, after)
    await rows.swap(connection, survivor, after)
    return await told(connection, after, (after.id, gone.id), now=now, cause=cause)


async def delete(
    connection: AsyncConnection, identity: Identity, *, at: datetime, now: datetime, cause: str | None
) -> Contact | None:
    """`Contacts.delete`."""
    known = await rows.known(connection, identity, None)
    if known is None or known.person is None:
        if known is None or known.removed_at is None or at > known.removed_at:
            await rows.detach(connection, identity, at, None if known is None else known.former_id)
        return None if known is None else await _still_owed(connection, known.former_id, cause)
    people = await rows.lock(connection, [known.person.id])
    person = people.get(known.person.id)
    if person is None or identity not in person.identities:
        raise Collision
    if at < person.identities[identity]:
        return person.contact
    await rows.detach(connection, identity, at, person.id)
    after = numbered(without(person, identity), person, at)
    if after.identities:
        await rows.swap(connection, person, after)
    else:
        await rows.bury(connection, person, at)
        after = Person(id=person.id, version=after.version, created_at=person.created_at, updated_at=after.updated_at)
    await told(connection, after, (after.id,), now=now, cause=cause)
    return after.contact


async def told(
    connection: AsyncConnection,
    person: Person,
    changed: Collection[str],
    *,
    now: datetime,
    cause: str | None,
    owes: bool = True,
) -> Saved:
    """Write down what a cause has to publish, and say what it still has; of before only if it `owes` something."""
    if cause is not None:
        if changed:
            row = {"cause": fingerprint(cause), "since": now}
            owing = [{**row, "contact_id": each} for each in sorted(changed)]
            await connection.execute(_owe(connection.dialect.name), owing)
        if owes:
            changed = await owed(connection, cause)
    others = [each for each in changed if each != person.id]
    return Saved(
        contact=person.contact,
        changed=person.id in changed,
        owed=frozenset(changed),
        absorbed=await _aliases(connection, person.id, others) if others else (),
    )


async def owed(connection: AsyncConnection, cause: str) -> frozenset[str]:
    """Ids whose snapshot or tombstone a cause still has to publish."""
    return frozenset((await connection.execute(_OWED, {"cause": fingerprint(cause)})).scalars())


def _holds(person: Person | None, address: str) -> bool:
    """Whether a verified address is somebody's already."""
    return person is not None and person.email_key is not None and person.email_key.value == address


async def _people(
    connection: AsyncConnection, identity: Identity, mine: str | None, address: str
) -> tuple[Person | None, Person | None]:
    """The locked contact that has the identity, and the one that holds a verified address."""
    holder: str | None = (await connection.execute(_HOLDER, {"address": address})).scalar()
    people = await rows.lock(connection, {each for each in (mine, holder) if each is not None})
    person = None if mine is None else people.get(mine)
    other = None if holder is None else people.get(holder)
    # Between finding and locking them others may have merged, deleted or re-addressed them.
    if mine is not None and (person is None or identity not in person.identities):
        raise Collision
    if holder is not None and not _holds(other, address):
        raise Collision
    return person, other


async def _born(
    connection: AsyncConnection, identity: Identity, change: Change, *, now: datetime, cause: str | None
) -> Saved:
    blank = Person(id=uuid4().hex, created_at=now, updated_at=change.at)
    person = numbered(applied(blank, identity, change), None, change.at)
    await rows.add(connection, person)
    await rows.attach(connection, identity, person.id, change.at)
    return await told(connection, person, (person.id,), now=now, cause=cause)


async def _written(
    connection: AsyncConnection,
    before: Person,
    identity: Identity,
    change: Change,
    *,
    now: datetime,
    cause: str | None,
    owes: bool,
) -> Saved:
    state = applied(before, identity, change)
    if state == before:
        return await told(connection, before, (), now=now, cause=cause, owes=owes)
    after = numbered(state, before, change.at)
    await rows.swap(connection, before, after)
    if identity in before.identities:
        await rows.see(connection, identity, change.at)
    else:
        await rows.attach(connection, identity, after.id, change.at)
    changed = (after.id,) if after.version > before.version else ()
    return await told(connection, after, changed, now=now, cause=cause, owes=owes)


async def _living(connection: AsyncConnection, contact_id: str) -> str:
    """The living contact an id leads to."""
    alive = select(contacts.c.id).where(contacts.c.id == contact_id)
    if (await connection.execute(alive)).first() is not None:
        return contact_id
    leads = select(former_contacts.c.into_id).where(former_contacts.c.id == contact_id)
    into: str | None = (await connection.execute(leads)).scalar()
    if into is None:
        raise ContactUnknown(contact_id)
    return into


async def _still_owed(connection: AsyncConnection, contact_id: str | None, cause: str | None) -> Contact | None:
    """The contact an identity was taken from, if this cause did that and has not published it."""
    if contact_id is None or cause is None or contact_id not in await owed(connection, cause):
        return None
    person = await rows.find(connection, contacts.c.id == contact_id)
    if person is not None:
        return person.contact
    statement = select(former_contacts).where(former_contacts.c.id == contact_id)
    former = (await connection.execute(statement)).one()
    return Contact(id=contact_id, version=former.version, updated_at=former.at)


async def _aliases(connection: AsyncConnection, contact_id: str, ids: Collection[str]) -> tuple[str, ...]:
    statement = select(former_contacts.c.id).where(
        former_contacts.c.into_id == contact_id, former_contacts.c.id.in_(sorted(ids))
    )
    return tuple(sorted((await connection.execute(statement)).scalars()))


# Built once, for every message of somebody who is known runs them.
_OWED = select(unpublished.c.contact_id).where(unpublished.c.cause == bindparam("cause"))
_HOLDER = select(contacts.c.id).where(contacts.c.email_key == bindparam("address"))


@cache
def _owe(dialect: str) -> Insert:
    return insert(dialect, unpublished).on_conflict_do_nothing()
