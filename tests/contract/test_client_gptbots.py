"""The client of GPTBots against documented exchanges: what it asks, header by header, and what it makes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.account import ChatMessage, Contact, Conversation, Sent
from clients.errors import BadAnswer, NotFound, NotSupported, PartlyRejected, PlatformDown, Rejected
from clients.gptbots import AnonymousId, Callback
from clients.http import Edges
from tests.contract.gptbots_wire import SAMPLES, open_client, replaying, requests, sample
from tests.unit.clients.clocks import FakeClock

CONVERSATION = "6657e7a1c9e77c0008a5b1c2"
MESSAGE = "6657e7b2c9e77c0008a5b1d4"
QUESTION = "6657e7b1c9e77c0008a5b1d3"
AT = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
PROPERTIES = {"name": "full_name", "email": "email", "plan": "subscription"}
ADA = Contact(id="user_789", name="Ada", email="ada@example.com", attributes={"plan": "pro"})


async def test_opinions_and_the_agent() -> None:
    """An answer is liked and judged; the agent comes as the platform writes it."""
    names = ("rate", "judge", "agent")
    async with replaying(*names) as (client, platform):
        changed = await client.rate(MESSAGE, "POSITIVE")
        await client.judge(MESSAGE, "FULLY_RESOLVED")
        agent = await client.agent()
    assert platform.asked == requests(*names)
    assert (changed, agent["bot_name"]) == (1, "Shop")


async def test_start_conversation() -> None:
    """A conversation is opened for the contact's own id."""
    async with replaying("create_conversation") as (client, platform):
        assert await client.start_conversation(Contact(id="user_789", email="ada@example.com")) == CONVERSATION
    assert platform.asked == requests("create_conversation")


async def test_long_user_id_is_hashed() -> None:
    """An id over the documented 32 characters becomes a hash of 32, the same every time."""
    async with replaying("create_conversation_long_id") as (client, platform):
        await client.start_conversation(Contact(id="contact_0123456789_0123456789_0123456789"))
    assert platform.asked == requests("create_conversation_long_id")


async def test_conversation_of_nobody_gets_a_new_user() -> None:
    """Without a contact each conversation has a user of its own, within the bound."""
    async with replaying("create_conversation", "create_conversation") as (client, platform):
        await client.start_conversation()
        await client.start_conversation()
    first, second = (asked["body"]["user_id"] for asked in platform.asked)
    assert first != second
    assert {len(first), len(second)} == {32}


async def test_send() -> None:
    """A blocking message with custom variables is asked as the page shows; the branches' texts are the reply."""
    async with replaying("send") as (client, platform):
        sent = await client.send(CONVERSATION, "When do you open?", metadata={"plan": "pro"})
    assert platform.asked == requests("send")
    reply = "We are open from 9 to 5.$[1]$\nAnd on Saturdays."
    assert sent == Sent(message_id=MESSAGE, conversation_id=CONVERSATION, reply=reply)


@pytest.mark.parametrize("name", ["send_webhook", "send_webhook_empty"])
async def test_send_in_webhook_mode(name: str) -> None:
    """The acknowledgement may have any form, or none: the reply comes to the agent's webhook."""
    async with replaying(name, name, response_mode="webhook") as (client, platform):
        assert await client.send(CONVERSATION, "When do you open?") == Sent(conversation_id=CONVERSATION)
        assert await client.send_for_webhook(CONVERSATION, "When do you open?") == Sent(conversation_id=CONVERSATION)
    assert platform.asked == requests(name, name)


