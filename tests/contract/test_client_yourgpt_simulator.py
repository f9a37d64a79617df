"""The client and the simulator, each written from the platform's pages alone, understand each other."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from pydantic import JsonValue

from clients.account import Contact
from clients.errors import (
    BadAnswer,
    ClientError,
    ConnectionLost,
    NotFound,
    PlatformDown,
    RateLimited,
    Rejected,
    TimedOut,
)
from clients.http import Edges
from clients.settings import YourGPTSettings
from clients.yourgpt import YourGPT
from simulator import Fault, Simulator, SystemClock
from simulator.faults import Kind

KEY = {"api_key": "apk-key", "widget_uid": "shop"}
TOKEN = {"api_key": "api-v1-token", "project_uid": "shop", "contacts": {"enabled": True}}
ADA = {"name": "Ada", "email": "ada@example.com"}


class Trio(NamedTuple):
    """A project by its key, the same by a token, and where it is."""

    key: YourGPT
    token: YourGPT
    simulator: Simulator


def _client(simulator: Simulator, **more: object) -> YourGPT:
    values = {
        "platform": "yourgpt",
        "base_url": simulator.base_url("yourgpt"),
        "allow_private": True,
        "timeouts": {"connect": "1s", "total": "1s"},
    }
    return YourGPT("shop", YourGPTSettings.model_validate(values | more), edges=Edges(jitter=lambda: 0.0))


@pytest.fixture
async def trio() -> AsyncIterator[Trio]:
    async with (
        Simulator(clock=SystemClock(), seed=1) as simulator,
        _client(simulator, **KEY) as key,
        _client(simulator, **TOKEN) as token,
    ):
        yield Trio(key, token, simulator)


async def _texts(client: YourGPT, conversation: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) async for message in client.history(conversation)]


async def test_a_conversation_from_end_to_end(trio: Trio) -> None:
    """Opened with a key, spoken in as each of the three, read with a token that never saw it opened."""
    conversation = await trio.key.start_conversation()
    asked = await trio.key.say(conversation, "Hello", send_by="user")
    own = await trio.key.send(conversation, "Did that help?")
    await trio.key.say(conversation, "I am a person", send_by="operator")
    silent = await trio.key.say(conversation, "And then?", send_by="user")
    assert (asked.reply is not None, own.reply, silent.reply) == (True, None, None)
    assert await _texts(trio.token, conversation) == [
        ("user", "Hello"),
        ("assistant", asked.reply),
        ("assistant", "Did that help?"),
        ("agent", "I am a person"),
        ("user", "And then?"),
    ]


async def test_closing_gives_back_to_the_bot(trio: Trio) -> None:
    """A resolved session is answered again."""
    conversation = await trio.token.start_conversation()
    await trio.token.update_session(conversation, chat_mode="operator", state="pending", tags=("vip",))
    assert (await trio.token.say(conversation, "Hello", send_by="user")).reply is None
    await trio.token.close_conversation(conversation)
    assert (await trio.token.say(conversation, "Hello", send_by="user")).reply is not None


@pytest.mark.parametrize("form", [False, True])
async def test_forms_are_taken_as_json_is(trio: Trio, *, form: bool) -> None:
    """With either kind of key."""
    for values in (KEY, TOKEN):
        async with _client(trio.simulator, **values, form=form) as client:
            conversation = await client.start_conversation()
            assert (await client.say(conversation, "Tschüß & bye?", send_by="user")).reply
            assert (await _texts(client, conversation))[0] == ("user", "Tschüß & bye?")
            assert conversation in [one.id async for one in client.conversations()]
            await client.close_conversation(conversation)


async def test_stream_gives_what_the_history_shows(trio: Trio) -> None:
    """The pieces joined are the answer, and the first names it."""
    conversation = await trio.key.start_conversation()
    chunks = [chunk async for chunk in trio.key.stream(conversation, "Tell me a story")]
    history = [message async for message in trio.key.history(conversation)]
    assert (chunks[0].message_id, chunks[0].conversation_id) == (history[1].id, conversation)
    assert "".join(chunk.text for chunk in chunks) == history[1].content


@pytest.mark.parametrize("which", ["key", "token"])
async def test_session_of_a_webhook_is_found(trio: Trio, which: str) -> None:
    """A session that a visitor opened is known by its id alone, among more than one page of others."""
    platform = trio.simulator.world.platform("yourgpt")
    wanted = platform.visitor_says("Hello", conversation_id=None, metadata=ADA, bot_id="shop")
    for _ in range(120):
        await trio.key.start_conversation()
    client: YourGPT = getattr(trio, which)
    await client.send(wanted, "Did that help?")
    assert (await _texts(client, wanted))[-1] == ("assistant", "Did that help?")
    assert len([one async for one in client.conversations()]) == 121
    told = await client.contact_of(wanted)
    assert told is not None
    assert (told.name, told.email) == ("Ada", "ada@example.com")


async def test_conversations_since(trio: Trio) -> None:
    """An old session with a new message is listed with a project's key."""
    conversation = await trio.key.start_conversation()
    await trio.key.say(conversation, "Hello", send_by="user")
    [listed] = [one async for one in trio.key.conversations()]
    assert listed.updated_at is not None
    for client in (trio.key, trio.token):
        assert [one.id async for one in client.conversations(listed.updated_at)] == [conversation]
        assert [one.id async for one in client.conversations(listed.updated_at + timedelta(seconds=5))] == []


