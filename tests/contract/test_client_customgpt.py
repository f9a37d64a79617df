"""The client of CustomGPT.ai against documented exchanges: what it asks, header by header, and what it makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, cycle

import pytest

from clients.account import ChatMessage, Chunk, Contact, Conversation, Sent
from clients.customgpt import Usage
from clients.errors import BadAnswer, ClientError, NotFound, NotSupported, OutOfCredit, RateLimited, Rejected
from tests.contract.customgpt_wire import KEY, SAMPLES, open_client, replaying, requests, sample
from tests.contract.wire import refused

SESSION = "f1b9aaf0-5e4e-11eb-ae93-0242ac130002"
AT = datetime(2024, 1, 15, 10, 0, 1, tzinfo=UTC)
ACME = Contact(id="crm:12345", name="ACME")


async def test_projects() -> None:
    """A project is made as the quickstart shows; its own and all of the key are read."""
    async with replaying("create_project", "project", "projects") as (client, platform):
        made = await client.create_project("Test", "https://example.com/sitemap.xml")
        own = await client.project()
        listed = [project["id"] async for project in client.projects()]
    assert platform.asked == requests("create_project", "project", "projects")
    assert (made["id"], own["project_name"], listed) == (2021, "Test", [2021])


async def test_start_conversation() -> None:
    """The id of a conversation is its session id, which paths want."""
    async with replaying("create_conversation") as (client, platform):
        assert await client.start_conversation() == SESSION
    assert platform.asked == requests("create_conversation")


async def test_conversation_of_a_contact() -> None:
    """It is named after the contact, and what is sent there carries the contact's id, marked as ours."""
    async with replaying("create_conversation_contact", "send_marked", mark_own=True) as (client, platform):
        assert await client.start_conversation(ACME) == SESSION
        await client.send(SESSION, "Hello world")
    assert platform.asked == requests("create_conversation_contact", "send_marked")


async def test_send() -> None:
    """A message is sent as the quickstart shows; the record holds the answer, and its question is the message."""
    async with replaying("send") as (client, platform):
        sent = await client.send(SESSION, "Hello world")
    assert platform.asked == requests("send")
    reply = "Hi! How can I help you today?"
    assert sent == Sent(message_id="501:question", conversation_id=SESSION, reply=reply)


async def test_send_with_everything() -> None:
    """Language, persona, model, source and external id stand where the description has them."""
    settings = {
        "lang": "de",
        "response_source": "own_content",
        "custom_persona": "A pirate",
        "chatbot_model": "gpt-4-o",
    }
    async with replaying("send_more", **settings) as (client, platform):
        await client.send(SESSION, "Hello world", metadata={"external_id": "crm:12345", "plan": "pro"})
    assert platform.asked == requests("send_more")


