"""The handlers that come with hookline on YourGPT: simulated platform, real receiver, real client, hints confirmed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from clients.yourgpt import YourGPT
from dispatcher.testing import event_of
from handlers.api import Handler
from handlers.follow_up_chat import follow_up_chat
from handlers.sync_contact import sync_contact
from hookline.testing import Done, Retry
from schemas.contacts import Contact, Identity
from schemas.envelope import decode
from schemas.events import ContactRef, MessageCreated
from simulator import Fault
from simulator.yourgpt import YourGPT as Platform
from tests.contract import scenes
from tests.contract.scenes import NOON, QUICK
from tests.contract.yourgpt_wire import open_client

FOLLOW_UP = {"message": "Did that answer your question, {name}?", "after": "10m"}
ADA = {"name": "Ada", "email": "ada@example.org", "phone": "+15550001"}
PUSH = {"push": ["helpdesk"], "verified": ["support", "helpdesk"]}
BY_KEY: dict[str, Any] = {"api_key": "apk-1", "widget_uid": "demo"}
BY_TOKEN: dict[str, Any] = {"api_key": "api-v1-1", "project_uid": "demo"}


class Scene(scenes.Scene[YourGPT]):
    """A visitor of the widget."""

    name = "yourgpt"
    visitor = ADA

    @property
    def platform(self) -> Platform:
        found = self.simulator.world.platform(self.name)
        assert isinstance(found, Platform)
        return found

    async def ours(self) -> list[tuple[str, str]]:
        """Our messages in the conversation, and as whom they were sent."""
        assert self.conversation is not None
        history = self.client.history(self.conversation)
        return [(one.role, one.content) async for one in history if one.content.startswith("Did that")]

    async def person(self, identity: str) -> Contact | None:
        """Who is kept under an id of the source."""
        known = Identity(source="shop", platform="yourgpt", id=identity)
        return await self.harness.store.contacts.find(identity=known)


@asynccontextmanager
async def scene(
    folder: Path, handler: Handler[Any, Any], config: dict[str, Any], *, confirm: bool = True, **account: Any
) -> AsyncIterator[Scene]:
    client = partial(open_client, timeouts=QUICK, **(account or BY_KEY))
    async with Scene.play(folder, handler, config, client, source="shop", confirm=confirm) as made:
        yield made


@pytest.fixture(params=[BY_KEY, BY_TOKEN], ids=["key", "token"])
async def asked(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The visitor asked, the bot answered, and follow-up-chat was told."""
    async with scene(tmp_path, follow_up_chat, FOLLOW_UP, **request.param) as made:
        await made.tell(await made.say("When do you open?"))
        yield made


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Scene]:
    """The visitor asked, and sync-contact was told."""
    async with scene(tmp_path, sync_contact, PUSH, **BY_TOKEN) as made:
        await made.tell(await made.say("When do you open?"))
        yield made


async def test_the_address_is_tried_and_every_event_is_a_hint(asked: Scene) -> None:
    """The ping is answered 200; the question and the answer are marked."""
    pinged = next(one for one in asked.simulator.deliveries if one.event.type == "ping")
    assert [attempt.status for attempt in pinged.attempts] == [200]
    events = [decode(record) for record in await asked.running.records("conversations")]
    assert [(event.unconfirmed, event.key) for event in events] == [(True, asked.conversation)] * 2


# ----------------------------------------------------------------------------------------- follow-up-chat


async def test_it_writes_once_after_the_silence(asked: Scene) -> None:
    """As the assistant, which does not wake the bot, and by the name that the platform tells."""
    assert await asked.silence("9m") == []
    [attempt] = await asked.silence("2m")
    assert attempt.outcome == Done()
    assert await asked.ours() == [("assistant", "Did that answer your question, Ada?")]


async def test_it_does_not_follow_itself(asked: Scene) -> None:
    """Its own message comes back as the assistant's, and sets no timer."""
    await asked.silence()
    [event] = await asked.events()
    [told] = await asked.tell([event])
    assert told.timers == {}
    assert await asked.silence("1h") == []


async def test_a_visitor_who_answers_is_left_in_peace(asked: Scene) -> None:
    """Told or untold."""
    await asked.say("Thank you")
    assert [attempt.outcome for attempt in await asked.silence()] == [Done()]
    assert await asked.ours() == []


@pytest.mark.parametrize("kind", ["server_error", "reset"])
async def test_lost_answer_does_not_send_twice(asked: Scene, kind: str) -> None:
    """The message was sent and the answer lost: the next attempt finds it in the history."""
    asked.simulator.misbehave(Fault.model_validate({"kind": kind, "route": "chat", "when": "after"}))
    [first] = await asked.silence()
    assert isinstance(first.outcome, Retry)
    again = await asked.harness.run_once(first.event, attempt=2)
    assert (again.outcome, len(await asked.ours())) == (Done(), 1)


@pytest.mark.parametrize(
    "forged",
    [
        {"message_id": "1"},
        {"conversation_id": "5", "message_id": "1"},
        {"conversation_id": "no-such-uid", "message_id": "1"},
    ],
)
async def test_forged_message_sends_nothing(tmp_path: Path, forged: dict[str, str]) -> None:
    """The platform does not show what it says: nothing is sent, nothing is retried."""
    async with scene(tmp_path, follow_up_chat, FOLLOW_UP) as made:
        await made.say("When do you open?")
        told = {"conversation_id": made.conversation, "role": "assistant", "content": "x"} | forged
        data = MessageCreated.model_validate(told)
        event = event_of(data, source="shop", platform="yourgpt", time=NOON, unconfirmed=True)
        await made.tell([event])
        with capture_logs() as logs:
            assert [attempt.outcome for attempt in await made.silence()] == [Done()]
        assert await made.ours() == []
    assert [line["reason"] for line in logs if line["event"] == "followup.skipped"] == [
        "nobody signed what asked for it, and the platform does not show it"
    ]


