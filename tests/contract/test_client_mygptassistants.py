"""The client of MyGPTAssistants against documented exchanges: what it asks, header for header, and how it reads it."""

import asyncio
import gzip
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from clients.account import Account, ChatMessage, Contact, Conversation, Sent
from clients.errors import BadAnswer, NotSupported, Rejected
from clients.http import Edges, Exchange
from clients.mygptassistants import MyGPTAssistants
from schemas.own import is_marked
from tests.contract.mygptassistants_wire import replaying, requests, sample, talking
from tests.contract.wire import read_request
from tests.unit.clients.clocks import FakeClock

CONTACTS = {"contacts": {"enabled": True}}
AT = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
CONVERSATION = Conversation(
    id="conv_123456",
    preview="What are your business hours?",
    message_count=5,
    created_at=AT,
    updated_at=AT + timedelta(minutes=30),
)
ADA = Contact(id="contact_1", email="ada@example.com", name="Ada", tags=("vip",), attributes={"plan": "pro"})


async def test_send() -> None:
    """A message with conversation and metadata is asked and answered as the Chat API page shows."""
    async with replaying("send") as (client, platform):
        sent = await client.send(
            "conv_123456", "What are your business hours?", metadata={"userId": "user_789", "source": "mobile_app"}
        )
    assert platform.asked == requests("send")
    assert sent == Sent(
        message_id="msg_789012",
        conversation_id="conv_123456",
        reply="Our business hours are Monday-Friday, 9 AM to 5 PM EST.",
    )


async def test_first_send_opens_the_conversation() -> None:
    """Without a conversation the key is left out, and its id comes back."""
    async with replaying("send_new_conversation") as (client, platform):
        assert await client.start_conversation() is None
        sent = await client.send(None, "What are your business hours?")
    assert platform.asked == requests("send_new_conversation")
    assert sent.conversation_id == "conv_123456"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (
            "quick_send_enveloped",
            Sent(message_id="msg_456def", conversation_id="conv_123abc", reply="Hello! I can help you with..."),
        ),
        ("quick_send_flat", Sent(conversation_id="optional-session-id", reply="Hello! I can help you with...")),
    ],
)
async def test_quick_send(name: str, sent: Sent) -> None:
    """The quick-start form is read enveloped, as the page describes, and flat, as its sample code reads it."""
    async with replaying(name) as (client, platform):
        answer = await client.quick_send("Hello, what can you help me with?", session_id="optional-session-id")
    assert platform.asked == requests(name)
    assert answer == sent


async def test_history() -> None:
    """The history comes in the platform's order, with times."""
    async with replaying("history") as (client, platform):
        messages = [message async for message in client.history("conv_123456")]
    assert platform.asked == requests("history")
    assert messages == [
        ChatMessage(id="msg_001", role="user", content="Hello", at=AT),
        ChatMessage(
            id="msg_002", role="assistant", content="Hi! How can I help you today?", at=AT + timedelta(seconds=1)
        ),
    ]


async def test_conversations_page_after_page() -> None:
    """The list is asked page by page until none follows; what slid to the next page comes once."""
    async with replaying("conversations", "conversations_last_page") as (client, platform):
        found = [conversation async for conversation in client.conversations()]
    assert platform.asked == requests("conversations", "conversations_last_page")
    assert found == [CONVERSATION, CONVERSATION.model_copy(update={"id": "conv_123457", "preview": None})]


async def test_conversations_are_asked_as_they_are_needed() -> None:
    """Who stops at the first item pays for one page."""
    async with replaying("conversations", "conversations_last_page") as (client, platform):
        async for _ in client.conversations():
            break
    assert platform.asked == requests("conversations")


@pytest.mark.parametrize(
    "since", [AT, AT.astimezone(timezone(timedelta(hours=-5))), AT + timedelta(microseconds=999_999)]
)
async def test_conversations_since(since: datetime) -> None:
    """`since` is sent in UTC, rounded down to the second so that nothing is missed."""
    async with replaying("conversations_since") as (client, platform):
        assert [conversation async for conversation in client.conversations(since)] == []
    assert platform.asked == requests("conversations_since")


