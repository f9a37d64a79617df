"""sync-contact against the simulated platform's contacts, with the real client: what is pushed, and what is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from clients.account import Contact as PlatformContact
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from dispatcher.testing import NOW, Attempt, Harness, event_of
from handlers.sync_contact import sync_contact
from hookline.testing import Done, Retry
from schemas.contacts import Contact, Identity
from schemas.events import ContactRef, ContactSnapshot, ContactUpdated, MessageCreated
from simulator import Fault, Simulator, SystemClock

ADA = ContactRef(id="ada", name="Ada", email="ada@example.org")


@dataclass
class Scene:
    """A platform whose contacts are kept, and the handler that keeps them."""

    simulator: Simulator
    client: MyGPTAssistants
    harness: Harness
    _told: int = 0

    async def tell(self, contact: ContactRef) -> Attempt:
        """Give the handler a message of somebody."""
        self._told += 1
        data = MessageCreated(
            message_id=f"m{self._told}", conversation_id="c1", role="user", content="hi", contact=contact
        )
        return await self.harness.run_once(event_of(data, source="chat"))

    async def tell_of(self, source: str, number: int, contact: ContactUpdated) -> Attempt:
        """Give the handler the number-th word of a source on somebody."""
        event = event_of(contact, source=source, identity=f"{source}/{number}", time=NOW + timedelta(minutes=number))
        return await self.harness.run_once(event)

    async def kept(self, source: str, contact_id: str) -> Contact | None:
        """Who is kept under an id of a source."""
        identity = Identity(source=source, platform="mygptassistants", id=contact_id)
        return await self.harness.store.contacts.find(identity=identity)

    async def there(self) -> list[PlatformContact]:
        """The platform's contacts."""
        return [contact async for contact in self.client.contacts()]


@asynccontextmanager
async def scene(*, contacts: bool = True, verified: tuple[str, ...] = ("chat", "crm")) -> AsyncIterator[Scene]:
    async with Simulator(clock=SystemClock(), seed=1, limits=False) as simulator:
        values: dict[str, Any] = {
            "platform": "mygptassistants",
            "api_key": "mga_key",
            "bot_id": "bot_1",
            "base_url": simulator.base_url(),
            "allow_private": True,
            "contacts": {"enabled": contacts},
            "timeouts": {"connect": "1s", "total": "1s", "deadline": "1s"},
        }
        async with (
            MyGPTAssistants("crm", MyGPTAssistantsSettings.model_validate(values)) as client,
            Harness.opened(sync_contact, config={"push": ["crm"], "verified": verified}, account=client) as harness,
        ):
            yield Scene(simulator, client, harness)


@pytest.fixture
async def crm() -> AsyncIterator[Scene]:
    async with scene() as made:
        yield made


async def test_a_new_person_is_made_there(crm: Scene) -> None:
    """Found by e-mail address, else made; the id they have there is kept with the contact."""
    attempt = await crm.tell(ADA)
    assert attempt.outcome == Done()
    [made] = await crm.there()
    assert (made.name, made.email) == ("Ada", "ada@example.org")
    contact = await crm.harness.store.contacts.find(
        identity=Identity(source="crm", platform="mygptassistants", id=made.id or "")
    )
    assert contact is not None
    assert {identity.source for identity in contact.identities} == {"chat", "crm"}
    last = attempt.published[-1].data
    assert isinstance(last, ContactSnapshot)
    assert (last.contact_id, last.version) == (contact.id, contact.version)


async def test_a_change_is_told_and_nothing_is_made_twice(crm: Scene) -> None:
    """By the id that was learned."""
    await crm.tell(ADA)
    await crm.tell(ADA.model_copy(update={"name": "Ada Lovelace", "phone": "+49 30 1"}))
    assert [(each.name, each.phone) for each in await crm.there()] == [("Ada Lovelace", "+49 30 1")]


async def test_an_event_that_changes_nothing_calls_nobody(crm: Scene) -> None:
    """Messages come by the thousand: the platform is not asked for each."""
    await crm.tell(ADA)
    crm.simulator.misbehave(Fault(kind="server_error", route="data", count=None))
    assert (await crm.tell(ADA)).outcome == Done()


async def test_a_person_without_an_address_is_not_made_there(crm: Scene) -> None:
    """A visitor nobody knows is no contact."""
    assert (await crm.tell(ContactRef(id="visitor-7"))).outcome == Done()
    assert await crm.there() == []


async def test_a_platform_that_is_away_is_told_later(crm: Scene) -> None:
    """The snapshot is published all the same, and the retry pushes though the row has not changed since."""
    crm.simulator.misbehave(Fault(kind="server_error", route="data", count=None))
    first = await crm.tell(ADA)
    assert isinstance(first.outcome, Retry)
    assert len(first.published) == 1
    crm.simulator.behave()
    crm._told -= 1
    assert (await crm.tell(ADA)).outcome == Done()
    assert [each.email for each in await crm.there()] == ["ada@example.org"]


async def test_a_platform_without_contacts_is_said_once_and_not_retried(capsys: pytest.CaptureFixture[str]) -> None:
    """Handlers carry on where a platform has nothing."""
    async with scene(contacts=False) as made:
        outcomes = [
            (await made.tell(ADA)).outcome,
            (await made.tell(ADA.model_copy(update={"name": "Ada Lovelace"}))).outcome,
        ]
    assert outcomes == [Done(), Done()]
    assert capsys.readouterr().out.count("ability.lacked") == 1


CAROL = PlatformContact(name="Carol", email="carol@example.org", phone="+1")
MALLORY = {"contact_id": "m", "name": "Mallory", "email": "Carol@example.org", "phone": "+666"}


@pytest.mark.parametrize("verified", [(), ("crm",), ("chat",)], ids=["nobody", "the-account", "the-source"])
async def test_who_types_an_address_does_not_become_its_owner(
    verified: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """In whatever order they are told of: two people stay two, and the platform's record stays as it was."""
    for order in sorted(set(permutations(("carol", "mallory", "mallory", "carol")))):
        async with scene(verified=verified) as made:
            carol = await made.client.create_contact(CAROL)
            theirs = {"contact_id": carol.id, **CAROL.model_dump(include={"name", "email", "phone"})}
            for number, who in enumerate(order):
                source, told = ("chat", MALLORY) if who == "mallory" else ("crm", theirs)
                assert (await made.tell_of(source, number, ContactUpdated.model_validate(told))).outcome == Done()
            assert await made.there() == [carol]
            kept = [await made.kept("crm", carol.id or ""), await made.kept("chat", "m")]
            assert [one and (one.name, one.phone, len(one.identities)) for one in kept] == [
                ("Carol", "+1", 1),
                ("Mallory", "+666", 1),
            ]
        assert capsys.readouterr().out.count("contact.unpushed") == 1


async def test_an_id_is_somebody_only_at_its_own_source() -> None:
    """Another source's visitor with the id of an account's contact is not that contact."""
    async with scene(verified=()) as made:
        carol = await made.client.create_contact(CAROL)
        mallory = ContactUpdated.model_validate({**MALLORY, "contact_id": carol.id})
        assert (await made.tell_of("chat", 1, mallory)).outcome == Done()
        assert await made.there() == [carol]