async def test_send_without_a_conversation_is_refused() -> None:
    """A message needs a conversation; nothing is asked without one."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="open one with start_conversation") as caught:
            await client.send(None, "hi")
        with pytest.raises(Rejected, match="open one with start_conversation"):
            await anext(client.stream(None, "hi"))
    assert (platform.asked, caught.value.nothing_happened) == ([], True)


async def test_conversations() -> None:
    """The list is asked with the times the page calls required; the latest chat is the last change."""
    async with replaying("conversations") as (client, platform):
        found = [conversation async for conversation in client.conversations()]
    assert platform.asked == requests("conversations")
    assert found == [Conversation(id=CONVERSATION, preview="When do you open?", message_count=5, updated_at=AT)]


async def test_conversations_page_after_page() -> None:
    """Pages are asked until the total is reached; what slid to the next page comes once."""
    async with replaying("conversations_page_1", "conversations_page_2") as (client, platform):
        found = [conversation.id async for conversation in client.conversations()]
    assert platform.asked == requests("conversations_page_1", "conversations_page_2")
    assert (len(found), found[-1]) == (101, CONVERSATION)


async def test_conversations_since_of_a_user() -> None:
    """`since` is sent in milliseconds."""
    async with replaying("conversations_since_of_a_user") as (client, platform):
        since = AT - timedelta(hours=1)
        assert [one async for one in client.conversations(since, user_id="user_789")] == []
    assert platform.asked == requests("conversations_since_of_a_user")


async def test_since_without_a_zone_is_refused() -> None:
    """A time that could mean any zone is not guessed at."""
    async with replaying() as (client, platform):
        with pytest.raises(Rejected, match="no time zone"):
            _ = [one async for one in client.conversations(datetime(2024, 1, 15))]  # noqa: DTZ001 - the naive time is the point
    assert platform.asked == []


async def test_list_that_turns_in_a_circle_ends() -> None:
    """A page that repeats the one before is an error, not an endless loop."""
    async with replaying("conversations_page_1", "conversations_page_1") as (client, _):
        with pytest.raises(BadAnswer, match="page 2 repeats the page before"):
            _ = [one async for one in client.conversations()]


async def test_history() -> None:
    """Texts and transcripts of each message, attachments left out, with times."""
    at = datetime(2023, 5, 12, 6, 10, 49, 906000, tzinfo=UTC)
    async with replaying("history") as (client, platform):
        messages = [message async for message in client.history(CONVERSATION)]
    assert platform.asked == requests("history")
    assert messages == [
        ChatMessage(id=QUESTION, role="user", content="When do you open?", at=at),
        ChatMessage(
            id=MESSAGE, role="assistant", content="From 9 to 5.\nAnd on Saturdays.", at=at + timedelta(seconds=1)
        ),
    ]


async def test_old_history() -> None:
    """The older form gives the same messages."""
    async with replaying("old_history") as (client, platform):
        messages = [(message.id, message.role, message.content) async for message in client.old_history(CONVERSATION)]
    assert platform.asked == requests("old_history")
    assert messages == [(QUESTION, "user", "When do you open?"), (MESSAGE, "assistant", "From 9 to 5.")]


async def test_page_past_the_end_ends_the_list() -> None:
    """Code 40005 on a later page means that the page before was the last."""
    async with replaying("history_page_1", "history_past_the_end") as (client, platform):
        assert len([message async for message in client.history(CONVERSATION)]) == 100
    assert platform.asked == requests("history_page_1", "history_past_the_end")


async def test_first_page_past_the_end_is_an_error() -> None:
    """On the first page the same code is no end but something wrong."""
    async with replaying("history_past_the_end") as (client, _):
        with pytest.raises(NotFound):
            _ = [message async for message in client.history(CONVERSATION)]


async def test_upsert_contact() -> None:
    """Fields and attributes go into the properties that the account names, and into no others."""
    async with replaying("update_properties", properties=PROPERTIES) as (client, platform):
        told = await client.upsert_contact(ADA.model_copy(update={"attributes": {"plan": "pro", "color": "red"}}))
    assert platform.asked == requests("update_properties")
    assert told == ADA


async def test_partial_failure_names_the_properties() -> None:
    """An update that was taken in part is an error with the names, and proves nothing."""
    async with replaying("update_properties_in_part", properties=PROPERTIES) as (client, _):
        with pytest.raises(PartlyRejected, match="does not take email, subscription: it has no such") as caught:
            await client.upsert_contact(ADA)
    assert caught.value.fields == ("email", "subscription")
    assert (caught.value.retryable, caught.value.nothing_happened) == (False, False)


@pytest.mark.parametrize(
    ("properties", "contact", "words"),
    [({}, ADA, r"say in \[accounts.helpdesk\] properties"), (PROPERTIES, Contact(name="Ada"), "without an id")],
)
async def test_contacts_that_cannot_be_told(properties: dict[str, str], contact: Contact, words: str) -> None:
    """Without named properties, or for somebody without an id, the platform has no such thing; it is said why."""
    async with replaying(properties=properties) as (client, platform):
        with pytest.raises(NotSupported, match=words):
            await client.upsert_contact(contact)
    assert platform.asked == []


async def test_contact_of_which_nothing_can_be_told() -> None:
    """A contact without a field that has a property is not asked about."""
    async with replaying(properties=PROPERTIES) as (client, platform):
        assert await client.upsert_contact(Contact(id="user_789", phone="+1")) == Contact(id="user_789")
    assert platform.asked == []


async def test_get_contact() -> None:
    """Both spellings of a property's name are read; a property of no field is an attribute."""
    async with replaying("get_contact", properties=PROPERTIES) as (client, platform):
        found = await client.get_contact("user_789")
    assert platform.asked == requests("get_contact")
    assert found == Contact(id="user_789", name="Ada", email="ada@example.com", attributes={"language": "en"})