async def test_send_without_a_conversation_is_refused() -> None:
    """A message needs a conversation; nothing is asked without one."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="open one with start_conversation"):
            await client.send(None, "hi")
        with pytest.raises(Rejected, match="open one with start_conversation"):
            await anext(client.stream(None, "hi"))
    assert platform.asked == []


@pytest.mark.parametrize("name", ["stream", "stream_named", "stream_deltas"])
async def test_stream(name: str) -> None:
    """All forms that official samples show are read, piece by piece."""
    async with replaying(name) as (client, platform):
        chunks = [chunk async for chunk in client.stream(SESSION, "Hello world")]
    assert platform.asked == requests(name)
    assert chunks == [Chunk(text=text, conversation_id=SESSION) for text in ("Hi! ", "How are you?")]


async def test_stream_whose_last_record_is_the_answer() -> None:
    """A record that completes an answer of which no piece came is the whole of it."""
    async with replaying("stream_completed") as (client, _):
        assert [chunk.text async for chunk in client.stream(SESSION, "Hello world")] == ["Hi! How are you?"]


async def test_answer_instead_of_a_stream() -> None:
    """A platform that answers at once is understood too."""
    async with replaying("send") as (client, _):
        chunks = [chunk async for chunk in client.stream(SESSION, "Hello world")]
    assert [(chunk.text, chunk.message_id) for chunk in chunks] == [("Hi! How can I help you today?", "501:question")]


@pytest.mark.parametrize(("name", "proved"), [("stream_error", True), ("stream_error_late", False)])
async def test_error_in_a_stream(name: str, *, proved: bool) -> None:
    """Used-up credits are an error also inside a stream; after a piece of an answer it proves nothing."""
    async with replaying(name) as (client, _):
        with pytest.raises(OutOfCredit) as caught:
            _ = [chunk async for chunk in client.stream(SESSION, "Hello world")]
    assert (caught.value.parked, caught.value.nothing_happened) == (True, proved)


@pytest.mark.parametrize("name", ["stream_without_end", "stream_no_json"])
async def test_stream_that_may_miss_something(name: str) -> None:
    """A stream that does not say that it ended, or holds what is no JSON, is no whole answer."""
    async with replaying(name) as (client, _):
        with pytest.raises(BadAnswer, match="stream"):
            _ = [chunk async for chunk in client.stream(SESSION, "Hello world")]


async def test_history() -> None:
    """Each record gives a question and, once it is written, an answer; oldest first, page after page of our host."""
    async with replaying("history_page_1", "history_page_2") as (client, platform):
        messages = [message async for message in client.history(SESSION)]
    assert platform.asked == requests("history_page_1", "history_page_2")
    assert messages[:2] == [
        ChatMessage(id="501:question", role="user", content="Hello world", at=AT),
        ChatMessage(id="501:answer", role="assistant", content="Hi! How can I help you today?", at=AT),
    ]
    assert [message.id for message in messages[2:]] == ["502:question", "502:answer", "503:question"]


async def test_message_of_ours_in_the_history() -> None:
    """What we sent, marked in its external id, is not the visitor's."""
    async with replaying("history_page_2") as (client, platform):
        item = platform._answers[0]["body"]["data"]["messages"]["data"][0]
        item["metadata"]["external_id"] = "crm:12345#hookline:64ec88ca00b268e5"
        first = [message.role async for message in client.history(SESSION)]
        platform._answers.append(sample("history_page_2")["answer"])
        ours = platform._answers[0]["body"]["data"]["messages"]["data"][0]
        ours |= {"user_query": "Hello world", "metadata": item["metadata"]}
        second = [message.role async for message in client.history(SESSION)]
    assert (first, second) == (["user"], ["agent"])


async def test_conversations() -> None:
    """Newest first, page after page; what slid to the next page comes once; `since` is kept here."""
    names = ("conversations_page_1", "conversations_page_2")
    async with replaying(*names, *names) as (client, platform):
        found = [conversation async for conversation in client.conversations()]
        recent = [one.preview async for one in client.conversations(datetime(2024, 1, 1, tzinfo=UTC))]
    assert platform.asked == requests(*names, *names)
    assert [one.preview for one in found] == ["Second", "New Conversation Name", "Oldest"]
    assert found[1] == Conversation(
        id=SESSION,
        preview="New Conversation Name",
        created_at=datetime(2024, 1, 15, 10, 0, tzinfo=UTC),
        updated_at=datetime(2024, 1, 15, 10, 5, tzinfo=UTC),
    )
    assert recent == ["Second", "New Conversation Name"]


