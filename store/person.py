"""What a save, a merge and a delete make of a contact: pure functions of values.

Each field keeps the time of the event that wrote it, and the newer event wins; of two events of one time the one that
comes later wins, for platforms whose clocks tick in seconds. So in whatever order events of different times arrive, the
fields end the same.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from schemas.contacts import Contact, Identity
from store.errors import StoreRefused

MAX_IDENTITIES = 1_000
"""A contact with more is no person but an address that many share."""
MAX_ATTRIBUTES = 256 * 1024
"""Bytes of a contact's attributes as JSON: its snapshot must fit into one record."""

# RFC 5321 4.5.3.1.3: a path has at most 256 octets, two of them the brackets.
_MAX_EMAIL = 254
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Written:
    """A value and the time of the event that wrote it."""

    value: Any
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one event says about a person. None and empty texts say nothing."""

    at: datetime
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    email_verified: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """What it says of the plain fields."""
        given = {"name": self.name, "email": self.email, "phone": self.phone}
        return {name: value for name, value in given.items() if value and value.strip()}

    @property
    def email_key(self) -> str | None:
        """The address it may merge by."""
        return email_key(self.email or "") if self.email_verified else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact with all that is kept to decide about it."""

    id: str
    version: int = 0
    revision: int = 0
    created_at: datetime
    updated_at: datetime
    # name, email and phone, where known.
    fields: Mapping[str, Written] = field(default_factory=dict)
    attributes: Mapping[str, Written] = field(default_factory=dict)
    # The newest verified address, folded.
    email_key: Written | None = None
    # Identity → the newest event that named it.
    identities: Mapping[Identity, datetime] = field(default_factory=dict)

    @property
    def contact(self) -> Contact:
        """What others see of it."""
        return Contact(
            id=self.id,
            **{name: written.value for name, written in self.fields.items()},
            attributes={name: written.value for name, written in sorted(self.attributes.items())},
            identities=tuple(sorted(self.identities, key=lambda known: (known.source, known.platform, known.id))),
            version=self.version,
            updated_at=self.updated_at,
        )


def email_key(email: str) -> str | None:
    """An e-mail address folded for comparing, None if it is none.

    Case is folded in the part before the @ too: it may matter by RFC 5321, and matters to no provider people use.
    """
    folded = email.strip().casefold()
    return folded if len(folded) <= _MAX_EMAIL and _EMAIL.fullmatch(folded) else None


def wins(at: datetime, over: Written | None) -> bool:
    """Whether an event of that time may write over a value."""
    return over is None or at >= over.at


def older(one: Person, other: Person) -> tuple[Person, Person]:
    """The two in the order in which they were made: the first one's id survives a merge."""
    first, second = sorted((one, other), key=lambda person: (person.created_at, person.id))
    return first, second


def applied(person: Person, identity: Identity, change: Change) -> Person:
    """The person after an event that named this identity.

    Raises:
        StoreRefused: it would become larger than a contact may be.
    """
    new = {name: Written(value, change.at) for name, value in change.fields.items()}
    attributes = {name: Written(value, change.at) for name, value in change.attributes.items()}
    key = None if change.email_key is None else Written(change.email_key, change.at)
    return _bounded(
        replace(
            person,
            fields=_newest(person.fields, new),
            attributes=_newest(person.attributes, attributes),
            email_key=key if key is not None and wins(key.at, person.email_key) else person.email_key,
            identities=_latest(person.identities, {identity: change.at}),
        )
    )


def joined(survivor: Person, other: Person) -> Person:
    """One person of two: the survivor's id, each field from whom the newer event wrote it, everybody's identities.

    Raises:
        StoreRefused: it would become larger than a contact may be.
    """
    mine, others = survivor.email_key, other.email_key
    return _bounded(
        replace(
            survivor,
            fields=_newest(other.fields, survivor.fields),
            attributes=_newest(other.attributes, survivor.attributes),
            email_key=mine if mine is not None and wins(mine.at, others) else others,
            identities=_latest(other.identities, survivor.identities),
            updated_at=max(survivor.updated_at, other.updated_at),
        )
    )


def without(person: Person, identity: Identity) -> Person:
    """The person after one identity was taken away; it may have none left."""
    return replace(person, identities={known: at for known, at in person.identities.items() if known != identity})


def numbered(person: Person, before: Person | None, at: datetime, *, absorbed: Person | None = None) -> Person:
    """Give a new state its numbers: a new version if a reader can see a difference, a new revision in any case.

    Args:
        person: the new state.
        before: the same contact's state before, None if it is new.
        at: the time of the event.
        absorbed: another contact that went into it; its version is left behind too.
    """
    versions = [known.version for known in (before, absorbed) if known is not None]
    changed = before is None or absorbed is not None or visible(person) != visible(before)
    return replace(
        person,
        version=max(versions, default=0) + 1 if changed else person.version,
        revision=person.revision + 1,
        updated_at=max(person.updated_at, at) if changed else person.updated_at,
    )


def visible(person: Person) -> str:
    """What a reader can see, as text: `1`, `1.0` and `true` are equal in Python and not in JSON."""
    seen = person.contact.model_dump(mode="json", exclude={"version", "updated_at"})
    return canonical({**seen, "attributes": {name: written.value for name, written in person.attributes.items()}})


def canonical(value: Any) -> str:
    """JSON in ASCII, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _newest(old: Mapping[str, Written], new: Mapping[str, Written]) -> dict[str, Written]:
    """Both, the newer value of each name; of one time the new one."""
    return {**old, **{name: written for name, written in new.items() if wins(written.at, old.get(name))}}


def _latest(old: Mapping[Identity, datetime], new: Mapping[Identity, datetime]) -> dict[Identity, datetime]:
    return {**old, **{known: max(at, old.get(known, at)) for known, at in new.items()}}


def _bounded(person: Person) -> Person:
    if len(person.identities) > MAX_IDENTITIES:
        raise StoreRefused(
            f"Contact {person.id} would have more than {MAX_IDENTITIES:,} identities: an e-mail address that many"
            " people share was taken for verified. Mark it as unverified at its source."
        )
    if len(canonical({name: written.value for name, written in person.attributes.items()})) > MAX_ATTRIBUTES:
        raise StoreRefused(
            f"Contact {person.id} would have more than {MAX_ATTRIBUTES:,} bytes of attributes: keep fewer of them."
        )
    return person
