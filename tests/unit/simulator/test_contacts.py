"""Contacts in memory."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from simulator.contacts import ContactFields, Contacts

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)
ONE = datetime(2024, 1, 15, 13, 0, tzinfo=UTC)


def test_a_change_touches_only_what_it_names() -> None:
    """A field left out stays, a null clears."""
    contacts = Contacts()
    fields = ContactFields(email="ada@example.com", name="Ada", phone="+15550001", tags=["vip"])
    contact = contacts.create("contact_1", fields, NOON)
    changed = contacts.change(contact, ContactFields.model_validate({"name": "Ada L.", "phone": None}), ONE)
    assert changed.shown() == {
        "id": "contact_1",
        "email": "ada@example.com",
        "name": "Ada L.",
        "phone": None,
        "tags": ["vip"],
        "attributes": {},
        "createdAt": "2024-01-15T12:00:00Z",
        "updatedAt": "2024-01-15T13:00:00Z",
    }


def test_two_contacts_may_share_an_address() -> None:
    """A contact created twice by mistake must be visible as two."""
    contacts = Contacts()
    for contact_id in ("contact_1", "contact_2"):
        contacts.create(contact_id, ContactFields(email="ada@example.com"), NOON)
    assert [item.id for item in contacts.all("ada@example.com")] == ["contact_1", "contact_2"]


def test_contacts_are_bounded() -> None:
    """The oldest is forgotten."""
    contacts = Contacts(max_items=1)
    for contact_id in ("contact_1", "contact_2"):
        contacts.create(contact_id, ContactFields(), NOON)
    assert [item.id for item in contacts.all()] == ["contact_2"]


@pytest.mark.parametrize("body", [{"mail": "x"}, {"email": 5}, {"tags": "vip"}, {"tags": [1]}, {"attributes": []}])
def test_fields_that_do_not_fit_are_refused(body: dict[str, object]) -> None:
    """A typing error in a client shows at once."""
    with pytest.raises(ValidationError):
        ContactFields.model_validate(body)
