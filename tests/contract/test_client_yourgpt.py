"""The client of YourGPT against documented exchanges: what it asks, header by header, and what it makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.account import ChatMessage, Chunk, Contact, Conversation, Sent
from clients.errors import BadAnswer, NotFound, NotSupported, Rejected
from tests.contract.yourgpt_wire import TOKEN, replaying, requests, sample

UID = "20394857612345678"
ID = "481516"
AT = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
ADA = Contact(id="77", name="Ada", email="ada@example.com", tags=("vip", "eu"))
ON: dict[str, Any] = {**TOKEN, "contacts": {"enabled": True}}


async def test_start_conversation() -> None:
    """A session is opened with the project's key; its uid, a number no double is exact for, is kept digit by digit."""
    async with replaying("create_session", "send_assistant") as (client, platform):
        assert await client.start_conversation(Contact(email="ada@example.com")) == ID
        await client.send(ID, "Did that help?")
    assert platform.asked == requests("create_session", "send_assistant")


async def test_start_conversation_with_a_token() -> None:
    """An organisation's token goes as Bearer, and the project is named by project_uid."""
    async with replaying("create_session_token", **TOKEN) as (client, platform):
        assert await client.start_conversation() == ID
    assert platform.asked == requests("create_session_token")


async def test_send_goes_out_as_the_business() -> None:
    """By default as the assistant, which asks the bot nothing, so what comes back is no reply."""
    async with replaying("send_assistant") as (client, platform):
        assert await client.send(UID, "Did that help?", metadata={"plan": "pro"}) == Sent(
            message_id="9004", conversation_id=UID
        )
    assert platform.asked == requests("send_assistant")


async def test_send_as_the_operator() -> None:
    """If the account says so; an answer without data is a success."""
    async with replaying("send_operator", **TOKEN, send_by="operator") as (client, platform):
        assert await client.send(UID, "Did that help?") == Sent(conversation_id=UID)
    assert platform.asked == requests("send_operator")


@pytest.mark.parametrize(
    ("name", "reply"), [("send_user", "From 9 to 5."), ("send_user_list", "From 9 to 5.\nAnd on Saturdays.")]
)
async def test_say_as_the_user(name: str, reply: str) -> None:
    """The bot is asked, and its reply comes as an object or a list of them."""
    async with replaying(name) as (client, platform):
        sent = await client.say(UID, "When do you open?", send_by="user")
    assert platform.asked == requests(name)
    assert sent == Sent(message_id="9002", conversation_id=UID, reply=reply)


@pytest.mark.parametrize("data", [None, [], {}, "Sent", [None], 5, {"message_id": {}}])
async def test_message_that_was_sent_is_no_failure(data: object) -> None:
    """Whatever the receipt looks like, the platform said that it was a success."""
    async with replaying("send_assistant") as (client, platform):
        platform._answers[0]["body"]["data"] = data
        assert await client.send(UID, "Did that help?") == Sent(conversation_id=UID)


async def test_forms() -> None:
    """With `form`, the pages that show forms are sent forms, and the others JSON."""
    async with replaying("create_session_form", "messages", form=True) as (client, platform):
        await client.start_conversation()
        _ = [one async for one in client.history(UID)]
    assert platform.asked == requests("create_session_form", "messages")
    async with replaying("send_form", "sessions_token_form", **TOKEN, form=True) as (client, platform):
        await client.say(UID, "When do you open?", send_by="user")
        assert [one async for one in client.conversations()] == []
    assert platform.asked == requests("send_form", "sessions_token_form")


