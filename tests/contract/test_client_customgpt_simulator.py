"""The client and the simulator, each written from the platform's description alone, understand each other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from clients.account import Contact
from clients.customgpt import CustomGPT
from clients.errors import ConnectionLost, NotFound, NotSupported, OutOfCredit, PlatformDown, Unauthorized
from clients.http import Edges
from clients.settings import CustomGPTSettings
from simulator import Fault, Simulator, SystemClock
from tests.contract.customgpt_wire import UNLIMITED

ADA = Contact(email="ada@example.com", name="Ada")


class Pair(NamedTuple):
    client: CustomGPT
    simulator: Simulator


def _client(simulator: Simulator, **more: object) -> CustomGPT:
    values = {
        "platform": "customgpt",
        "api_key": "cg-key",
        "project_id": "2021",
        "base_url": simulator.base_url("customgpt"),
        "allow_private": True,
        "contact_conversations": True,
        "limits": UNLIMITED,
        "timeouts": {"connect": "1s", "total": "1s"},
    }
    settings = CustomGPTSettings.model_validate(values | more)
    return CustomGPT("help", settings, edges=Edges(jitter=lambda: 0.0))


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A client and the simulator it calls, on the real clock."""
    async with Simulator(clock=SystemClock(), seed=1) as simulator, _client(simulator) as client:
        yield Pair(client, simulator)


async def test_chat(pair: Pair) -> None:
    """A conversation is opened, spoken in, liked, listed, renamed and deleted."""
    session = await pair.client.start_conversation()
    sent = await pair.client.send(session, "What are your business hours?")
    assert sent.reply == "Our business hours are Monday-Friday, 9 AM to 5 PM EST."
    prompt_id = str(sent.message_id).partition(":")[0]
    await pair.client.react(session, prompt_id, "liked")
    assert (await pair.client.prompt(session, prompt_id)).question == "What are your business hours?"
    await pair.client.rename_conversation(session, "Hours")
    assert [one.preview async for one in pair.client.conversations()] == ["Hours"]
    await pair.client.close_conversation(session)
    assert [one.preview async for one in pair.client.conversations()] == []
    with pytest.raises(NotFound):
        await pair.client.send(session, "Hello?")


async def test_stream(pair: Pair) -> None:
    """The pieces joined are the answer that then stands in the history; what we asked is marked as ours."""
    session = await pair.client.start_conversation()
    text = "".join([chunk.text async for chunk in pair.client.stream(session, "Hello")])
    messages = [message async for message in pair.client.history(session)]
    assert text == "Hi! How can I help you today?"
    assert [(one.role, one.content) for one in messages] == [("agent", "Hello"), ("assistant", text)]


async def test_long_lists(pair: Pair) -> None:
    """Ten stand on a page: more than that comes whole and in order."""
    sessions = [await pair.client.start_conversation() for _ in range(23)]
    for number in range(12):
        await pair.client.send(sessions[0], f"Question {number}")
    listed = [one.id async for one in pair.client.conversations()]
    asked = [one.content async for one in pair.client.history(sessions[0]) if one.role != "assistant"]
    assert listed == sessions[::-1]
    assert asked == [f"Question {number}" for number in range(12)]


async def test_report(pair: Pair) -> None:
    """The report shows every question of these days, also of a conversation that is not listed first."""
    old, new = [await pair.client.start_conversation() for _ in range(2)]
    await pair.client.send(new, "Hello")
    await pair.client.send(old, "Where is my order?")
    now = datetime.now(UTC)
    rows = [row.question async for row in pair.client.insights(now - timedelta(days=1), now + timedelta(days=1))]
    nothing = [row async for row in pair.client.insights(now - timedelta(days=9), now - timedelta(days=8))]
    assert (sorted(rows), nothing) == (["Hello", "Where is my order?"], [])


async def test_contacts(pair: Pair) -> None:
    """A person is kept as the name of a conversation, found again, and renamed."""
    told = await pair.client.upsert_contact(ADA)
    assert told == Contact(id="ada@example.com", name="Ada", email="ada@example.com")
    again = await pair.client.upsert_contact(Contact(id="ada@example.com", name="Ada Lovelace"))
    assert again.name == "Ada Lovelace"
    assert (await pair.client.get_contact("ada@example.com")).name == "Ada Lovelace"
    assert len([one async for one in pair.client.conversations()]) == 1


async def test_external_id_comes_back(pair: Pair) -> None:
    """What a message carries stands in its record."""
    session = await pair.client.start_conversation(Contact(id="crm:1", name="ACME"))
    await pair.client.send(session, "Hello")
    (item,) = [item async for item in pair.client.message_records(session)]
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    assert str(metadata["external_id"]).startswith("crm:1#hookline:")


async def test_completion(pair: Pair) -> None:
    """A completion answers; nothing is listed for it."""
    assert (await pair.client.complete([{"role": "user", "content": "Hello"}])).content
    assert [one async for one in pair.client.conversations()] == []
    usage = await pair.client.usage()
    assert (usage.current_queries, usage.out_of_queries) == (1, False)


async def test_credits(pair: Pair) -> None:
    """A project without credits refuses questions, and nothing else."""
    async with _client(pair.simulator, project_id="broke") as client:
        session = await client.start_conversation()
        with pytest.raises(OutOfCredit):
            await client.send(session, "Hello")
        assert [one async for one in client.history(session)] == []


async def test_whom_a_conversation_is_with(pair: Pair) -> None:
    """The external id of its messages, without the mark of ours; nobody where none has one."""
    known, unknown = await pair.client.start_conversation(ADA), await pair.client.start_conversation()
    for session in (known, unknown):
        await pair.client.send(session, "Hello")
    found = await pair.client.contact_of(known)
    assert found == Contact(id="ada@example.com", email="ada@example.com")
    assert await pair.client.contact_of(unknown) is None
    with pytest.raises(NotFound):
        await pair.client.contact_of("missing")


async def test_wrong_key_and_project(pair: Pair) -> None:
    """Any key works but `invalid`, any project but `missing`."""
    async with _client(pair.simulator, api_key="invalid") as client:
        with pytest.raises(Unauthorized):
            await client.usage()
    async with _client(pair.simulator, project_id="missing") as client:
        with pytest.raises(NotFound):
            await client.start_conversation()


async def test_unsupported_argument(pair: Pair) -> None:
    """What a completion cannot do is told as such."""
    with pytest.raises(NotSupported):
        await pair.client._wire.ask(
            pair.client._write("complete", "POST", "/projects/2021/chat/completions", {"messages": [], "tools": []})
        )


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(platform="customgpt", kind="server_error", route="chat"), PlatformDown),
        (Fault(platform="customgpt", kind="rate_limit", route="chat"), OutOfCredit),
        (Fault(platform="customgpt", kind="reset", route="chat", when="after"), ConnectionLost),
    ],
)
async def test_faults(pair: Pair, fault: Fault, kind: type[Exception]) -> None:
    """What goes wrong on the way is told as what it is; a send is not repeated."""
    session = await pair.client.start_conversation()
    pair.simulator.misbehave(fault)
    with pytest.raises(kind):
        await pair.client.send(session, "Hello")
    pair.simulator.behave()
    expected = 1 if kind is ConnectionLost else 0
    assert len([one async for one in pair.client.message_records(session)]) == expected
