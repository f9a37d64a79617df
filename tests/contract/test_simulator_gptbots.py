"""The simulated GPTBots answers as its documentation says."""

import json
from collections.abc import AsyncIterator

import pytest

from simulator import SystemClock
from tests.contract.gptbots_caller import GptBots
from tests.contract.simulators import Inbox, inbox, running, until


@pytest.fixture
async def gb() -> AsyncIterator[GptBots]:
    """A simulator on a clock that stands still, without limits."""
    async with running(limits=False) as caller:
        yield GptBots(caller)


@pytest.fixture
async def box() -> AsyncIterator[Inbox]:
    async with inbox() as box:
        yield box


# --------------------------------------------------------------------------------------- the documented samples


async def test_the_base_url_is_the_documented_one_with_another_host(gb: GptBots) -> None:
    """Its paths begin with the version."""
    assert gb.url == f"{gb.caller.simulator.url}/gptbots"


async def test_a_conversation_is_created(gb: GptBots) -> None:
    """The answer is the bare object, the id 24 hex digits."""
    status, answer = await gb.call("POST", "/v1/conversation", {"user_id": "example_user"})
    assert (status, set(answer), len(answer["conversation_id"])) == (200, {"conversation_id"}, 24)


async def test_the_blocking_answer(gb: GptBots) -> None:
    """Every documented field, the time in seconds."""
    conversation = await gb.open()
    answer = await gb.say(conversation, "What are your business hours?")
    assert len(answer.pop("message_id")) == 24
    usage = answer.pop("usage")
    assert answer == {
        "create_time": 1705312800,
        "conversation_id": conversation,
        "output": [
            {
                "from_component_branch": "1",
                "from_component_name": "LLM-1",
                "content": {"text": "Our business hours are Monday-Friday, 9 AM to 5 PM EST."},
            }
        ],
    }
    assert (usage["tokens"]["total_tokens"], usage["credits"]["total_credits"]) == (16, 0.016)


async def test_parts_of_a_message(gb: GptBots) -> None:
    """Text beside an image."""
    content = [
        {"type": "text", "text": "What are your business hours?"},
        {"type": "image", "image": [{"url": "https://example.org/x.png", "format": "png", "name": "x"}]},
    ]
    body = {
        "conversation_id": await gb.open(),
        "response_mode": "blocking",
        "messages": [{"role": "user", "content": content}],
    }
    status, answer = await gb.call("POST", "/v2/conversation/message", body)
    assert (status, answer["output"][0]["content"]["text"][:18]) == (200, "Our business hours")


async def test_the_stream(gb: GptBots) -> None:
    """A record per line: the message's id, pieces, the cost, the end."""
    messages = [{"role": "user", "content": "Tell me a story"}]
    body = {"conversation_id": await gb.open(), "response_mode": "streaming", "messages": messages}
    url = f"{gb.url}/v2/conversation/message"
    async with gb.caller.session.post(url, json=body) as answer:
        records = [json.loads(line) for line in (await answer.text()).splitlines()]
    codes = [record["code"] for record in records]
    assert (codes[0], set(codes[1:-2]), codes[-2:]) == (11, {3}, [4, 0])
    assert "".join(record["data"] for record in records[1:-2]).startswith("Once upon a time")
    assert records[-1] == {"code": 0, "message": "End", "data": None}


async def test_both_histories(gb: GptBots) -> None:
    """Oldest first, each message with the one before it, times in milliseconds."""
    conversation = await gb.open()
    reply = await gb.say(conversation)
    query = f"conversation_id={conversation}&page=1&page_size=100"
    _, new = await gb.call("GET", f"/v2/messages?{query}")
    _, old = await gb.call("GET", f"/v1/messages?{query}")
    user, said = new["conversation_content"]
    assert (new["total"], old["total"]) == (2, 2)
    assert said == {
        "message_id": reply["message_id"],
        "parent_message_id": user["message_id"],
        "create_time": 1705312800000,
        "role": "assistant",
        "content": [
            {
                "from_component_branch": "1",
                "branch_content": [{"type": "text", "text": "Hi! How can I help you today?"}],
            }
        ],
    }
    assert [(item["message_type"], item["text"]) for item in old["messages"]] == [
        ("QUESTION", "Hello"),
        ("ANSWER", "Hi! How can I help you today?"),
    ]


async def test_the_history_of_an_empty_conversation(gb: GptBots) -> None:
    """Is an empty list."""
    query = f"conversation_id={await gb.open()}&page=1&page_size=100"
    assert await gb.call("GET", f"/v2/messages?{query}") == (200, {"total": 0, "conversation_content": []})


async def test_the_list(gb: GptBots) -> None:
    """Latest first, within the times, of a user or a channel."""
    conversation = await gb.open("ada")
    await gb.open("ben")
    await gb.say(conversation)
    times = "start_time=1705312800000&end_time=1705312800000&page=1&page_size=50"
    _, every = await gb.call("GET", f"/v1/bot/conversation/page?conversation_type=ALL&{times}")
    _, one = await gb.call("GET", f"/v1/bot/conversation/page?conversation_type=API&user_id=ada&{times}")
    _, none = await gb.call("GET", f"/v1/bot/conversation/page?conversation_type=WIDGET&{times}")
    assert ([item["user_id"] for item in every["list"]], every["total"], none) == (
        ["ada", "ben"],
        2,
        {"list": [], "total": 0},
    )
    assert one["list"][0] == {
        "conversation_id": conversation,
        "user_id": "ada",
        "recent_chat_time": 1705312800000,
        "subject": "Hello",
        "conversation_type": "API",
        "message_count": 2,
        "cost_credit": 0.008,
        "bot_id": "6657e000c9e77c0008a5b000",
    }