async def test_since_without_a_zone_is_refused() -> None:
    """A time that could mean any zone is not guessed at."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="no time zone"):
            _ = [conversation async for conversation in client.conversations(datetime(2024, 1, 15))]  # noqa: DTZ001 - the naive time is the point
    assert platform.asked == []


async def test_list_that_turns_in_a_circle_ends() -> None:
    """A page that repeats the one before and promises more is an error, not an endless loop."""
    async with replaying("conversations", "conversations") as (client, _):
        with pytest.raises(BadAnswer, match="page 2 repeats the page before"):
            _ = [conversation async for conversation in client.conversations()]


async def test_create_contact() -> None:
    """Only the fields that were set are sent."""
    async with replaying("contact_create", **CONTACTS) as (client, platform):
        created = await client.create_contact(
            Contact(name="Ada", email="ada@example.com", tags=("vip",), attributes={"plan": "pro"})
        )
    assert platform.asked == requests("contact_create")
    assert created == ADA


async def test_get_contact() -> None:
    """A contact is read by the platform's id."""
    async with replaying("contact_get", **CONTACTS) as (client, platform):
        assert await client.get_contact("contact_1") == ADA
    assert platform.asked == requests("contact_get")


async def test_upsert_by_id_updates() -> None:
    """With an id the contact is changed; a field set to None is cleared, one not set is left alone."""
    async with replaying("contact_update", **CONTACTS) as (client, platform):
        changed = await client.upsert_contact(Contact(id="contact_1", name="Ada L.", phone=None))
    assert platform.asked == requests("contact_update")
    assert changed.name == "Ada L."


async def test_upsert_by_email_updates_the_exact_match() -> None:
    """Without an id the contact with exactly this address is changed, not one that is spelled almost so."""
    async with replaying("contacts_with_email", "contact_update_by_email", **CONTACTS) as (client, platform):
        assert (await client.upsert_contact(Contact(name="Ada", email="ada@example.com"))).id == "contact_1"
    assert platform.asked == requests("contacts_with_email", "contact_update_by_email")


async def test_upsert_of_an_unknown_address_creates() -> None:
    """When nobody has the address, a contact is created."""
    async with replaying("contacts_without_email", "contact_create_by_email", **CONTACTS) as (client, platform):
        assert (await client.upsert_contact(Contact(name="Ada", email="ada@example.com"))).id == "contact_2"
    assert platform.asked == requests("contacts_without_email", "contact_create_by_email")


@pytest.mark.parametrize("name", ["contact_delete", "contact_delete_missing"])
async def test_delete_contact(name: str) -> None:
    """A contact is deleted; one that is gone already is as good."""
    async with replaying(name, **CONTACTS) as (client, platform):
        await client.delete_contact("contact_1")
    assert platform.asked == requests(name)


async def test_contact_paths_are_configurable() -> None:
    """The undocumented paths come from the configuration."""
    more = {"contacts": {"enabled": True, "get": "/crm/people/{id}/card"}}
    async with replaying("contact_get", **more) as (client, platform):
        await client.get_contact("a/b")
    assert platform.asked[0]["target"] == "/api/v1/crm/people/a%2Fb/card"


async def _list_contacts(client: MyGPTAssistants) -> None:
    _ = [contact async for contact in client.contacts()]


@pytest.mark.parametrize(
    "settings", [{}, {"enabled": True, **dict.fromkeys(("create", "list", "get", "update", "delete"), "")}]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create_contact(ADA),
        lambda client: client.upsert_contact(Contact(name="Ada")),
        lambda client: client.upsert_contact(ADA),
        lambda client: client.get_contact("contact_1"),
        lambda client: client.delete_contact("contact_1"),
        _list_contacts,
    ],
)
async def test_contacts_are_off_by_default(
    call: Callable[[MyGPTAssistants], Awaitable[object]], settings: dict[str, object]
) -> None:
    """Without leave, or without a path, a contact operation is refused and says which setting to change."""
    async with replaying("contact_get", contacts=settings) as (client, platform):
        with pytest.raises(NotSupported, match=r"in \[accounts\.support\.contacts\]$"):
            await call(client)
    assert platform.asked == []