async def test_since_without_a_zone_is_refused() -> None:
    """A time that could mean any zone is not guessed at."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="no time zone"):
            _ = [one async for one in client.conversations(datetime(2024, 1, 15))]  # noqa: DTZ001 - the naive time is the point
    assert platform.asked == []


async def test_list_that_turns_in_a_circle_ends() -> None:
    """A page that repeats the one before and promises more is an error, not an endless loop."""
    async with replaying("conversations_page_1", "conversations_page_1") as (client, _):
        with pytest.raises(BadAnswer, match="page 2 repeats pages before"):
            _ = [one async for one in client.conversations()]


@pytest.mark.parametrize(
    ("ids", "words"),
    [(cycle([1, 2]), "page 3 repeats pages before"), (count(1), "no end to it, not even after 9 pages")],
)
async def test_list_without_an_end_ends(monkeypatch: pytest.MonkeyPatch, ids: Iterator[int], words: str) -> None:
    """Pages that alternate, or always other ones: neither is asked for for ever."""
    monkeypatch.setattr("clients.customgpt._MAX_PAGES", 9)
    async with replaying() as (client, _):

        async def ask(_: object) -> object:
            return {"data": {"data": [{"id": next(ids)}], "next_page_url": "x"}}

        monkeypatch.setattr(client._wire, "ask", ask)
        with pytest.raises(BadAnswer, match=words):
            _ = [one async for one in client.conversation_records()]


async def test_rename_and_close() -> None:
    """A conversation is renamed and deleted; one that is gone is as closed as can be."""
    async with replaying("rename", "close", "error_404") as (client, platform):
        await client.rename_conversation(SESSION, "Renamed")
        await client.close_conversation(SESSION)
        await client.close_conversation(SESSION)
    assert platform.asked[:2] == requests("rename", "close")


async def test_one_record_and_its_feedback() -> None:
    """A record is read by its number, and its answer liked."""
    async with replaying("prompt", "react") as (client, platform):
        found = await client.prompt(SESSION, "501")
        await client.react(SESSION, "501", "liked")
    assert platform.asked == requests("prompt", "react")
    assert (found.id, found.question) == ("501", "Hello world")


async def test_completion() -> None:
    """The OpenAI-like endpoint answers without a conversation."""
    async with replaying("complete") as (client, platform):
        told = await client.complete(
            [{"role": "user", "content": "Hello world"}], external_id="crm:12345", inline_citations=True
        )
    assert platform.asked == requests("complete")
    assert (told.id, told.content, told.finish_reason) == ("chatcmpl-1", "Hi!", "stop")


async def test_unsupported_argument() -> None:
    """501 means that the platform has no such thing, and is no server error."""
    async with replaying("complete_501") as (client, platform):
        with pytest.raises(NotSupported) as caught:
            await client.complete([{"role": "user", "content": "Hello world"}])
    assert platform.asked == requests("complete_501")
    assert (caught.value.retryable, caught.value.nothing_happened, caught.value.code) == (False, True, "501")


async def test_reports_and_citations() -> None:
    """The report is asked for whole days; the other columns of a row are kept."""
    async with replaying("insights", "citation", "usage") as (client, platform):
        rows = [
            row async for row in client.insights(datetime(2024, 1, 14, tzinfo=UTC), datetime(2024, 1, 16, tzinfo=UTC))
        ]
        citation = await client.citation("11")
        usage = await client.usage()
    assert platform.asked == requests("insights", "citation", "usage")
    assert [(row.prompt_id, row.conversation_id, row.at, row.more["browser"]) for row in rows] == [
        ("501", "1", AT, "Firefox")
    ]
    assert (citation["title"], usage.out_of_queries, Usage().out_of_queries) == ("Hours", True, False)


async def test_new_contact() -> None:
    """Somebody the platform has no conversation of gets one, named after them."""
    names = ("find_contact_none", "create_kept_contact")
    async with replaying(*names, contact_conversations=True) as (client, platform):
        assert await client.upsert_contact(ACME) == ACME
    assert platform.asked == requests(*names)


async def test_known_contact() -> None:
    """A conversation whose name is right is left alone, a wrong name is changed; a similar name is another's."""
    names = ("find_contact", "find_contact", "rename_contact")
    async with replaying(*names, contact_conversations=True) as (client, platform):
        await client.upsert_contact(ACME)
        told = await client.upsert_contact(Contact(id="crm:12345", name="ACME Inc."))
    assert platform.asked == requests(*names)
    assert told == Contact(id="crm:12345", name="ACME Inc.")


