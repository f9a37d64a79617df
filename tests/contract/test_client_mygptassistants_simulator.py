"""The client and the simulator, each written from the platform's pages alone, understand each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from clients.account import Contact, Sent
from clients.errors import BadAnswer, ClientError, ConnectionLost, NotFound, PlatformDown, RateLimited, TimedOut
from clients.http import Edges
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from dispatcher.outcome import Dead, Done, Outcome, Retry
from dispatcher.testing import Harness, event_of
from handlers.api import Context, handler
from schemas.events import ConversationCompleted, Event
from simulator import Fault, Simulator, SystemClock
from simulator.faults import Kind


class Pair(NamedTuple):
    client: MyGPTAssistants
    simulator: Simulator


def _client(simulator: Simulator, **more: object) -> MyGPTAssistants:
    values = {
        "platform": "mygptassistants",
        "api_key": "mga_key",
        "bot_id": "bot_1",
        "base_url": simulator.base_url(),
        "allow_private": True,
        "contacts": {"enabled": True},
        "timeouts": {"connect": "1s", "total": "1s"},
    }
    settings = MyGPTAssistantsSettings.model_validate(values | more)
    return MyGPTAssistants("support", settings, edges=Edges(jitter=lambda: 0.0))


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A client and the simulator it calls, on the real clock."""
    async with Simulator(clock=SystemClock(), seed=1) as simulator, _client(simulator) as client:
        yield Pair(client, simulator)


async def _texts(client: MyGPTAssistants, conversation_id: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) async for message in client.history(conversation_id)]


async def test_a_conversation_from_end_to_end(pair: Pair) -> None:
    """A message opens a conversation, a second goes on with it, the history shows both and the list has it."""
    first = await pair.client.send(None, "Hello", metadata={"userId": "u1"})
    assert first.conversation_id is not None
    second = await pair.client.send(first.conversation_id, "And then?")
    assert second.conversation_id == first.conversation_id
    assert await _texts(pair.client, first.conversation_id) == [
        ("user", "Hello"),
        ("assistant", first.reply),
        ("user", "And then?"),
        ("assistant", second.reply),
    ]
    listed = [conversation async for conversation in pair.client.conversations()]
    assert [(item.id, item.message_count, item.preview) for item in listed] == [(first.conversation_id, 4, "Hello")]
    assert listed[0].updated_at is not None
    later = listed[0].updated_at + timedelta(hours=1)
    assert [conversation async for conversation in pair.client.conversations(later)] == []


async def test_stream_gives_what_the_history_shows(pair: Pair) -> None:
    """The pieces joined are the answer, and carry the ids."""
    chunks = [chunk async for chunk in pair.client.stream(None, "Tell me a story")]
    conversation_id = chunks[0].conversation_id
    assert conversation_id is not None
    whole = "".join(chunk.text for chunk in chunks)
    assert await _texts(pair.client, conversation_id) == [("user", "Tell me a story"), ("assistant", whole)]


async def test_quick_send_keeps_its_session(pair: Pair) -> None:
    """The quick-start form goes on in the same session."""
    first = await pair.client.quick_send("Hello", session_id="s1")
    second = await pair.client.quick_send("More", session_id="s1")
    assert first.conversation_id == second.conversation_id
    assert first.reply


async def test_more_than_one_page(pair: Pair) -> None:
    """More conversations than a page holds are all listed, each once."""
    sent = [await pair.client.send(None, "Hello") for _ in range(99)]
    async with _client(pair.simulator, api_key="another_key") as other:
        sent += [await other.send(None, "Hello") for _ in range(30)]
        listed = [conversation.id async for conversation in other.conversations()]
    assert len(listed) == len(set(listed)) == 129
    assert set(listed) == {item.conversation_id for item in sent}


async def test_contacts_from_end_to_end(pair: Pair) -> None:
    """A contact is created once per address, changed, cleared, found and deleted."""
    created = await pair.client.upsert_contact(Contact(name="Ada", email="ada@example.com", tags=("vip",)))
    again = await pair.client.upsert_contact(Contact(email="ada@example.com", phone="+1"))
    assert created.id is not None
    assert again == created.model_copy(update={"phone": "+1"})
    cleared = await pair.client.upsert_contact(Contact(id=created.id, phone=None))
    assert await pair.client.get_contact(created.id) == cleared == created
    assert [contact async for contact in pair.client.contacts()] == [created]
    await pair.client.delete_contact(created.id)
    await pair.client.delete_contact(created.id)
    with pytest.raises(NotFound):
        await pair.client.get_contact(created.id)


@pytest.mark.parametrize(
    ("more", "kind"), [({"api_key": "invalid"}, "Unauthorized"), ({"bot_id": "missing"}, "NotFound")]
)
async def test_wrong_key_and_wrong_bot(pair: Pair, more: dict[str, object], kind: str) -> None:
    """A wrong key and a wrong bot are told apart."""
    async with _client(pair.simulator, **more) as client:
        with pytest.raises(ClientError) as caught:
            await client.send(None, "Hello")
    assert (type(caught.value).__name__, caught.value.nothing_happened) == (kind, True)


