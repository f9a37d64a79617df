"""The client and the simulator, each written from the platform's pages alone, understand each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from clients.account import Contact, Sent
from clients.errors import (
    BadAnswer,
    ClientError,
    ConnectionLost,
    NotFound,
    OutOfCredit,
    PartlyRejected,
    PlatformDown,
    RateLimited,
    TimedOut,
)
from clients.gptbots import AnonymousId, Callback, GPTBots
from clients.http import Edges
from clients.settings import GPTBotsSettings
from simulator import Fault, Simulator, SystemClock
from simulator.gptbots import DEFAULT_BOT
from simulator.gptbots import GPTBots as Platform
from tests.contract.gptbots_wire import UNLIMITED
from tests.contract.simulators import Inbox, inbox, until


class Pair(NamedTuple):
    client: GPTBots
    simulator: Simulator


def _client(simulator: Simulator, **more: object) -> GPTBots:
    values = {
        "platform": "gptbots",
        "api_key": "app-key",
        "base_url": simulator.base_url("gptbots"),
        "allow_private": True,
        "limits": UNLIMITED,
        "properties": {"name": "name", "email": "email", "phone": "phone", "plan": "plan"},
        "timeouts": {"connect": "1s", "total": "1s"},
    }
    settings = GPTBotsSettings.model_validate(values | more)
    return GPTBots("helpdesk", settings, edges=Edges(jitter=lambda: 0.0))


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A client and the simulator it calls, on the real clock, without limits on either side."""
    async with Simulator(clock=SystemClock(), seed=1, limits=False) as simulator, _client(simulator) as client:
        yield Pair(client, simulator)


@pytest.fixture
async def box() -> AsyncIterator[Inbox]:
    async with inbox() as box:
        yield box


async def test_opinions_of_an_answer(pair: Pair) -> None:
    """An answer that is there is liked and judged, and the history shows it; the agent tells its id."""
    conversation = await pair.client.start_conversation(Contact(id="u1"))
    answer = str((await pair.client.send(conversation, "Hello")).message_id)
    assert (await pair.client.rate(answer, "POSITIVE"), await pair.client.rate("nobody", "POSITIVE")) == (1, 0)
    await pair.client.judge(answer, "FULLY_RESOLVED")
    platform = pair.simulator.world.platform("gptbots")
    assert isinstance(platform, Platform)
    said = platform.conversation(conversation, bot_id=DEFAULT_BOT).messages[-1]
    assert (said.metadata["feedback"], said.metadata["quality"]) == ("POSITIVE", "FULLY_RESOLVED")
    await pair.client.rate(answer, "CANCELED")
    said = platform.conversation(conversation, bot_id=DEFAULT_BOT).messages[-1]
    assert "feedback" not in said.metadata
    assert (await pair.client.agent())["bot_id"] == DEFAULT_BOT


async def _texts(client: GPTBots, conversation_id: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) async for message in client.history(conversation_id)]


async def test_a_conversation_from_end_to_end(pair: Pair) -> None:
    """Opened, spoken in twice, shown by both histories, listed."""
    conversation = await pair.client.start_conversation(Contact(id="u1"))
    first = await pair.client.send(conversation, "Hello", metadata={"plan": "pro"})
    second = await pair.client.send(conversation, "And then?")
    expected = [("user", "Hello"), ("assistant", first.reply), ("user", "And then?"), ("assistant", second.reply)]
    assert await _texts(pair.client, conversation) == expected
    assert [(one.role, one.content) async for one in pair.client.old_history(conversation)] == expected
    listed = [one async for one in pair.client.conversations(user_id="u1")]
    assert [(one.id, one.message_count, one.preview) for one in listed] == [(conversation, 4, "Hello")]
    assert listed[0].updated_at is not None
    later = listed[0].updated_at + timedelta(minutes=1)
    assert [one async for one in pair.client.conversations(later)] == []
    assert pair.simulator.received[0].metadata == {"plan": "pro"}


async def test_stream_gives_what_the_history_shows(pair: Pair) -> None:
    """The pieces joined are the answer, and the first carries the ids."""
    conversation = await pair.client.start_conversation()
    chunks = [chunk async for chunk in pair.client.stream(conversation, "Tell me a story")]
    assert (chunks[0].conversation_id, len(chunks[0].message_id or "")) == (conversation, 24)
    whole = "".join(chunk.text for chunk in chunks)
    assert await _texts(pair.client, conversation) == [("user", "Tell me a story"), ("assistant", whole)]