async def test_without_confirm_it_is_believed(tmp_path: Path) -> None:
    """The source says so: what it tells is not looked up, and a session that is gone is told, as on any platform."""
    async with scene(tmp_path, follow_up_chat, FOLLOW_UP, confirm=False) as made:
        events = await made.say("When do you open?")
        assert [event.unconfirmed for event in events] == [False, False]
        await made.tell(events)
        made.platform.reset()
        with capture_logs() as logs:
            [attempt] = await made.silence()
        assert attempt.outcome == Done()
    assert [line["reason"] for line in logs if line["event"] == "followup.skipped"] == [
        "the platform does not know the conversation"
    ]


# ----------------------------------------------------------------------------------------- sync-contact


async def test_who_somebody_is_comes_from_the_platform(crm: Scene) -> None:
    """The deliveries name nobody; the session's contact does."""
    [there] = crm.platform.people.all("demo")
    contact = await crm.person(str(there["id"]))
    assert contact is not None
    assert (contact.name, contact.email, contact.phone) == ("Ada", "ada@example.org", "+15550001")


async def test_what_a_hint_says_of_somebody_is_not_kept(crm: Scene) -> None:
    """A forged contact changes nobody."""
    data = MessageCreated(
        message_id="m",
        conversation_id=crm.conversation or "",
        role="user",
        content="hi",
        contact=ContactRef(id="9", email="eve@example.org"),
    )
    event = event_of(data, source="shop", platform="yourgpt", time=NOON, unconfirmed=True)
    [attempt] = await crm.tell([event])
    assert (attempt.outcome, attempt.published) == (Done(), ())
    assert await crm.person("9") is None


async def test_visitor_nobody_knows(tmp_path: Path) -> None:
    """A session without a contact is nobody's; later it is somebody's."""
    async with scene(tmp_path, sync_contact, {}) as made:
        first = await made.tell(await made.say("Hello", source="web"))
        assert [attempt.published for attempt in first] == [(), ()]
        later = await made.tell(await made.say("I am Ada", **ADA))
        assert [len(attempt.published) for attempt in later] == [1, 0]


async def test_session_the_platform_does_not_know_is_said_once(tmp_path: Path) -> None:
    """It is not retried."""
    async with scene(tmp_path, sync_contact, {}) as made:
        with capture_logs() as logs:
            for number in ("1", "2"):
                data = MessageCreated(message_id=number, conversation_id=number, role="user", content="hi")
                event = event_of(data, source="shop", platform="yourgpt", time=NOON, unconfirmed=True)
                assert [attempt.outcome for attempt in await made.tell([event])] == [Done()]
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["contact.unconfirmed"]


async def test_person_of_another_source_is_found_there(crm: Scene) -> None:
    """By e-mail address, without the switch, if nothing has to be changed; the id is kept."""
    who = ContactRef(id="u1", name="Ada", email="ada@example.org", phone="+15550001")
    data = MessageCreated(message_id="x", conversation_id="c", role="user", content="hi", contact=who)
    [attempt] = await crm.tell([event_of(data, source="support", time=NOON)])
    assert attempt.outcome == Done()
    [there] = crm.platform.people.all("demo")
    known = await crm.harness.store.contacts.find(
        identity=Identity(source="helpdesk", platform="yourgpt", id=str(there["id"]))
    )
    assert known is not None
    assert "u1" in {identity.id for identity in known.identities}


@pytest.mark.parametrize("account", [BY_KEY, BY_TOKEN], ids=["key", "token"])
async def test_what_cannot_be_pushed_is_said_once(tmp_path: Path, account: dict[str, Any]) -> None:
    """A project's key has no contacts, and making one is off: done, said once a day, not retried."""
    async with scene(tmp_path, sync_contact, PUSH, **account) as made:
        with capture_logs() as logs:
            for number in ("1", "2"):
                who = ContactRef(id=f"v{number}", email=f"v{number}@example.org")
                data = MessageCreated(message_id=number, conversation_id="c", role="user", content="hi", contact=who)
                [attempt] = await made.tell([event_of(data, source="support", time=NOON)])
                assert attempt.outcome == Done()
    told = [(one["event"], one["account"], one["ability"]) for one in logs if one["log_level"] == "warning"]
    assert told == [("ability.lacked", "helpdesk", "upsert_contact")]


async def test_new_person_is_made_where_the_account_allows_it(tmp_path: Path) -> None:
    """With the switch on, on its paths."""
    account = {**BY_TOKEN, "contacts": {"enabled": True}}
    async with scene(tmp_path, sync_contact, PUSH, **account) as made:
        who = ContactRef(id="u1", name="Ada", email="ada@example.org")
        data = MessageCreated(message_id="x", conversation_id="c", role="user", content="hi", contact=who)
        [attempt] = await made.tell([event_of(data, source="support", time=NOON)])
        assert attempt.outcome == Done()
        [there] = made.platform.people.all("demo")
    assert (there["name"], there["email"]) == ("Ada", "ada@example.org")
