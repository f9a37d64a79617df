"""The contacts of the projects at YourGPT, their tags, lists and companies; in memory and bounded.

Sources: contacts, contact-tags, contact-lists and contact-companies below
https://docs.yourgpt.ai/chatbot/api-reference. Chosen: one contact for each e-mail address, and everything about making,
changing and removing contacts, of which no page tells.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator import yourgpt_forms as forms
from simulator.platforms import Surroundings
from simulator.recent import Latest
from simulator.wire import JsonObject


class People:
    """All contacts by number, whatever their project, oldest first."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._contacts = Latest[int, JsonObject]()
        self._tags = Latest[tuple[str, str], JsonObject]()
        self._lists = Latest[int, JsonObject]()
        self._order: dict[int, str] = {}
        self._last = around.random.randrange(10**4, 10**6)

    def clear(self) -> None:
        """Forget everything."""
        self._order.clear()
        for kept in (self._contacts, self._tags, self._lists):
            kept.clear()

    def get(self, contact_id: int, project: str) -> JsonObject | None:
        """Return a contact of a project, or None."""
        return self._contacts.get(contact_id) if self._order.get(contact_id) == project else None

    def all(self, project: str) -> Sequence[JsonObject]:
        """Return the contacts of a project, oldest first."""
        found = (self._contacts.get(number) for number, owner in self._order.items() if owner == project)
        return [contact for contact in found if contact is not None]

    def make(self, project: str, fields: Mapping[str, Any]) -> JsonObject:
        """Keep a new contact."""
        contact = {
            "id": self._next(),
            "project_id": forms.project_id(project),
            "name": None,
            "email": None,
            "phone": None,
            "type": "lead",
            "tags": None,
            "company_id": None,
            **self._times(),
            **fields,
        }
        self._order[contact["id"]] = project
        self._contacts.set(contact["id"], contact)
        for gone in [number for number in self._order if self._contacts.get(number) is None]:
            del self._order[gone]
        return contact

    def change(self, contact: JsonObject, fields: Mapping[str, Any]) -> None:
        """Set fields of a contact."""
        contact |= {**fields, "updatedAt": forms.iso(self._around.clock.now())}

    def remove(self, contact_id: int) -> None:
        """Forget a contact."""
        self._order.pop(contact_id, None)

    def met(self, project: str, contact_id: int | None, told: Mapping[str, str]) -> int:
        """Take what a visitor told of themselves, and return the number of the contact they are."""
        by_mail = next((one for one in self.all(project) if told.get("email") and one["email"] == told["email"]), None)
        contact = by_mail or (None if contact_id is None else self.get(contact_id, project))
        if contact is None:
            contact = self.make(project, told)
        self.change(contact, told)
        return int(contact["id"])

    def make_tag(self, project: str, name: str) -> JsonObject:
        """Keep a tag."""
        tag = {"id": self._next(), "name": name, "project_id": forms.project_id(project), **self._times()}
        return self._tags.set((project, name), tag)

    def has_tag(self, project: str, name: str) -> bool:
        """Say whether a tag exists."""
        return self._tags.get((project, name)) is not None

    def make_list(self, project: str, fields: Mapping[str, Any]) -> JsonObject:
        """Keep a list."""
        made = {"id": self._next(), "project_id": forms.project_id(project), "icon": None, **fields, **self._times()}
        return self._lists.set(made["id"], made)

    def list(self, list_id: int, project: str) -> JsonObject | None:
        """Return a list of a project, or None."""
        found = self._lists.get(list_id)
        fits = found is not None and found["project_id"] == forms.project_id(project) and not found.get("deleted")
        return found if fits else None

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _times(self) -> dict[str, str]:
        now = forms.iso(self._around.clock.now())
        return {"createdAt": now, "updatedAt": now}
