"""Contacts as rows: reading people, and the statements that swap one state of them for the next."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, Select, Update, bindparam, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from schemas.contacts import Identity
from store.columns import micros, moment
from store.contact_tables import contacts, former_contacts, identities, unpublished
from store.database import Collision
from store.dialects import insert
from store.digests import fingerprint
from store.foreign import is_conflict
from store.person import Person, Written, canonical

_FIELDS = ("name", "email", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of an identity."""

    # Who has it; None: it was taken away, by an event of `removed_at` and from `former_id`.
    person: Person | None
    removed_at: datetime | None
    former_id: str | None
    # Whether a cause still has something to publish.
    owes: bool


def slot_of(identity: Identity) -> bytes:
    """What stands for an identity in its unique index."""
    return fingerprint(identity.source, identity.platform, identity.id)


async def known(connection: AsyncConnection, identity: Identity, cause: bytes | None) -> Known | None:
    """An identity and who has it, read in one statement; None if it was never seen. `cause` is a fingerprint."""
    found = (await connection.execute(_KNOWN, {"of_slot": slot_of(identity), "of_cause": cause})).all()
    if not found:
        return None
    first = found[0]
    return Known(
        person=None if first.id is None else person_of(found),
        removed_at=first.removed_at,
        former_id=first.former_id,
        owes=first.owes,
    )


async def find(connection: AsyncConnection, where: ColumnElement[bool]) -> Person | None:
    """The one contact of a condition, read in one statement: its fields and identities are of one moment."""
    rows = (await connection.execute(PEOPLE.where(where))).all()
    return person_of(rows) if rows else None