async def test_get_contact() -> None:
    """What the name tells of a contact; nobody when no conversation has it."""
    async with replaying("find_contact", "find_contact_none", contact_conversations=True) as (client, platform):
        assert await client.get_contact("crm:12345") == ACME
        with pytest.raises(NotFound):
            await client.get_contact("crm:12345")
    assert platform.asked == requests("find_contact", "find_contact_none")


async def test_contacts_are_off_by_default() -> None:
    """Conversations that hold contacts are our reading of the platform's advice, so they are asked for by setting."""
    async with replaying() as (client, platform):
        with pytest.raises(NotSupported, match=r"contact_conversations = true in \[accounts.help\]"):
            await client.upsert_contact(ACME)
        with pytest.raises(NotSupported, match="contact_conversations"):
            await client.get_contact("crm:12345")
    assert platform.asked == []


async def test_contact_that_nothing_tells_apart() -> None:
    """A name alone finds nobody again."""
    async with replaying(contact_conversations=True) as (client, platform):
        with pytest.raises(NotSupported, match="cannot be found"):
            await client.upsert_contact(Contact(name="Ada"))
    assert platform.asked == []


@pytest.mark.parametrize(
    ("code", "kind", "nothing_happened"),
    [
        ("400", "Rejected", True),
        ("401", "Unauthorized", True),
        ("403", "Unauthorized", True),
        ("404", "NotFound", True),
        ("422", "Rejected", True),
        ("429", "OutOfCredit", True),
        ("500", "PlatformDown", False),
        ("503", "PlatformDown", False),
    ],
)
async def test_documented_codes(code: str, kind: str, *, nothing_happened: bool) -> None:
    """Each documented code is its own error, raised at once, with no word of the body and no key."""
    async with replaying(f"error_{code}") as (client, platform):
        with pytest.raises(ClientError) as caught:
            await client.send(SESSION, "Hello world")
    assert platform.asked == requests(f"error_{code}")
    error = caught.value
    assert (type(error).__name__, error.code, error.nothing_happened) == (kind, code, nothing_happened)
    assert error.parked == (kind == "OutOfCredit")
    assert "for people" not in str(error)
    assert KEY not in str(error)


async def test_used_up_credits_are_not_asked_again() -> None:
    """A read that is answered 429 is not repeated: waiting seconds brings no credits."""
    async with replaying("error_429") as (client, platform):
        with pytest.raises(OutOfCredit):
            _ = [one async for one in client.history(SESSION)]
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b"slow down", "RateLimited"),
        (429, b'{"status":"error","data":{"code":429,"message":"Too many requests"}}', "RateLimited"),
        (200, b'{"status":"error","data":{"code":404,"message":"s3cret"}}', "NotFound"),
        (200, b'{"status":"error","data":{"code":429,"message":"credits"}}', "OutOfCredit"),
        (200, b'{"status":"error","data":"s3cret"}', "BadAnswer"),
        (200, b'{"status":"success","data":null}', "BadAnswer"),
        (200, b"<html>", "BadAnswer"),
        (502, b"<html>", "PlatformDown"),
    ],
)
async def test_other_answers(status: int, body: bytes, kind: str) -> None:
    """A rate in other words is a rate; an error envelope is one under any status; nothing of a body is shown."""
    error = await refused(open_client, SESSION, status, body)
    assert type(error).__name__ == kind
    assert "s3cret" not in str(error)


async def test_limits_are_kept() -> None:
    """Messages and everything else are counted apart."""
    limits = {"limits": {"chat": "1/min", "data": "1/min"}}
    async with replaying("send", "usage", **limits) as (client, platform):
        await client.send(SESSION, "Hello world")
        await client.usage()
        with pytest.raises(RateLimited, match="the limit for chat calls"):
            await client.send(SESSION, "Hello world")
        with pytest.raises(RateLimited, match="the limit for data calls"):
            await client.usage()
    assert len(platform.asked) == 2


def test_every_sample_says_where_it_stands() -> None:
    """An exchange names the page it follows."""
    assert SAMPLES.names
    assert [name for name in SAMPLES.names if not sample(name)["source"]] == []
