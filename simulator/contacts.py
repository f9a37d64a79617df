"""Contacts a platform keeps, in memory and bounded.

MyGPTAssistants announces a Contact API and documents none of it: fields and paths are the neutral default that a
client must be able to switch on, so nothing here says how the real one behaves.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simulator.wire import JsonObject, iso


class ContactFields(BaseModel):
    """What a caller may set: all optional, null clears, an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    tags: list[str] = Field(default_factory=list)
    attributes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact; a change makes a new value."""

    id: str
    fields: ContactFields
    created_at: datetime
    updated_at: datetime

    def shown(self) -> JsonObject:
        """Return the contact as the API shows it."""
        times = {"createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at)}
        return {"id": self.id, **self.fields.model_dump(), **times}


class Contacts:
    """All contacts, oldest first; e-mail addresses need not be unique, so that a doubled create can be seen."""

    def __init__(self, *, max_items: int = 2_000) -> None:
        self._max_items = max_items
        self._by_id: dict[str, Contact] = {}

    def create(self, contact_id: str, fields: ContactFields, at: datetime) -> Contact:
        """Keep a new contact; beyond the bound the oldest is forgotten."""
        contact = Contact(contact_id, fields, created_at=at, updated_at=at)
        self._by_id[contact_id] = contact
        if len(self._by_id) > self._max_items:
            del self._by_id[next(iter(self._by_id))]
        return contact

    def get(self, contact_id: str) -> Contact | None:
        """Return the contact or None."""
        return self._by_id.get(contact_id)

    def change(self, contact: Contact, fields: ContactFields, at: datetime) -> Contact:
        """Set the fields that the caller named, and only those."""
        named = {name: getattr(fields, name) for name in fields.model_fields_set}
        changed = Contact(contact.id, contact.fields.model_copy(update=named), contact.created_at, updated_at=at)
        self._by_id[contact.id] = changed
        return changed

    def delete(self, contact_id: str) -> Contact | None:
        """Remove a contact and return it, or None."""
        return self._by_id.pop(contact_id, None)

    def all(self, email: str | None = None) -> list[Contact]:
        """Return the contacts, or those with exactly this e-mail address."""
        return [item for item in self._by_id.values() if email is None or item.fields.email == email]

    def clear(self) -> None:
        """Forget everything."""
        self._by_id.clear()