@pytest.mark.parametrize("operation", ["send", "stream"])
async def test_send_without_a_conversation_is_refused(operation: str) -> None:
    """A message needs a session; nothing is asked without one."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="open one with start_conversation"):
            await (client.send(None, "hi") if operation == "send" else anext(client.stream(None, "hi")))
    assert platform.asked == []


async def test_stream_in_two_steps() -> None:
    """The message is posted, then its stream fetched with its token, and without our key."""
    async with replaying("stream", "stream_second") as (client, platform):
        chunks = [chunk async for chunk in client.stream(UID, "When do you open?")]
    assert platform.asked == requests("stream", "stream_second")
    assert chunks == [
        Chunk(message_id="9002", conversation_id=UID),
        Chunk(text="From 9 ", conversation_id=UID),
        Chunk(text="to 5.", conversation_id=UID),
    ]


async def test_history() -> None:
    """Oldest first; an operator is the agent, an attachment has no text, a deleted message is left out."""
    async with replaying("messages") as (client, platform):
        messages = [message async for message in client.history(UID)]
    assert platform.asked == requests("messages")
    assert messages == [
        ChatMessage(id="9001", role="user", content="When do you open?", at=AT),
        ChatMessage(id="9002", role="assistant", content="From 9 to 5.", at=AT + timedelta(seconds=2.5)),
        ChatMessage(id="9003", role="agent", content="", at=AT + timedelta(minutes=1)),
    ]


async def test_history_page_after_page() -> None:
    """Without a total a full page asks for the next; what slid comes once."""
    async with replaying("messages_page_1", "messages_page_2") as (client, platform):
        ids = [int(message.id) async for message in client.history(UID)]
    assert platform.asked == requests("messages_page_1", "messages_page_2")
    assert ids == list(range(101))


async def test_conversations() -> None:
    """By their session ids, as webhooks tell them."""
    async with replaying("sessions") as (client, platform):
        found = [conversation async for conversation in client.conversations()]
    assert platform.asked == requests("sessions")
    assert found[0] == Conversation(id=ID, preview="From 9 to 5.", created_at=AT, updated_at=AT + timedelta(seconds=45))
    assert [one.id for one in found] == [ID, "481500"]


async def test_conversations_since() -> None:
    """With a project's key they come by their last message, so the first older one ends the list."""
    async with replaying("sessions") as (client, platform):
        platform._answers[0]["body"]["total"] = 999
        assert [one.id async for one in client.conversations(AT)] == [ID]
    assert platform.asked == requests("sessions")


async def test_conversations_since_with_a_token() -> None:
    """The days are asked for, one wider at both ends, and what is older is left out."""
    async with replaying("sessions_token_since", **TOKEN) as (client, platform):
        assert [one.id async for one in client.conversations(AT)] == [ID]
    assert platform.asked == requests("sessions_token_since")


async def test_since_without_a_zone_is_refused() -> None:
    """A time that could mean any zone is not guessed at."""
    async with replaying() as (client, _):
        with pytest.raises(Rejected, match="no time zone"):
            await anext(client.conversations(datetime(2024, 1, 15)))  # noqa: DTZ001 - the naive time is the point


async def test_list_that_turns_in_a_circle_ends() -> None:
    """A page that repeats the one before is an error, not an endless loop."""
    async with replaying(*["sessions_token_page_1"] * 2, **TOKEN) as (client, _):
        with pytest.raises(BadAnswer, match="page 2 repeats the page before"):
            _ = [one async for one in client.conversations()]


# ------------------------------------------------------------------------------------ session id and session_uid


async def test_session_id_of_a_webhook_is_looked_up_once() -> None:
    """With a project's key by the filter; then it is remembered."""
    async with replaying("sessions_found", "send_assistant", "messages") as (client, platform):
        await client.send(ID, "Did that help?")
        assert [one.id async for one in client.history(ID)] == ["9001", "9002", "9003"]
    assert platform.asked == requests("sessions_found", "send_assistant", "messages")


@pytest.mark.parametrize("name", ["sessions_filter_ignored", "sessions_filter_refused"])
async def test_filter_that_does_nothing_is_no_harm(name: str) -> None:
    """It is inferred: then the latest sessions are looked through."""
    async with replaying(name, "sessions", "send_assistant") as (client, platform):
        await client.send(ID, "Did that help?")
    assert platform.asked == requests(name, "sessions", "send_assistant")


