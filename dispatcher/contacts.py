"""`ctx.contacts`: the store's contacts, in the words of the plugin API, and their snapshots in the log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from dispatcher import given
from dispatcher.clock import Clock
from dispatcher.publish import snapshot_of, tombstone_of
from eventlog.log import EventLog
from schemas.contacts import Contact, Identity
from schemas.events import Event
from schemas.record import Record
from schemas.topics import Topics
from store import contacts as stored


@dataclass(slots=True, kw_only=True)
class EntryContacts:
    """The contacts, as one attempt at one event sees and changes them."""

    contacts: stored.Contacts
    log: EventLog
    topics: Topics
    clock: Clock
    entry: str
    event: Event
    # Raises ContextMisused when the attempt has ended.
    require_under_way: Callable[[], None]
    # What this attempt published: crossed out in the store when the event is settled.
    published: set[str] = field(default_factory=set)
    # What the store said that this event has to publish, which nobody else changes; None: it did not say.
    _owed: frozenset[str] | None = None
    # Calls that may have changed something, and of which the store did not say what.
    _untold: int = 0

    @property
    def cause(self) -> str:
        """Names this event to the store, the same on every attempt."""
        return f"{self.entry}/{self.event.source}/{self.event.id}"

    async def find(
        self, *, identity: Identity | None = None, email: str | None = None, contact_id: str | None = None
    ) -> Contact | None:
        """The contact with this identity, verified e-mail address or id of ours."""
        self.require_under_way()
        call = "ctx.contacts.find"
        return await self.contacts.find(
            identity=None if identity is None else given.identity(f"{call}(identity=...)", identity),
            email=given.maybe_text(f"{call}(email=...)", email),
            contact_id=None if contact_id is None else given.contact_id(f"{call}(contact_id=...)", contact_id),
        )

    async def save(
        self,
        identity: Identity,
        *,
        at: datetime,
        name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        attributes: Mapping[str, JsonValue] | None = None,
        email_verified: bool = False,
    ) -> Contact:
        """Find or make the contact of an identity and write what is given, unless a newer event has written it."""
        self.require_under_way()
        call = "ctx.contacts.save"
        saving = self.contacts.save(
            given.identity(f"{call}(identity=...)", identity),
            at=given.moment(f"{call}(at=...)", at),
            now=self.clock.now(),
            name=given.maybe_text(f"{call}(name=...)", name),
            email=given.maybe_text(f"{call}(email=...)", email),
            phone=given.maybe_text(f"{call}(phone=...)", phone),
            attributes=None if attributes is None else given.values(f"{call}(attributes=...)", attributes),
            email_verified=given.yes_or_no(f"{call}(email_verified=...)", email_verified),
            cause=self.cause,
        )
        self._untold += 1
        return self._told(await saving)

    async def merge(self, into: str, other: str, *, at: datetime) -> Contact:
        """Make two contacts one; the other's id stays as an alias."""
        self.require_under_way()
        into, other = (given.contact_id("ctx.contacts.merge(into, other)", each) for each in (into, other))
        at = given.moment("ctx.contacts.merge(at=...)", at)
        self._untold += 1
        merged = await self.contacts.merge(into, other, at=at, now=self.clock.now(), cause=self.cause)
        return self._told(merged)

    async def delete(self, identity: Identity, *, at: datetime) -> Contact | None:
        """Take an identity away; a contact without identities is deleted."""
        self.require_under_way()
        identity = given.identity("ctx.contacts.delete(identity=...)", identity)
        at = given.moment("ctx.contacts.delete(at=...)", at)
        self._untold += 1
        return await self.contacts.delete(identity, at=at, now=self.clock.now(), cause=self.cause)

    async def changed(self) -> frozenset[str]:
        """Ids that this event changed and has to publish, until it is done."""
        if self._untold or self._owed is None:
            return await self.contacts.unpublished(self.cause)
        return self._owed

    async def publish(self, contact_id: str) -> None:
        """Publish what the store has of an id, unless the log has it, and again while somebody changes it meanwhile.

        Two lanes may publish one person at once. Whoever appends last has read after the other's change was written,
        or sees on reading again that the version moved: so the log always ends with the latest.
        """
        contact_id = given.contact_id("ctx.contacts.publish(contact_id)", contact_id)
        state = await self.contacts.appending(self.cause, contact_id, now=self.clock.now())
        while state is not None:
            await self.log.append(self._record(state)).offset()
            state = await self.contacts.appended(self.cause, contact_id, state.version)
        self.published.add(contact_id)

    async def settle(self) -> None:
        """The event is done: it owes the log nothing of what it published."""
        self._owed = None
        await self.contacts.published(self.cause, self.published)

    def _told(self, saved: stored.Saved) -> Contact:
        self._untold -= 1
        self._owed = saved.owed | (self._owed or frozenset())
        return saved.contact

    def _record(self, state: Contact | stored.Tombstone) -> Record:
        now = self.clock.now()
        if isinstance(state, stored.Tombstone):
            return tombstone_of(state.id, topics=self.topics, now=now)
        return snapshot_of(state, entry=self.entry, cause=self.event, topics=self.topics, now=now)