async def test_unknown_conversation(pair: Pair) -> None:
    """A conversation that is not there is NotFound, whatever code comes with the 404."""
    with pytest.raises(NotFound):
        await _texts(pair.client, "missing")


@pytest.mark.parametrize(
    ("fault", "kind", "arrived"),
    [
        (Fault(kind="server_error", route="chat"), PlatformDown, False),
        (Fault(kind="server_error", route="chat", when="after"), PlatformDown, True),
        (Fault(kind="rate_limit", route="chat", seconds=30), RateLimited, False),
        (Fault(kind="half_open", route="chat"), TimedOut, False),
        (Fault(kind="half_open", route="chat", when="after"), TimedOut, True),
        (Fault(kind="reset", route="chat"), ConnectionLost, False),
        (Fault(kind="reset", route="chat", when="after"), ConnectionLost, True),
        (Fault(kind="garbage", route="chat"), BadAnswer, False),
        (Fault(kind="garbage", route="chat", when="after"), BadAnswer, True),
        (Fault(kind="cut", route="chat"), ConnectionLost, True),
        (Fault(kind="drip", route="chat", seconds=0.05), TimedOut, True),
        (Fault(kind="flood", route="chat"), BadAnswer, False),
    ],
    ids=lambda value: f"{value.kind}-{value.when}" if isinstance(value, Fault) else None,
)
async def test_failed_send_is_sent_at_most_once(
    pair: Pair, fault: Fault, kind: type[ClientError], *, arrived: bool
) -> None:
    """However a send fails, it is not repeated on its own, and `nothing_happened` is never said when it arrived."""
    conversation_id = (await pair.client.send(None, "Hello")).conversation_id
    assert conversation_id is not None
    pair.simulator.misbehave(fault)
    async with asyncio.timeout(20):
        with pytest.raises(kind) as caught:
            await pair.client.send(conversation_id, "Once")
    said = [text for _, text in await _texts(pair.client, conversation_id)]
    assert said.count("Once") == (1 if arrived else 0)
    assert not (arrived and caught.value.nothing_happened)


@pytest.mark.parametrize("kind", ["server_error", "reset", "half_open", "cut", "drip"])
async def test_read_survives_one_fault(pair: Pair, kind: str) -> None:
    """A read that fails once succeeds at the next try."""
    conversation_id = (await pair.client.send(None, "Hello")).conversation_id
    assert conversation_id is not None
    pair.simulator.misbehave(Fault.model_validate({"kind": kind, "route": "data", "seconds": 0.05}))
    async with asyncio.timeout(20):
        assert len(await _texts(pair.client, conversation_id)) == 2


async def test_published_limit_is_never_exceeded(pair: Pair) -> None:
    """A burst meets our own limiter before the platform's: no call is answered 429."""
    outcomes = await asyncio.gather(*(pair.client.send(None, "Hello") for _ in range(120)), return_exceptions=True)
    refused = [error for error in outcomes if isinstance(error, BaseException)]
    assert len(refused) >= 20
    assert {(type(error).__name__, getattr(error, "status", 0)) for error in refused} == {("RateLimited", None)}


async def _sent_through_once(pair: Pair, kind: Kind, *, probed: bool) -> tuple[Outcome, Outcome | None, int, int]:
    """What `once` makes of a send that was carried out and answered like this: outcomes, messages there, probes."""
    conversation = (await pair.client.send(None, "Hello")).conversation_id
    assert conversation is not None
    probes = 0

    async def look() -> Sent | None:
        nonlocal probes
        probes += 1
        found = [message async for message in pair.client.history(conversation) if message.content == "Once"]
        return Sent(message_id=found[0].id, conversation_id=conversation) if found else None

    @handler("asks", on=ConversationCompleted)
    async def asks(_: Event[ConversationCompleted], ctx: Context) -> None:
        await ctx.once(
            "ask", lambda: pair.client.send(conversation, "Once"), returns=Sent, probe=look if probed else None
        )

    event = event_of(ConversationCompleted(conversation_id=conversation))
    async with Harness.opened(asks, account=pair.client) as harness:
        pair.simulator.misbehave(Fault(kind=kind, route="chat", when="after"))
        first = (await harness.run_once(event)).outcome
        second = (await harness.run_once(event, attempt=2)).outcome if isinstance(first, Retry) else None
    said = [text for _, text in await _texts(pair.client, conversation)]
    return first, second, said.count("Once"), probes


@pytest.mark.parametrize("kind", ["flood", "garbage", "server_error"])
async def test_unreadable_answer_to_a_send_is_looked_into(pair: Pair, kind: Kind) -> None:
    """The message is there: the next attempt finds it and sends no second one."""
    first, second, there, probes = await _sent_through_once(pair, kind, probed=True)
    assert isinstance(first, Retry)
    assert (second, there, probes) == (Done(), 1, 1)


@pytest.mark.parametrize("kind", ["flood", "garbage"])
async def test_unreadable_answer_that_nobody_can_look_into_is_uncertain(pair: Pair, kind: Kind) -> None:
    """It is not called a refusal: replaying what was refused would send a second message."""
    first, _, there, _ = await _sent_through_once(pair, kind, probed=False)
    assert isinstance(first, Dead)
    assert (first.reason, there) == ("uncertain", 1)