async def test_session_is_found_on_a_later_page() -> None:
    """With a token there is no filter: pages are read, and everything on them remembered."""
    async with replaying("sessions_token_page_1", "sessions_token_page_2", *["update_resolved"] * 2, **TOKEN) as (
        client,
        platform,
    ):
        await client.close_conversation("855")
        await client.close_conversation("990")
    assert platform.asked[:2] == requests("sessions_token_page_1", "sessions_token_page_2")
    assert [asked["body"]["session_uid"] for asked in platform.asked[2:]] == ["u-855", "u-990"]


async def test_search_ends() -> None:
    """After so many pages the session is not found, and what to do is said."""
    async with replaying("sessions_token_page_1", **TOKEN, search_pages=1) as (client, platform):
        with pytest.raises(NotFound, match="raise search_pages") as caught:
            await client.send("5", "hi")
    assert (len(platform.asked), caught.value.nothing_happened) == (1, True)


async def test_small_uid_is_found_too() -> None:
    """A uid that looks like a session id is recognised in the list."""
    async with replaying("sessions_token", "messages", **TOKEN) as (client, platform):
        platform._answers[0]["body"]["data"][0]["session_uid"] = 1234
        assert len([one async for one in client.history("1234")]) == 3
    assert platform.asked[1]["body"]["session_uid"] == "1234"


# --------------------------------------------------------------------------------------------- sessions, contacts


async def test_update_session() -> None:
    """Resolving is the close of any platform; what is not given is not sent."""
    async with replaying("update_resolved", **TOKEN) as (client, platform):
        await client.close_conversation(UID)
    assert platform.asked == requests("update_resolved")
    async with replaying("update_mode") as (client, platform):
        await client.update_session(UID, chat_mode="operator", tags=("vip", "chat"))
        with pytest.raises(Rejected, match="leave chat_mode out"):
            await client.update_session(UID, state="resolved", chat_mode="bot")
    assert platform.asked == requests("update_mode")


async def test_contact_of_a_session() -> None:
    """The contact, completed from what the visitor told."""
    async with replaying("sessions_found") as (client, platform):
        assert await client.contact_of(ID) == Contact(id="77", name="Ada", email="ada@example.com", phone="+15550001")
    assert platform.asked == requests("sessions_found")


async def test_contact_of_nobody() -> None:
    """A session that knows nobody says so."""
    async with replaying("sessions_token", **TOKEN) as (client, _):
        assert await client.contact_of(ID) is None


async def test_get_contact() -> None:
    """Tags come as a comma list."""
    async with replaying("contact", **TOKEN) as (client, platform):
        assert await client.get_contact("77") == ADA
    assert platform.asked == requests("contact")


async def test_id_of_another_platform_is_nobody() -> None:
    """Contacts have numbers for ids: another id is not asked for."""
    async with replaying(**TOKEN) as (client, platform):
        with pytest.raises(NotFound):
            await client.get_contact("user_789")
        with pytest.raises(Rejected):
            await client.contacts.link_tags("user_789", ["vip"])
    assert platform.asked == []


async def test_list_of_contacts() -> None:
    """Every documented filter."""
    async with replaying("contacts", **TOKEN) as (client, platform):
        found = client.contacts.all(
            search="ada", kind="LEADS", tags=("vip", "eu"), list_id=3, exclude_spam=True, order="ASC"
        )
        assert [one.id async for one in found] == ["77", "78"]
    assert platform.asked == requests("contacts")


async def test_contact_is_found_by_exactly_its_address() -> None:
    """The platform searches, so what it finds is compared."""
    async with replaying("contacts_by_email", **TOKEN) as (client, platform):
        assert await client.upsert_contact(Contact(name="Ada", email="ada@example.com")) == ADA
    assert platform.asked == requests("contacts_by_email")


async def test_new_tags_are_linked() -> None:
    """That is documented, so it needs no switch; what is linked already is not sent."""
    async with replaying("contact", "link_tags", **TOKEN) as (client, platform):
        told = await client.upsert_contact(Contact(id="77", tags=("vip", "new", "old")))
    assert told.tags == ("vip", "eu", "new", "old")
    assert platform.asked == requests("contact", "link_tags")


