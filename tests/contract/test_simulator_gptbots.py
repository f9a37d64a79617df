"""The simulated GPTBots answers as its documentation says."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator import ManualClock, SystemClock
from tests.contract.simulators import Caller, Inbox, inbox, running, until

FREE = {"Authorization": "Bearer app-key"}
HOSTILE = [
    json.dumps(
        {
            "conversation_id": "c",
            "response_mode": "blocking",
            "messages": [{"role": "user", "content": "x"}],
            "conversation_config": {"custom_variables": 5},
        }
    ).encode(),
    b"",
    b"\xff\xfe\x00",
    b"not json",
    b"[]",
    b"null",
    b'{"conversation_id": NaN}',
    b"[" * 100_000,
    b"{}",
    b'{"conversation_id": 5, "response_mode": "blocking", "messages": []}',
    b'{"conversation_id": "c", "response_mode": "loud", "messages": [{"role": "user", "content": "x"}]}',
    b'{"conversation_id": "c", "response_mode": "blocking", "messages": {}}',
    b'{"conversation_id": "c", "response_mode": "blocking", "messages": [5]}',
    b'{"conversation_id": "c", "response_mode": "blocking", "messages": [{"role": "tool", "content": "x"}]}',
    b'{"conversation_id": "c", "response_mode": "blocking", "messages": [{"role": "user", "content": " "}]}',
    b'{"conversation_id": "c", "response_mode": "blocking", "messages": [{"role": "user", "content": [{}]}]}',
    b'{"conversation_id": "c", "message": "' + b"x" * 1_100_000 + b'"}',
]


class GptBots:
    """Calls GPTBots with a key."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.url = caller.simulator.base_url("gptbots")

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "app-key") -> tuple[int, Any]:
        data = io.BytesIO(body) if isinstance(body, bytes) else None
        headers = {"Authorization": f"Bearer {key}"}
        async with self.caller.session.request(
            method, self.url + path, json=None if data is not None else body, data=data, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def open(self, user_id: str = "user_789", **more: Any) -> str:
        _, answer = await self.call("POST", "/v1/conversation", {"user_id": user_id}, **more)
        return str(answer["conversation_id"])

    async def say(self, conversation_id: str, text: str = "Hello", mode: str = "blocking", **more: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        body = {"conversation_id": conversation_id, "response_mode": mode, "messages": messages}
        return (await self.call("POST", "/v2/conversation/message", body, **more))[1]


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
    async with gb.caller.session.post(url, json=body, headers=FREE) as answer:
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


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("key", ["", "Bearer invalid", "Bearer", "Basic app-key", "app-key"])
async def test_a_wrong_key_is_refused(gb: GptBots, key: str) -> None:
    """40127, whatever is wrong with it."""
    url = f"{gb.url}/v1/conversation"
    async with gb.caller.session.post(url, json={"user_id": "u"}, headers={"Authorization": key}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, 40127)


async def test_a_deleted_agent_and_one_without_credits(gb: GptBots) -> None:
    """Any agent exists but `missing`; `broke` has spent its credits."""
    _, gone = await gb.call("POST", "/v1/conversation", {"user_id": "u"}, key="app-key@missing")
    conversation = await gb.open(key="app-key@broke")
    broke = await gb.say(conversation, key="app-key@broke")
    assert (gone["code"], broke["code"]) == (40378, 40379)


async def test_conversations_that_are_not_there(gb: GptBots) -> None:
    """`missing` is 40356, another agent's 40358."""
    other = await gb.open(key="app-key@bot_2")
    codes = [(await gb.say(one))["code"] for one in ("missing", other)]
    read = [
        (await gb.call("GET", f"/v2/messages?conversation_id={one}&page=1&page_size=10"))[1]["code"]
        for one in ("missing", other)
    ]
    assert (codes, read) == ([40356, 40358], [40356, 40358])


async def test_a_conversation_that_nobody_began_is_empty(gb: GptBots) -> None:
    """And can be gone on with."""
    _, read = await gb.call("GET", "/v2/messages?conversation_id=made_up&page=1&page_size=10")
    said = await gb.say("made_up")
    assert (read["total"], said["conversation_id"]) == (0, "made_up")


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/v1/conversation", {"user_id": "u" * 33}, 40000),
        ("POST", "/v1/property/update", {"user_id": "nobody", "property_values": [{"property_name": "a"}]}, 40000),
        ("POST", "/v1/property/update", {"user_id": "u", "property_values": []}, 40000),
        ("GET", "/v2/user-property/query", None, 40000),
        ("GET", "/v1/bot/conversation/page?conversation_type=ALL&page=1&page_size=10", None, 40000),
        (
            "GET",
            "/v1/bot/conversation/page?conversation_type=ALL&start_time=0&end_time=1&page=1&page_size=101",
            None,
            40000,
        ),
        (
            "GET",
            "/v1/bot/conversation/page?conversation_type=ALL&start_time=0&end_time=1&page=2&page_size=9",
            None,
            40005,
        ),
        ("POST", "/v1/workflow/invoke", {"input": []}, 40000),
        ("POST", "/v1/workflow/invoke", {"input": {}, "webhook": [{"method": "GET", "url": "http://h"}]}, 40000),
        ("POST", "/v1/human/message/receive", {"conversation_id": "h", "timestamp": 1, "body": "x"}, 40356),
        ("POST", "/v1/human/message/receive", {"conversation_id": "h", "timestamp": "1", "body": "x"}, 40000),
        ("POST", "/v1/human/close", {"conversation_id": "h", "timestamp": 1}, 40356),
        ("GET", "/no/such/path", None, 40000),
    ],
)
async def test_what_does_not_fit(gb: GptBots, method: str, path: str, body: object, code: int) -> None:
    """In the documented envelope."""
    _, answer = await gb.call(method, path, body)
    assert (answer["code"], set(answer)) == (code, {"code", "message"})


