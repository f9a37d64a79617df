"""The handlers that come with hookline on GPTBots: simulated platform, real receiver, real client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from clients.gptbots import GPTBots
from dispatcher.testing import event_of
from handlers.api import Handler
from handlers.follow_up_chat import follow_up_chat
from handlers.sync_contact import sync_contact
from hookline.testing import Dead, Done, Retry
from schemas.contacts import Identity
from schemas.durations import duration
from schemas.events import ContactRef, MessageCreated
from simulator import Fault
from simulator.gptbots import GPTBots as Platform
from tests.contract import scenes
from tests.contract.gptbots_wire import open_client
from tests.contract.scenes import NOON, QUICK

TEXT = "Did that answer your question?"
PUSH = {"push": ["helpdesk"], "verified": ["shop", "helpdesk"]}
FOLLOW_UP = {"message": TEXT, "after": "10m"}
ADA = {"userId": "u1", "email": "ada@example.org", "phone": "+15550001"}
PROPERTIES = {"name": "full_name", "email": "email", "phone": "phone"}


class Scene(scenes.Scene[GPTBots]):
    """A visitor of a site that speaks with an agent."""

    name = "gptbots"
    visitor = ADA

    @property
    def platform(self) -> Platform:
        found = self.simulator.world.platform(self.name)
        assert isinstance(found, Platform)
        return found

    async def ours(self) -> int:
        """How often our text stands in the conversation."""
        assert self.conversation is not None
        return sum([message.content == TEXT async for message in self.client.history(self.conversation)])


@asynccontextmanager
async def scene(
    folder: Path, handler: Handler[Any, Any], config: dict[str, Any], **account: Any
) -> AsyncIterator[Scene]:
    more = {"properties": PROPERTIES, **account}
    client = partial(open_client, timeouts=QUICK, **more)
    async with Scene.play(folder, handler, config, client, source="helpdesk", limits=False) as made:
        yield made


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Scene]:
    """The visitor asked, the agent answered, and follow-up-chat was told."""
    async with scene(tmp_path, follow_up_chat, FOLLOW_UP) as made:
        await made.tell(await made.say("When do you open?"))
        yield made


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Scene]:
    """The visitor was handed off, and sync-contact was told."""
    async with scene(tmp_path, sync_contact, PUSH) as made:
        await made.tell(await made.say("I want a human"))
        yield made


async def test_it_writes_once_after_the_silence(asked: Scene) -> None:
    """Into the visitor's own conversation; the agent's answer comes with the call, so nothing is set anew."""
    assert await asked.silence("9m") == []
    [attempt] = await asked.silence("2m")
    assert attempt.outcome == Done()
    assert await asked.ours() == 1
    assert await asked.silence("1h") == []


async def test_a_later_reply_moves_it(asked: Scene) -> None:
    """A visitor's words are not told; the reply to them is, and it moves the timer."""
    await asked.silence("9m")
    [event] = await asked.say("And on Sundays?")
    assert isinstance(event.data, MessageCreated)
    [told] = await asked.tell([event])
    assert told.timers["follow-up"] == asked.harness.clock.now() + duration("10m")
    assert await asked.silence("9m") == []
    assert [attempt.outcome for attempt in await asked.silence("2m")] == [Done()]
    assert await asked.ours() == 1


async def test_a_visitor_who_wrote_unseen_is_left_in_peace(asked: Scene) -> None:
    """Their words stand in the history, and no event of them has come yet."""
    await asked.say("Thank you")
    assert [attempt.outcome for attempt in await asked.silence()] == [Done()]
    assert await asked.ours() == 0


@pytest.mark.parametrize("kind", ["server_error", "reset"])
async def test_lost_answer_does_not_send_twice(asked: Scene, kind: str) -> None:
    """The message was sent and the answer lost: the next attempt finds it in the history."""
    asked.simulator.misbehave(Fault.model_validate({"kind": kind, "route": "chat", "when": "after"}))
    [first] = await asked.silence()
    assert isinstance(first.outcome, Retry)
    assert first.event is not None
    again = await asked.harness.run_once(first.event, attempt=2)
    assert (again.outcome, await asked.ours()) == (Done(), 1)


async def test_conversation_of_another_agent_is_left_alone(asked: Scene) -> None:
    """40358: there is nobody to write to, and nothing to replay."""
    asked.platform.conversations.clear()
    asked.platform.open("u1", bot_id="bot_2", conversation_id=asked.conversation)
    [attempt] = await asked.silence()
    assert attempt.outcome == Done()
    assert list(asked.simulator.world.around.received) == []


async def test_handoff_tells_who_somebody_is(crm: Scene) -> None:
    """The contact of `user_info` is kept under the id that GPTBots knows."""
    identity = Identity(source="helpdesk", platform="gptbots", id="u1")
    contact = await crm.harness.store.contacts.find(identity=identity)
    assert contact is not None
    assert (contact.email, contact.phone, contact.name) == ("ada@example.org", "+15550001", None)


async def test_what_differs_is_pushed(crm: Scene) -> None:
    """A name learned elsewhere goes into the property that the account names for it."""
    data = MessageCreated(
        message_id="m", conversation_id="c", role="user", content="hi", contact=ContactRef(id="u1", name="Ada")
    )
    [attempt] = await crm.tell([event_of(data, source="helpdesk", platform="gptbots", time=NOON)])
    assert attempt.outcome == Done()
    assert (await crm.client.get_contact("u1")).name == "Ada"


async def test_somebody_without_an_id_there_is_said_once(crm: Scene) -> None:
    """Users are found by id only: the log says so once a day, and nothing is retried."""
    with capture_logs() as logs:
        for number in ("1", "2"):
            who = ContactRef(id=f"v{number}", email=f"v{number}@example.org")
            data = MessageCreated(message_id=number, conversation_id="c", role="user", content="hi", contact=who)
            [attempt] = await crm.tell([event_of(data, source="shop")])
            assert attempt.outcome == Done()
    assert [line["event"] for line in logs if line["event"] == "ability.lacked"] == ["ability.lacked"]


async def test_property_the_agent_lacks_ends_as_a_dead_letter(tmp_path: Path) -> None:
    """Trying again would not help, and the letter names the property."""
    properties = {"email": "email", "phone": "missing_phone"}
    async with scene(tmp_path, sync_contact, PUSH, properties=properties) as made:
        attempts = await made.tell(await made.say("I want a human"))
    [attempt] = [one for one in attempts if one.event.type == "handoff.requested"]
    assert isinstance(attempt.outcome, Dead)
    assert "missing_phone" in str(attempt.error)