async def test_contacts_from_end_to_end(trio: Trio) -> None:
    """Made, found by address, changed, tagged, listed, removed."""
    contacts = trio.token.contacts
    made = await trio.token.upsert_contact(Contact(name="Ada", email="ada@example.com"))
    again = await trio.token.upsert_contact(Contact(name="Ada Lovelace", email="ada@example.com"))
    assert (again.id, again.name) == (made.id, "Ada Lovelace")
    assert made.id is not None
    await contacts.create_tag("vip")
    await trio.token.upsert_contact(Contact(id=made.id, tags=("vip",)))
    assert [one.tags async for one in contacts.all(tags=("vip",), kind="LEADS", search="LOVE")] == [("vip",)]
    wanted: dict[str, JsonValue] = {"operator": "AND", "conditions": []}
    number = await contacts.create_list("all", wanted)
    await contacts.update_list(number, name="everybody")
    await contacts.link_company(made.id, "4")
    await contacts.link_company(made.id, None)
    await contacts.delete_company("4")
    assert [one.id async for one in contacts.all(list_id=int(number))] == [made.id]
    await contacts.delete_list(number)
    await contacts.delete(made.id)
    with pytest.raises(NotFound):
        await trio.token.get_contact(made.id)


async def test_tag_that_does_not_exist_is_refused(trio: Trio) -> None:
    """Names of existing ones only."""
    made = await trio.token.upsert_contact(Contact(email="ada@example.com"))
    with pytest.raises(Rejected):
        await trio.token.contacts.link_tags(made.id or "", ["nobody made this"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"api_key": "invalid"}, "Unauthorized"),
        ({"widget_uid": "missing"}, "NotFound"),
    ],
)
async def test_what_does_not_exist(trio: Trio, values: dict[str, str], kind: str) -> None:
    """Any key works but `invalid`, any project exists but `missing`."""
    async with _client(trio.simulator, **(KEY | values)) as client:
        with pytest.raises(ClientError) as caught:
            await client.start_conversation()
    assert (type(caught.value).__name__, caught.value.nothing_happened) == (kind, True)


async def test_another_projects_session_is_not_found(trio: Trio) -> None:
    """Neither by id nor by uid."""
    conversation = await trio.key.start_conversation()
    uid = await trio.key._uid(conversation, "test")
    async with _client(trio.simulator, **(KEY | {"widget_uid": "other"})) as client:
        for name in (conversation, uid):
            with pytest.raises(NotFound):
                await client.send(name, "hi")


async def test_organisation_level_is_known_and_empty(trio: Trio) -> None:
    """No page of it could be read: the token is taken, a project's key is not, and there is no path."""
    with pytest.raises(NotFound):
        await trio.token.ask("/getProjects", {}, level="organisation")
    with pytest.raises(ClientError, match="403"):
        await trio.key.ask("/getProjects", {}, level="organisation")


@pytest.mark.parametrize(
    ("kind", "raised", "nothing_happened"),
    [
        ("server_error", PlatformDown, False),
        ("rate_limit", RateLimited, True),
        ("garbage", BadAnswer, False),
        ("reset", ConnectionLost, False),
        ("cut", ConnectionLost, False),
        ("half_open", TimedOut, False),
    ],
)
async def test_send_meets_a_fault(trio: Trio, kind: Kind, raised: type[ClientError], *, nothing_happened: bool) -> None:
    """Each misbehaviour is its own error, and a send is tried once."""
    conversation = await trio.key.start_conversation()
    trio.simulator.misbehave(Fault(kind=kind, route="chat"))
    with pytest.raises(raised) as caught:
        await trio.key.send(conversation, "hi")
    assert caught.value.nothing_happened == nothing_happened
    assert len(await _texts(trio.key, conversation)) in (0, 1)


async def test_read_meets_a_fault_and_goes_on(trio: Trio) -> None:
    """A read is tried again."""
    conversation = await trio.key.start_conversation()
    trio.simulator.misbehave(Fault(kind="server_error", route="data", count=2))
    assert await _texts(trio.key, conversation) == []