async def test_conversations_cannot_be_closed() -> None:
    """The platform documents no such call."""
    async with replaying() as (client, _):
        with pytest.raises(NotSupported, match="offers no close_conversation"):
            await client.close_conversation("conv_1")


@pytest.mark.parametrize("conversation", ["", ".", ".."])
async def test_conversation_ids_cannot_climb(conversation: str) -> None:
    """An id from a payload never changes which endpoint is called."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="dot segment"):
            _ = [message async for message in client.history(conversation)]
    assert platform.asked == []


async def test_conversation_ids_are_quoted() -> None:
    """An id is one segment of the path, whatever it holds."""
    async with replaying("history") as (client, platform):
        _ = [message async for message in client.history("../../bot?x=1#f")]
    assert platform.asked[0]["target"] == "/api/v1/chat/bot_123/conversations/..%2F..%2Fbot%3Fx%3D1%23f"


@pytest.mark.parametrize("metadata", [{"at": AT}, {"n": float("nan")}, {"half": "\ud800"}, {"big": "x" * 1_100_000}])
async def test_metadata_that_cannot_be_sent(metadata: dict[str, object]) -> None:
    """What is no JSON, or far too large, is refused before anything is sent."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected) as caught:
            await client.send(None, "hi", metadata=metadata)
    assert caught.value.nothing_happened
    assert platform.asked == []


async def test_text_is_sent_as_it_is() -> None:
    """Any text survives the way out."""
    text = 'é 😀 \u2028 "quoted" \\ \n line'
    async with replaying("send") as (client, platform):
        await client.send("c", text)
    assert platform.asked[0]["body"] == {"message": text, "conversationId": "c"}


async def test_answer_may_be_compressed() -> None:
    """A gzip answer is read like a plain one."""
    body = gzip.compress(json.dumps(sample("send")["answer"]["body"]).encode())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with talking(talk) as client:
        assert (await client.send("c", "hi")).message_id == "msg_789012"


async def test_connection_is_kept() -> None:
    """Calls in a row share one connection."""
    async with replaying("send", "history", "send") as (client, platform):
        await client.send("c", "one")
        _ = [message async for message in client.history("c")]
        await client.send("c", "two")
    assert len(platform.peers) == 1


async def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go to the platform itself, not where a variable points."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")
    async with replaying("send") as (client, platform):
        await client.send("c", "hi")
    assert len(platform.asked) == 1


async def test_every_try_is_told() -> None:
    """Whoever listens hears each try with its error, for logs and metrics."""
    heard = list[Exchange]()
    edges = Edges(clock=FakeClock(auto=True), jitter=lambda: 0.0, on_exchange=heard.append)
    async with replaying("error_internal_error", "history", edges=edges) as (client, _):
        _ = [message async for message in client.history("conv_123456")]
    assert [
        (told.account, told.platform, told.operation, told.number, type(told.error).__name__) for told in heard
    ] == [
        ("support", "mygptassistants", "history", 1, "PlatformDown"),
        ("support", "mygptassistants", "history", 2, "NoneType"),
    ]


async def test_closed_account_says_so() -> None:
    """Using an account after its end is a mistake of the program, with a plain text."""
    async with replaying() as (client, _):
        await client.aclose()
        with pytest.raises(RuntimeError, match="the account support was closed"):
            await client.send(None, "hi")


async def test_client_is_an_account() -> None:
    """Handlers may use it through the common interface."""
    async with replaying() as (client, _):
        assert isinstance(client, Account)


async def test_what_is_sent_is_marked_as_ours() -> None:
    """The platform's event of it can be told from a visitor's message."""
    async with replaying("send", mark_own=True) as (client, platform):
        await client.send("conv_123456", "What are your business hours?")
    assert is_marked(platform.asked[0]["body"]["metadata"], "What are your business hours?")