@pytest.mark.parametrize(
    "name",
    [
        "get_contact_unknown_user",
        "get_contact_unknown_anonymous",
        "get_contact_unknown_under_200",
        "get_contact_empty",
    ],
)
async def test_unknown_user(name: str) -> None:
    """503 and 504 of the property query mean that there is no such user: asked once, not retryable."""
    async with replaying(name) as (client, platform):
        with pytest.raises(NotFound) as caught:
            await client.get_contact("user_789")
    assert (len(platform.asked), caught.value.retryable) == (1, False)


async def test_gateway_that_is_down_is_no_unknown_user() -> None:
    """A 503 that is not the platform's own JSON stays a server error, and is tried again."""
    async with replaying(*["get_contact_gateway_down"] * 3) as (client, platform):
        with pytest.raises(PlatformDown):
            await client.get_contact("user_789")
    assert len(platform.asked) == 3


async def test_set_user_id() -> None:
    """Visitors of channels are said to be one user."""
    ids = [AnonymousId("anon_1", "WIDGET"), AnonymousId("wa_2", "WHATSAPP_META", source_id="+1555")]
    async with replaying("set_user_id") as (client, platform):
        await client.set_user_id("user_789", ids)
    assert platform.asked == requests("set_user_id")


async def test_user_profile() -> None:
    """The undocumented profile comes as it is."""
    async with replaying("user_profile") as (client, platform):
        assert await client.user_profile(user_id="user_789") == {"user_id": "user_789", "tags": ["vip"]}
    assert platform.asked == requests("user_profile")


async def test_invoke_workflow() -> None:
    """A run that is waited for comes back finished, with the whole answer."""
    async with replaying("invoke_workflow") as (client, platform):
        run = await client.invoke_workflow({"topic": "hi"}, user_id="user_789")
    assert platform.asked == requests("invoke_workflow")
    assert (run.run_id, run.status, run.output) == ("5b15-4cbf-999c", "SUCCEED", {"output": "news"})
    assert run.answer["totalTokens"] == 3464


async def test_invoke_workflow_with_a_callback() -> None:
    """A run that is not waited for gives its id, and calls back."""
    headers = {"Accept": "application/json", "Authorization": "Bearer <your_token>"}
    async with replaying("invoke_workflow_async") as (client, platform):
        callback = Callback("https://example-1.com", headers=headers)
        run = await client.invoke_workflow({"topic": "hi"}, wait=False, callbacks=[callback])
    assert platform.asked == requests("invoke_workflow_async")
    assert (run.run_id, run.status) == ("5b15-4cbf-999c", None)


async def test_query_workflow() -> None:
    """A run is asked for by its id."""
    async with replaying("query_workflow") as (client, platform):
        assert (await client.query_workflow("5b15-4cbf-999c")).status == "SUCCEED"
    assert platform.asked == requests("query_workflow")


async def test_answer_and_close_a_handoff() -> None:
    """A person's words and the end of the handoff carry the time; closing a conversation closes the handoff."""
    clock = FakeClock(auto=True)
    names = ("answer_handoff", "close_handoff", "close_handoff")
    async with replaying(*names, edges=Edges(clock=clock)) as (client, platform):
        await client.answer_handoff("h_1", "A person here.")
        await client.close_handoff("h_1")
        await client.close_conversation("h_1")
    assert platform.asked == requests(*names)


async def test_handoff_goes_to_its_own_host() -> None:
    """The handoff's host can be another than that of everything else."""
    async with replaying("answer_handoff") as (client, platform):
        url = client._settings.base_url
        async with open_client("https://api-jp.gptbots.ai", handoff_url=url) as other:
            await other.answer_handoff("h_1", "A person here.")
    assert [asked["target"] for asked in platform.asked] == ["/v1/human/message/receive"]


def test_every_sample_says_where_it_stands() -> None:
    """An exchange names the page it follows, or says that no page does."""
    names = SAMPLES.names
    assert [name for name in names if not sample(name)["source"]] == []