async def lock(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, Person]:
    """Read contacts and keep others from changing them until the commit. Those that are gone are left out."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    # Locked in one order by everyone, so that two merges of one pair wait instead of deadlocking.
    locking = select(contacts.c.id).where(contacts.c.id.in_(wanted)).order_by(contacts.c.id).with_for_update()
    await connection.execute(locking)
    found: dict[str, list[Any]] = {}
    for row in await connection.execute(PEOPLE.where(contacts.c.id.in_(wanted))):
        found.setdefault(row.id, []).append(row)
    return {contact_id: person_of(rows) for contact_id, rows in found.items()}


async def add(connection: AsyncConnection, person: Person) -> None:
    """Write a new contact.

    Raises:
        Collision: somebody has its verified address by now.
    """
    await _unique(connection, _new(connection.dialect.name), {"id": person.id, **_values(person)})


async def swap(connection: AsyncConnection, before: Person, after: Person) -> None:
    """Replace a contact's row if it is still as it was.

    Raises:
        Collision: it is not, or somebody has its verified address by now.
    """
    row = {"of_id": before.id, "of_revision": before.revision, **_values(after)}
    if await _unique(connection, _SWAP, row) == 0:
        raise Collision


async def move(connection: AsyncConnection, gone: Person, into: Person) -> None:
    """Give all that one contact has to another and leave an alias in its place. `into`'s own row is not written.

    Raises:
        Collision: the contact is not as it was.
    """
    await connection.execute(update(identities).where(identities.c.contact_id == gone.id).values(contact_id=into.id))
    await connection.execute(
        update(former_contacts).where(former_contacts.c.into_id == gone.id).values(into_id=into.id)
    )
    await _remove(connection, gone)
    former = {"id": gone.id, "into_id": into.id, "version": gone.version + 1, "at": into.updated_at}
    await connection.execute(insert(connection.dialect.name, former_contacts).values(former))


async def bury(connection: AsyncConnection, gone: Person, at: datetime) -> None:
    """Delete a contact that has no identity left, and leave a tombstone.

    Raises:
        Collision: the contact is not as it was.
    """
    await connection.execute(update(former_contacts).where(former_contacts.c.into_id == gone.id).values(into_id=None))
    await _remove(connection, gone)
    former = {"id": gone.id, "into_id": None, "version": gone.version + 1, "at": at}
    await connection.execute(insert(connection.dialect.name, former_contacts).values(former))


async def attach(connection: AsyncConnection, identity: Identity, contact_id: str, at: datetime) -> None:
    """Give a contact an identity that nobody has.

    Raises:
        Collision: somebody has it by now.
    """
    row = {
        "contact_id": contact_id,
        "source": identity.source,
        "platform": identity.platform,
        "identity": identity.id,
        "seen_at": at,
        "removed_at": None,
        "former_id": None,
    }
    attached = await connection.execute(_attach(connection.dialect.name), {"slot": slot_of(identity), **row})
    if attached.rowcount == 0:
        raise Collision


async def see(connection: AsyncConnection, identity: Identity, at: datetime) -> None:
    """Remember the newest event that named an identity."""
    await connection.execute(_SEE, {"of_slot": slot_of(identity), "at": at})


async def detach(connection: AsyncConnection, identity: Identity, at: datetime, former_id: str | None) -> None:
    """Take an identity away from whoever has it; its digest stays, its texts go."""
    row = {
        "contact_id": None,
        "source": None,
        "platform": None,
        "identity": None,
        "seen_at": None,
        "removed_at": at,
        "former_id": former_id,
    }
    statement = insert(connection.dialect.name, identities).values(slot=slot_of(identity), **row)
    await connection.execute(statement.on_conflict_do_update(index_elements=["slot"], set_=row))


async def _unique(connection: AsyncConnection, statement: Insert | Update, row: Mapping[str, Any]) -> int:
    """Run a statement that a unique index may refuse; returns how many rows it wrote."""
    try:
        return (await connection.execute(statement, row)).rowcount
    except IntegrityError as error:
        if is_conflict(error):
            raise Collision from None
        raise


async def _remove(connection: AsyncConnection, gone: Person) -> None:
    statement = delete(contacts).where(contacts.c.id == gone.id, contacts.c.revision == gone.revision)
    if (await connection.execute(statement)).rowcount == 0:
        raise Collision


def person_of(rows: Sequence[Any]) -> Person:
    """One contact, of its rows in `PEOPLE`."""
    row = rows[0]._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    known = {name: Written(row[name], row[f"{name}_at"]) for name in _FIELDS if row[name] is not None}
    return Person(
        id=row["id"],
        version=row["version"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        fields=known,
        attributes={name: Written(value, moment(at)) for name, (value, at) in json.loads(row["attributes"]).items()},
        email_key=None if row["email_key"] is None else Written(row["email_key"], row["email_key_at"]),
        identities={
            Identity(source=each.source, platform=each.platform, id=each.identity): each.seen_at
            for each in rows
            if each.source is not None
        },
    )


# Built once, for every message of somebody who is known runs them.
_OF_PERSON = (contacts, identities.c.source, identities.c.platform, identities.c.identity, identities.c.seen_at)
PEOPLE: Select[Any] = select(*_OF_PERSON).select_from(
    contacts.outerjoin(identities, identities.c.contact_id == contacts.c.id)
)
"""Contacts, each with a row per identity."""
_GIVEN = identities.alias("given")
_KNOWN = (
    select(
        *_OF_PERSON,
        _GIVEN.c.removed_at,
        _GIVEN.c.former_id,
        exists().where(unpublished.c.cause == bindparam("of_cause")).label("owes"),
    )
    .select_from(
        _GIVEN.outerjoin(contacts, contacts.c.id == _GIVEN.c.contact_id).outerjoin(
            identities, identities.c.contact_id == contacts.c.id
        )
    )
    .where(_GIVEN.c.slot == bindparam("of_slot"))
)
# Which columns, the parameters say.
_SWAP = update(contacts).where(contacts.c.id == bindparam("of_id"), contacts.c.revision == bindparam("of_revision"))
_SEE = (
    update(identities)
    .where(identities.c.slot == bindparam("of_slot"), identities.c.seen_at < bindparam("at"))
    .values(seen_at=bindparam("at"))
)


@cache
def _new(dialect: str) -> Insert:
    return insert(dialect, contacts)


@cache
def _attach(dialect: str) -> Insert:
    statement = insert(dialect, identities)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["slot"],
        set_={column.name: new[column.name] for column in identities.c if column.name != "slot"},
        where=identities.c.contact_id.is_(None) & (identities.c.removed_at < new.seen_at),
    )


def _values(person: Person) -> dict[str, Any]:
    written = {name: person.fields.get(name) for name in _FIELDS} | {"email_key": person.email_key}
    fields = {name: None if value is None else value.value for name, value in written.items()}
    times = {f"{name}_at": None if value is None else value.at for name, value in written.items()}
    return {
        **fields,
        **times,
        "version": person.version,
        "revision": person.revision,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "attributes": canonical({name: [value.value, micros(value.at)] for name, value in person.attributes.items()}),
    }