async def test_webhook_mode_answers_at_the_webhook(pair: Pair, box: Inbox) -> None:
    """The call is acknowledged, the reply is posted."""
    await pair.simulator.connect_webhook(platform="gptbots", url=box.url, secret="static")
    conversation = await pair.client.start_conversation()
    assert await pair.client.send_for_webhook(conversation, "Hello") == Sent(conversation_id=conversation)
    await until(lambda: bool(box.bodies))
    assert box.events[0]["conversation_id"] == conversation


async def test_more_than_one_page(pair: Pair) -> None:
    """More conversations than a page holds are all listed, each once."""
    opened = {await pair.client.start_conversation(Contact(id="u1")) for _ in range(120)}
    listed = [conversation.id async for conversation in pair.client.conversations(user_id="u1")]
    assert len(listed) == len(opened) == 120
    assert set(listed) == opened


async def test_contacts_from_end_to_end(pair: Pair) -> None:
    """A user who has a conversation can be described, read back, and bound to visitors of channels."""
    ada = Contact(id="a user with an id that is longer than 32", name="Ada", email="ada@example.com")
    with pytest.raises(NotFound):
        await pair.client.get_contact(str(ada.id))
    await pair.client.start_conversation(ada)
    assert await pair.client.upsert_contact(ada) == ada
    await pair.client.upsert_contact(Contact(id=ada.id, attributes={"plan": "pro"}))
    assert await pair.client.get_contact(str(ada.id)) == ada.model_copy(update={"attributes": {"plan": "pro"}})
    await pair.client.set_user_id("u2", [AnonymousId("anon_1", "WIDGET")])
    assert (await pair.client.user_profile(anonymous_id="anon_1"))["user_id"] == "u2"


async def test_property_that_the_agent_does_not_define(pair: Pair) -> None:
    """An update in part is an error that names what was refused; the rest was taken."""
    await pair.client.start_conversation(Contact(id="u1"))
    async with _client(pair.simulator, properties={"name": "missing_name", "email": "email"}) as client:
        with pytest.raises(PartlyRejected) as caught:
            await client.upsert_contact(Contact(id="u1", name="Ada", email="ada@example.com"))
        assert caught.value.fields == ("missing_name",)
        assert (await client.get_contact("u1")).email == "ada@example.com"


async def test_workflows(pair: Pair, box: Inbox) -> None:
    """A run is waited for, or queried later and told to a URL of ours."""
    run = await pair.client.invoke_workflow({"topic": "hi"}, user_id="u1")
    assert (run.status, run.output) == ("SUCCEED", {"output": "hi"})
    callback = Callback(box.url, headers={"X-Secret": "s3cret"})
    begun = await pair.client.invoke_workflow({"topic": "hi"}, wait=False, callbacks=[callback])
    assert begun.run_id is not None
    assert (await pair.client.query_workflow(begun.run_id)).status == "SUCCEED"
    await until(lambda: bool(box.bodies))
    assert (box.events[0]["workflowRunId"], box.headers[0]["x-secret"]) == (begun.run_id, "s3cret")


async def test_handoff(pair: Pair) -> None:
    """Who asks for a person gets the person's words into the conversation, until it is closed."""
    conversation = await pair.client.start_conversation(Contact(id="u1"))
    await pair.client.send(conversation, "I want to talk to a human")
    platform = pair.simulator.world.platform("gptbots")
    (handoff,) = platform._handoffs._entries  # type: ignore[attr-defined]  # how it came about is the webhook's test
    await pair.client.answer_handoff(handoff, "Here I am.")
    assert (await _texts(pair.client, conversation))[-1] == ("assistant", "Here I am.")
    assert (await pair.client.send(conversation, "Thanks")).reply is None
    await pair.client.close_conversation(handoff)
    with pytest.raises(NotFound) as caught:
        await pair.client.answer_handoff(handoff, "Still there?")
    assert caught.value.code == "40356"
    assert (await pair.client.send(conversation, "Thanks")).reply is not None