async def test_a_question_too_long(gb: GptBots) -> None:
    """20040."""
    assert (await gb.say(await gb.open(), "x" * 10_001))["code"] == 20040


async def test_another_method_is_an_error(gb: GptBots) -> None:
    """As the overview says; with the method there is."""
    async with gb.caller.session.get(f"{gb.url}/v1/conversation", headers=FREE) as answer:
        assert (answer.status, answer.headers["Allow"], (await answer.json())["code"]) == (405, "POST", 40000)


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: f"{body[:24]!r}-{len(body)}")
async def test_a_hostile_body_is_40000(gb: GptBots, body: bytes) -> None:
    """Never a 500, always the documented code."""
    _, answer = await gb.call("POST", "/v2/conversation/message", body)
    assert answer["code"] == 40000


# ------------------------------------------------------------------------------------------------------ limits


async def test_the_free_plan_has_3_a_minute_of_each_category() -> None:
    """The fourth is refused in words; the minute after, all is well again; other categories count for themselves."""
    async with running() as caller:
        gb = GptBots(caller)
        statuses = [(await gb.call("POST", "/v1/conversation", {"user_id": "u"}))[0] for _ in range(3)]
        status, refused = await gb.call("GET", "/v2/messages?conversation_id=c&page=1&page_size=1")
        other, _ = await gb.call("GET", "/v2/user-property/query?user_ids=u")
        assert isinstance(caller.clock, ManualClock)
        await caller.clock.advance(60)
        after, _ = await gb.call("POST", "/v1/conversation", {"user_id": "u"})
    assert (statuses, status, other, after) == ([200] * 3, 429, 200, 200)
    assert refused == {"code": 42900, "message": "API rate limit exceeded"}


async def test_a_custom_plan_has_100() -> None:
    """Its key says so here."""
    async with running() as caller:
        gb = GptBots(caller)
        statuses = [
            (await gb.call("POST", "/v1/conversation", {"user_id": "u"}, key="app-enterprise"))[0] for _ in range(101)
        ]
    assert (set(statuses[:100]), statuses[100]) == ({200}, 429)
