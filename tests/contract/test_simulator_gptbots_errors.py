"""The simulated GPTBots refuses as its documentation says, and whatever it is sent answers with an error of its own."""

import json
from collections.abc import AsyncIterator

import pytest

from simulator import ManualClock
from tests.contract.gptbots_caller import GptBots
from tests.contract.simulators import NO_OBJECT, running

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
    *NO_OBJECT,
    b'{"conversation_id": NaN}',
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


@pytest.fixture
async def gb() -> AsyncIterator[GptBots]:
    """A simulator on a clock that stands still, without limits."""
    async with running(limits=False) as caller:
        yield GptBots(caller)


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