@pytest.mark.parametrize(
    ("more", "kind"),
    [({"api_key": "invalid"}, "Unauthorized"), ({"api_key": "app-key@missing"}, "NotFound")],
)
async def test_wrong_key_and_deleted_agent(pair: Pair, more: dict[str, object], kind: str) -> None:
    """A wrong key and a deleted agent are told apart."""
    async with _client(pair.simulator, **more) as client:
        with pytest.raises(ClientError) as caught:
            await client.start_conversation()
    assert (type(caught.value).__name__, caught.value.nothing_happened) == (kind, True)


async def test_used_up_credits_are_parked(pair: Pair) -> None:
    """Only a person can mend them."""
    async with _client(pair.simulator, api_key="app-key@broke") as client:
        conversation = await client.start_conversation()
        with pytest.raises(OutOfCredit) as caught:
            await client.send(conversation, "Hello")
    assert (caught.value.parked, caught.value.nothing_happened) == (True, True)


async def test_conversation_of_another_agent(pair: Pair) -> None:
    """40356 and 40358 are both NotFound: make a new one."""
    async with _client(pair.simulator, api_key="app-key@bot_2") as other:
        theirs = await other.start_conversation()
    codes = []
    for conversation in ("missing", theirs):
        with pytest.raises(NotFound) as caught:
            await pair.client.send(conversation, "Hello")
        codes.append(caught.value.code)
    assert codes == ["40356", "40358"]


@pytest.mark.parametrize(
    ("fault", "kind", "arrived"),
    [
        (Fault(kind="server_error", route="chat"), PlatformDown, False),
        (Fault(kind="server_error", route="chat", when="after"), PlatformDown, True),
        (Fault(kind="rate_limit", route="chat", seconds=30), RateLimited, False),
        (Fault(kind="half_open", route="chat", when="after"), TimedOut, True),
        (Fault(kind="reset", route="chat", when="after"), ConnectionLost, True),
        (Fault(kind="garbage", route="chat", when="after"), BadAnswer, True),
        (Fault(kind="cut", route="chat"), ConnectionLost, True),
    ],
    ids=lambda value: f"{value.kind}-{value.when}" if isinstance(value, Fault) else None,
)
async def test_failed_send_is_sent_at_most_once(
    pair: Pair, fault: Fault, kind: type[ClientError], *, arrived: bool
) -> None:
    """However a send fails, it is not repeated on its own, and `nothing_happened` is never said when it arrived."""
    conversation = await pair.client.start_conversation()
    pair.simulator.misbehave(fault)
    async with asyncio.timeout(20):
        with pytest.raises(kind) as caught:
            await pair.client.send(conversation, "Once")
    said = [text for _, text in await _texts(pair.client, conversation)]
    assert said.count("Once") == (1 if arrived else 0)
    assert not (arrived and caught.value.nothing_happened)


@pytest.mark.parametrize("kind", ["server_error", "reset", "half_open", "cut"])
async def test_read_survives_one_fault(pair: Pair, kind: str) -> None:
    """A read that fails once succeeds at the next try."""
    conversation = await pair.client.start_conversation()
    await pair.client.send(conversation, "Hello")
    pair.simulator.misbehave(Fault.model_validate({"kind": kind, "route": "data"}))
    async with asyncio.timeout(20):
        assert len(await _texts(pair.client, conversation)) == 2


async def test_broken_stream_is_an_error(pair: Pair) -> None:
    """A stream that is cut does not look like a finished answer."""
    conversation = await pair.client.start_conversation()
    pair.simulator.misbehave(Fault(kind="cut", route="chat"))
    with pytest.raises(ClientError) as caught:
        _ = [chunk async for chunk in pair.client.stream(conversation, "Tell me a story")]
    assert not caught.value.nothing_happened


async def test_free_plan_is_never_exceeded() -> None:
    """With the default limits a burst meets our own limiter before the platform's."""
    async with Simulator(clock=SystemClock(), seed=1) as simulator, _client(simulator, limits={}) as client:
        outcomes = await asyncio.gather(*(client.start_conversation() for _ in range(8)), return_exceptions=True)
    refused = [error for error in outcomes if isinstance(error, BaseException)]
    assert {(type(error).__name__, getattr(error, "status", 0)) for error in refused} == {("RateLimited", None)}
    assert len(refused) == 5
