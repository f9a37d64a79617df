"""Whom an event tells of, and what a platform does not know of them yet."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from clients.account import Contact as PlatformContact
from handlers.sync_contact import Person, missing, person_of, sync_contact
from hookline import (
    Contact,
    ContactCreated,
    ContactDeleted,
    ContactRef,
    ContactSnapshot,
    ContactUpdated,
    ConversationCreated,
    Data,
    HandoffRequested,
    Identity,
    MessageCreated,
)
from hookline.testing import NOW, Done, Harness, event_of

ADA = ContactRef(id="u1", name="Ada", email="ada@example.org", phone="+49 30 1")


def message(contact: ContactRef | None) -> MessageCreated:
    return MessageCreated(message_id="m1", conversation_id="c1", role="user", content="hi", contact=contact)


@pytest.mark.parametrize(
    ("data", "person"),
    [
        (
            ContactCreated(contact_id="u1", name="Ada", attributes={"plan": "pro"}),
            Person("u1", "Ada", attributes={"plan": "pro"}),
        ),
        (ContactDeleted(contact_id="u1"), Person("u1")),
        (message(ADA), Person("u1", "Ada", "ada@example.org", "+49 30 1")),
        (ConversationCreated(conversation_id="c1", contact=ADA), Person("u1", "Ada", "ada@example.org", "+49 30 1")),
        (HandoffRequested(conversation_id="c1", contact=ADA), Person("u1", "Ada", "ada@example.org", "+49 30 1")),
        (message(None), None),
        (message(ContactRef(name="Ada")), None),
        (message(ContactRef(email=" Ada@Example.org ")), Person("email:ada@example.org", email=" Ada@Example.org ")),
        (message(ContactRef(phone="+49 30 1")), Person("phone:+49 30 1", phone="+49 30 1")),
    ],
)
def test_whom_an_event_tells_of(data: Data, person: Person | None) -> None:
    """An id, else an address by which they can be known again; a bare name is nobody."""
    assert person_of(data) == person


def test_what_a_platform_does_not_know() -> None:
    """What differs is told; what only the platform knows is left alone."""
    ours = Contact(id="k1", name="Ada", email="ada@example.org", attributes={"plan": "pro"}, updated_at=NOW)
    theirs = PlatformContact(id="x", name="Ada", email="old@example.org", phone="+1", attributes={"vip": True})
    assert missing(ours, theirs) == {"email": "ada@example.org", "attributes": {"vip": True, "plan": "pro"}}


def test_a_platform_that_knows_everything_is_told_nothing() -> None:
    """Also when it knows more."""
    ours = Contact(id="k1", name="Ada", updated_at=NOW)
    assert missing(ours, PlatformContact(id="x", name="Ada", email="a@b", attributes={"vip": True})) == {}


async def snapshots(*events: Any, **config: Any) -> list[ContactSnapshot]:
    """What is published when these events are handled one after another."""
    found: list[ContactSnapshot] = []
    async with Harness.opened(sync_contact, config=config) as harness:
        for event in events:
            attempt = await harness.run_once(event)
            assert attempt.outcome == Done()
            found += [each.data for each in attempt.published if isinstance(each.data, ContactSnapshot)]
    return found


def told(identity: str, data: Data, *, source: str = "support", time: datetime = NOW) -> Any:
    return event_of(data, identity=identity, source=source, time=time)


async def test_a_new_contact_is_published() -> None:
    """With what the event told."""
    [snapshot] = await snapshots(told("e1", message(ADA)))
    assert (snapshot.name, snapshot.email, snapshot.phone, snapshot.version) == (
        "Ada",
        "ada@example.org",
        "+49 30 1",
        1,
    )


async def test_an_event_that_tells_nothing_new_publishes_nothing() -> None:
    """Every message names its contact: the topic hears of changes only."""
    assert len(await snapshots(told("e1", message(ADA)), told("e2", message(ADA)))) == 1


async def test_a_change_is_published() -> None:
    """Field by field, the newer event wins."""
    newer = ContactUpdated(contact_id="u1", name="Ada Lovelace")
    found = await snapshots(told("e1", message(ADA)), told("e2", newer))
    assert [(each.name, each.email, each.version) for each in found] == [
        ("Ada", "ada@example.org", 1),
        ("Ada Lovelace", "ada@example.org", 2),
    ]


async def test_a_redelivered_event_publishes_again_only_if_it_had_to() -> None:
    """The first delivery was done: the second changes and publishes nothing."""
    event = told("e1", message(ADA))
    assert len(await snapshots(event, event)) == 1


async def test_contacts_of_two_sources_stay_apart_without_a_verified_address() -> None:
    """Anybody can type any address into a chat."""
    found = await snapshots(
        told("e1", ContactCreated(contact_id="u1", email="ada@example.org")),
        told("e2", ContactCreated(contact_id="k1", email="ada@example.org"), source="crm"),
    )
    assert len({each.contact_id for each in found}) == 2


async def test_contacts_with_one_verified_address_become_one() -> None:
    """Where the configuration trusts both sources to have verified it."""
    found = await snapshots(
        told("e1", ContactCreated(contact_id="u1", email="ada@example.org")),
        told("e2", ContactCreated(contact_id="k1", email="Ada@example.org"), source="crm"),
        verified=["support", "crm"],
    )
    assert len({each.contact_id for each in found}) == 1
    assert {identity.source for identity in found[-1].identities} == {"support", "crm"}


async def test_an_event_that_names_nobody_does_nothing() -> None:
    """There is nothing to keep."""
    assert await snapshots(told("e1", message(None))) == []


@pytest.mark.parametrize(
    "data",
    [ContactUpdated(contact_id="u1", email="ada@example.org"), HandoffRequested(conversation_id="c1", contact=ADA)],
)
async def test_what_a_handler_published_is_nobodys_identity(data: Data) -> None:
    """Its source is the handler: an id in it is none of the platform's, and would make a second person."""
    async with Harness.opened(sync_contact) as harness:
        attempt = await harness.run_once(replace(event_of(data, source="crm-mirror"), origin="handler"))
        assert (attempt.outcome, attempt.published) == (Done(), ())
        identity = Identity(source="crm-mirror", platform="mygptassistants", id="u1")
        assert await harness.store.contacts.find(identity=identity) is None


@pytest.mark.parametrize("data", [message(ADA), ContactUpdated(contact_id="u1", email="ada@example.org")])
async def test_a_hint_that_cannot_be_confirmed_tells_of_nobody(data: Data) -> None:
    """Without an account nobody can be asked: said once, and nothing is kept, nor tried again."""
    with capture_logs() as logged:
        async with Harness.opened(sync_contact) as harness:
            for number in range(2):
                event = event_of(data, identity=f"e{number}", unconfirmed=True)
                attempt = await harness.run_once(event)
                assert (attempt.outcome, attempt.published) == (Done(), ())
    assert [each["event"] for each in logged if each["log_level"] == "warning"] == ["contact.unconfirmed"]
