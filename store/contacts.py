"""One contact per person, over all sources, written by several lanes at once.

An event that tells nothing new of somebody known is three statements in one transaction: a read, and two that keep its
time, else an older event that comes later would write over what this one said. An older event only reads.

Rows change by compare-and-swap, identities and verified e-mail addresses have unique indexes, and a call repeats until
its swap wins. Ids that were merged away stay as aliases, deleted ones as tombstones.

**Publishing.** A snapshot must reach the log although a worker may die between the commit and the append. So give
`save`, `merge` and `delete` a `cause` that names the attempt's event, the same on every attempt: what the event changed
is then written down in the same transaction, `Saved.changed` and `absorbed` tell of it again when the event is
delivered again, and `published` crosses it out after the log's acknowledgement.
"""

from collections.abc import Collection
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Delete, bindparam, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.contacts import Contact, Identity
from store import contact_rows as rows
from store import contact_snapshots as snapshots
from store import contact_writes as writes
from store.contact_snapshots import Tombstone
from store.contact_tables import appends, contacts, former_contacts, identities, unpublished
from store.contact_writes import Saved
from store.database import Database
from store.digests import fingerprint
from store.person import Change, Person, email_key

__all__ = ["Contacts", "Saved", "Tombstone"]


class Contacts:
    """Tables `contacts`, `identities`, `former_contacts` and `unpublished`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, *, identity: Identity | None = None, email: str | None = None, contact_id: str | None = None
    ) -> Contact | None:
        """The contact with this identity, verified e-mail address or id; ids of merged contacts lead on.

        Raises:
            StoreError: the database failed.
            ValueError: not exactly one of the three is given.
        """
        given = [one for one in (identity, email, contact_id) if one is not None]
        if len(given) != 1:
            raise ValueError("find a contact by exactly one of identity, email and contact_id")
        if identity is not None:
            slot = rows.slot_of(identity)
            where = contacts.c.id == select(identities.c.contact_id).where(identities.c.slot == slot).scalar_subquery()
        elif email is not None:
            where = contacts.c.email_key == email_key(email)
        else:
            into = select(former_contacts.c.into_id).where(former_contacts.c.id == contact_id).scalar_subquery()
            where = contacts.c.id == func.coalesce(into, contact_id)

        async def work(connection: AsyncConnection) -> Person | None:
            return await rows.find(connection, where)

        found = await self._database.read(work)
        return None if found is None else found.contact

    async def get(self, contact_id: str) -> Contact | Tombstone | None:
        """What an id stands for now: a living contact, a tombstone, or nothing. It does not lead on; `find` does.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Contact | Tombstone | None:
            return await snapshots.state_of(connection, contact_id)

        return await self._database.read(work)

    async def save(  # noqa: PLR0913 - the fields of a contact
        self,
        identity: Identity,
        *,
        at: datetime,
        now: datetime,
        name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        attributes: dict[str, JsonValue] | None = None,
        email_verified: bool = False,
        cause: str | None = None,
    ) -> Saved:
        """Find or make the contact of an identity, and write what is given unless a newer event has written it.

        Args:
            identity: who it is, in the words of a source.
            at: the time of the event; each field keeps the newest.
            now: the time.
            name: None or empty says nothing, as with the next two.
            email: kept in any case; merges only if verified.
            phone: as the platform gave it.
            attributes: each has a time of its own.
            email_verified: whether the platform is trusted to have verified the address. Then the contact that holds
                the same verified address becomes one with this one, and the older of the two survives. An address
                that anybody may type must never be taken for verified: whoever types it would become that person.
            cause: names the event, for publishing.

        Raises:
            StoreRefused: the contact would become larger than a contact may be.
            StoreError: the database failed.
        """
        change = Change(
            at=at, name=name, email=email, phone=phone, attributes=attributes or {}, email_verified=email_verified
        )

        async def work(connection: AsyncConnection) -> Saved:
            return await writes.save(connection, identity, change, now=now, cause=cause)

        return await self._database.write(work)

    async def merge(self, into: str, other: str, *, at: datetime, now: datetime, cause: str | None = None) -> Saved:
        """Make two contacts one; `into` survives and the other's id becomes an alias. One already: nothing changes.

        Raises:
            ContactUnknown: one of them does not exist or was deleted.
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Saved:
            return await writes.merge(connection, into, other, at=at, now=now, cause=cause)

        return await self._database.write(work)

    async def delete(
        self, identity: Identity, *, at: datetime, now: datetime, cause: str | None = None
    ) -> Contact | None:
        """Take an identity away, unless a newer event has named it. A contact with none left is deleted.

        Its tombstone stays, and older events do not bring it back. A newer one makes a new contact.

        Returns:
            the contact as it stands then: without identities if it was deleted; None if nobody had the identity.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Contact | None:
            return await writes.delete(connection, identity, at=at, now=now, cause=cause)

        return await self._database.write(work)

    async def unpublished(self, cause: str) -> frozenset[str]:
        """Ids whose snapshot or tombstone this cause still has to publish.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> frozenset[str]:
            return await writes.owed(connection, cause)

        return await self._database.read(work)

    async def appending(self, cause: str, contact_id: str, *, now: datetime) -> Contact | Tombstone | None:
        """What this cause has to append for an id; None if the log has it, or there is nothing to take back from it.

        The append is written down: call `appended` when it was acknowledged.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> Contact | Tombstone | None:
            return await snapshots.begin(connection, contact_id, cause=cause, now=now)

        return await self._database.write(work)

    async def appended(self, cause: str, contact_id: str, version: int) -> Contact | Tombstone | None:
        """The log has acknowledged a version: what has to be appended too, for it moved on; None if it did not.

        Raises:
            StoreError: the database failed; the next attempt appends once more.
        """

        async def work(connection: AsyncConnection) -> Contact | Tombstone | None:
            return await snapshots.end(connection, contact_id, version, cause=cause)

        return await self._database.write(work)

    async def published(self, cause: str, contact_ids: Collection[str]) -> None:
        """The log has the latest of these contacts: this cause owes them no more.

        Raises:
            StoreError: the database failed; the cause will publish them once more.
        """
        if not contact_ids:
            return
        these = {"of_cause": fingerprint(cause), "these": sorted(contact_ids)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_PUBLISHED, these)

        await self._database.write(work)

    async def expire(self, before: datetime, *, limit: int = 10_000) -> int:
        """Forget what causes of before a time still had to publish; returns how many. Call again until it is none.

        Raises:
            StoreError: the database failed.
        """
        gone = 0
        for table in (unpublished, appends):
            columns = (table.c.cause, table.c.contact_id)
            old = delete(table).where(tuple_(*columns).in_(select(*columns).where(table.c.since < before).limit(limit)))

            async def work(connection: AsyncConnection, statement: Delete = old) -> int:
                return (await connection.execute(statement)).rowcount

            gone += await self._database.write(work)
        return gone


_PUBLISHED = delete(unpublished).where(
    unpublished.c.cause == bindparam("of_cause"), unpublished.c.contact_id.in_(bindparam("these", expanding=True))
)