async def test_users(gb: GptBots) -> None:
    """Properties are set in part, queried by both kinds of ids, and shown in the profile."""
    await gb.open("ada")
    values = [{"property_name": "email", "value": "ada@example.com"}, {"property_name": "missing_one", "value": 1}]
    updated = await gb.call("POST", "/v1/property/update", {"user_id": "ada", "property_values": values})
    ids = [{"anonymous_id": "anon_1", "conversation_type": "WIDGET"}]
    await gb.call("POST", "/v1/user/set-userid", {"user_id": "ada", "anonymous_ids": ids})
    shown = [{"property_name": "email", "value": "ada@example.com"}]
    assert updated == (
        200,
        {
            "success_update": [{"propertyName": "email", "value": "ada@example.com"}],
            "fail_update": [{"property_name": "missing_one", "value": 1}],
        },
    )
    assert await gb.call("GET", "/v2/user-property/query?user_ids=ada") == (
        200,
        [{"user_id": "ada", "property_values": shown}],
    )
    assert (await gb.call("GET", "/v2/user-property/query?anonymous_ids=anon_1"))[1] == [
        {"anonymous_id": "anon_1", "property_values": shown}
    ]
    _, profile = await gb.call("GET", "/v1/user/get-user-cdp?anonymous_id=anon_1")
    assert (profile["user_id"], profile["anonymous_ids"], profile["property_values"]) == ("ada", ids, shown)


async def test_at_most_100_visitors_are_one_user(gb: GptBots) -> None:
    """The oldest binding is dropped."""
    for begin in (0, 60):
        ids = [{"anonymous_id": f"a{n}", "conversation_type": "WIDGET"} for n in range(begin, begin + 60)]
        await gb.call("POST", "/v1/user/set-userid", {"user_id": "ada", "anonymous_ids": ids})
    _, profile = await gb.call("GET", "/v1/user/get-user-cdp?user_id=ada")
    bound = [item["anonymous_id"] for item in profile["anonymous_ids"]]
    assert (len(bound), bound[0], bound[-1]) == (100, "a20", "a119")


@pytest.mark.parametrize(("query", "status"), [("user_ids=nobody", 503), ("anonymous_ids=nobody", 504)])
async def test_unknown_users_are_503_and_504(gb: GptBots, query: str, status: int) -> None:
    """As documented for this call alone."""
    answered, answer = await gb.call("GET", f"/v2/user-property/query?{query}")
    assert (answered, answer["code"]) == (status, status)


async def test_a_workflow(gb: GptBots) -> None:
    """Waited for it answers the run, else its id; both can be queried."""
    _, run = await gb.call("POST", "/v1/workflow/invoke", {"userId": "ada", "input": {"topic": "hi"}, "isAsync": False})
    _, later = await gb.call("POST", "/v1/workflow/invoke", {"input": {"topic": "hi"}, "isAsync": True})
    _, queried = await gb.call("POST", "/v1/workflow/query/result", {"workflowRunId": later["workflowRunId"]})
    assert (run["status"], run["output"], set(later)) == ("SUCCEED", {"output": "hi"}, {"workflowRunId"})
    assert queried == run | later
    unknown, error = await gb.call("POST", "/v1/workflow/query/result", {"workflowRunId": "nowhere"})
    assert (unknown, error["code"]) == (400, 40000)


# ------------------------------------------------------------------------------------------------------ webhooks


async def test_a_reply_is_posted_for_webhook_mode_only(box: Inbox) -> None:
    """The call is acknowledged; the body is that of a blocking answer, with the static header and no signature."""
    async with running(clock=SystemClock(), limits=False) as caller:
        gb = GptBots(caller)
        await caller.simulator.connect_webhook(platform="gptbots", url=box.url, secret="static-secret")
        conversation = await gb.open()
        await gb.say(conversation, "Hello")
        assert await gb.say(conversation, "Hello", mode="webhook") == {"code": 0, "message": "OK"}
        await until(lambda: bool(box.bodies))
        await caller.simulator.settled()
    (reply,) = box.events
    assert (reply["conversation_id"], reply["output"][0]["content"]["text"]) == (
        conversation,
        "Hi! How can I help you today?",
    )
    assert box.headers[0]["authorization"] == "Bearer static-secret"
    assert not any("signature" in name for name in box.headers[0])


async def test_a_workflow_calls_back(box: Inbox) -> None:
    """At the URL and with the headers that the call gave."""
    async with running(clock=SystemClock(), limits=False) as caller:
        gb = GptBots(caller)
        webhook = [{"method": "POST", "url": box.url, "headers": {"X-Secret": "s3cret"}}]
        body = {"input": {"topic": "hi"}, "isAsync": True, "webhook": webhook}
        _, run = await gb.call("POST", "/v1/workflow/invoke", body)
        await until(lambda: bool(box.bodies))
    assert (box.events[0]["workflowRunId"], box.events[0]["status"]) == (run["workflowRunId"], "SUCCEED")
    assert box.headers[0]["x-secret"] == "s3cret"