@pytest.mark.parametrize(
    ("names", "contact"),
    [
        (["contacts_none"], Contact(email="ada@example.com")),
        (["contacts_by_email"], Contact(email="ada@example.com", name="Ada Lovelace")),
        ([], Contact(name="Ada")),
    ],
)
async def test_making_and_changing_contacts_is_off(names: list[str], contact: Contact) -> None:
    """No page documents it, so it is switched on by the account or not at all."""
    async with replaying(*names, **TOKEN) as (client, platform):
        with pytest.raises(NotSupported, match=r"switched off.*\[accounts.helpdesk.contacts\]") as caught:
            await client.upsert_contact(contact)
    assert platform.asked == requests(*names)
    assert caught.value.nothing_happened


async def test_contact_is_made_where_it_can_be() -> None:
    """On the configured path."""
    async with replaying("contacts_none", "create_contact", **ON) as (client, platform):
        made = await client.upsert_contact(Contact(name="Ada", email="ada@example.com"))
    assert platform.asked == requests("contacts_none", "create_contact")
    assert made == Contact(id="77", name="Ada", email="ada@example.com")


async def test_contact_is_changed_where_it_can_be() -> None:
    """Only what differs is sent, and the contact is read again."""
    async with replaying("contact", "update_contact", "contact_changed", **ON) as (client, platform):
        told = await client.upsert_contact(Contact(id="77", name="Ada", phone="+15550001"))
    assert platform.asked == requests("contact", "update_contact", "contact_changed")
    assert told.phone == "+15550001"


async def test_contact_is_removed_where_it_can_be() -> None:
    """A removed one is no error; an empty path is an operation that stays off."""
    async with replaying("delete_contact", "delete_contact", **ON) as (client, platform):
        platform._answers[1] |= {"status": 404, "body": {"type": "RXERROR", "message": "Contact not found"}}
        await client.contacts.delete("77")
        await client.contacts.delete("77")
    assert platform.asked == requests("delete_contact", "delete_contact")
    async with replaying(**TOKEN, contacts={"enabled": True, "delete": ""}) as (client, _):
        with pytest.raises(NotSupported):
            await client.contacts.delete("77")


async def test_project_key_has_no_contacts() -> None:
    """They are documented with a token only; nothing is asked."""
    async with replaying() as (client, platform):
        for call in (client.get_contact("77"), client.upsert_contact(ADA), client.contacts.create_tag("vip")):
            with pytest.raises(NotSupported, match="want an organisation's API token"):
                await call
        with pytest.raises(NotSupported):
            await anext(client.contacts.all())
    assert platform.asked == []


async def test_tags_lists_and_companies() -> None:
    """Each as its page shows."""
    names = ("create_tag", "create_list", "update_list", "delete_list", "link_company", "unlink_company")
    wanted = sample("create_list")["request"]["body"]["filter_by"]
    async with replaying(*names, "delete_company", **TOKEN) as (client, platform):
        assert await client.contacts.create_tag("vip") == "5"
        assert await client.contacts.create_list("US", wanted, icon="flag") == "9"
        await client.contacts.update_list("9", name="USA")
        await client.contacts.delete_list("9")
        await client.contacts.link_company("77", "4")
        await client.contacts.link_company("77", None)
        await client.contacts.delete_company("4")
    assert platform.asked == requests(*names, "delete_company")


async def test_any_other_page() -> None:
    """By its path, at either level; the organisation is known by its token."""
    async with replaying("ask") as (client, platform):
        assert await client.ask("/getExecutionLogs", {"limit": 1}) == [{"id": 1}]
    assert platform.asked == requests("ask")
    async with replaying("ask_organisation", **TOKEN) as (client, platform):
        assert await client.ask("/getProjects", {"limit": 1}, level="organisation") == {"projects": []}
    assert platform.asked == requests("ask_organisation")
