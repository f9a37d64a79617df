"""The simulated MyGPTAssistants answers as its documentation says."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator import ManualClock
from tests.contract.simulators import Caller, running

HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"not json",
    b"[]",
    b"null",
    b'"message"',
    b'{"message": NaN}',
    b'{"message": 1e999}',
    b'{"message": ' + b"9" * 5_000 + b"}",
    b"[" * 100_000,
    b'{"message":' * 50_000,
    b'{"message": "x", "metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
    b"{}",
    b'{"message": null}',
    b'{"message": 5}',
    b'{"message": "  "}',
    b'{"message": ["x"]}',
    b'{"message": "x", "metadata": []}',
    b'{"message": "x", "metadata": {"a": "' + b"x" * 20_000 + b'"}}',
    b'{"message": "' + b"x" * 300_000 + b'"}',
    b'{"message": "' + b"x" * 9_000_000 + b'"}',
]


@pytest.fixture
async def mga() -> AsyncIterator[Caller]:
    """A simulator on a clock that stands still, and a caller with a key."""
    async with running() as caller:
        yield caller


async def say(mga: Caller, message: str = "Hello", **more: Any) -> dict[str, Any]:
    status, answer = await mga.call("POST", "/chat/bot_1/message", {"message": message, **more})
    assert status == 200
    data: dict[str, Any] = answer["data"]
    return data


# --------------------------------------------------------------------------------------- the documented samples


async def test_the_base_url_is_the_documented_one_with_another_host(mga: Caller) -> None:
    """A client is configured with one line."""
    assert mga.simulator.base_url() == f"{mga.simulator.url}/mygptassistants/api/v1"


async def test_the_sample_of_the_chat_api_runs(mga: Caller) -> None:
    """Request and answer of the Chat API page, in the envelope of the API Reference."""
    body = {
        "message": "What are your business hours?",
        "conversationId": "conv_123456",
        "metadata": {"userId": "user_789", "source": "mobile_app"},
    }
    status, answer = await mga.call("POST", "/chat/YOUR_BOT_ID/message", body)
    assert status == 200
    assert answer["data"].pop("messageId").startswith("msg_")
    assert answer == {
        "success": True,
        "data": {
            "response": "Our business hours are Monday-Friday, 9 AM to 5 PM EST.",
            "conversationId": "conv_123456",
        },
        "error": None,
    }


async def test_the_sample_of_the_quick_start_runs(mga: Caller) -> None:
    """Its code reads `response` at the top, its envelope has it under `data`: both are there."""
    body = {"message": "Hello, what can you help me with?", "sessionId": "optional-session-id"}
    status, answer = await mga.call("POST", "/bot/YOUR_BOT_ID", body)
    text = "Hello! I can help you with orders, prices, your account and our opening hours."
    assert (status, answer["success"], answer["error"]) == (200, True, None)
    assert (answer["response"], answer["data"]["response"]) == (text, text)
    assert set(answer["data"]) == {"response", "conversationId", "messageId", "sessionId"}


async def test_the_streaming_sample_runs(mga: Caller) -> None:
    """Server-sent events in several pieces that make up the answer."""
    url = f"{mga.simulator.base_url()}/chat/YOUR_BOT_ID/stream"
    async with mga.session.post(url, json={"message": "Tell me a story"}) as answer:
        kind, text = answer.headers["Content-Type"], await answer.text()
    records = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert kind == "text/event-stream"
    assert records[-1] == "[DONE]"
    assert len(records) > 10
    assert records[0].startswith('{"content":"Once ","conversationId":"conv_')


async def test_the_history_has_the_documented_form(mga: Caller) -> None:
    """Both messages, with ids, roles and times."""
    said = await say(mga, "Hello", conversationId="conv_123456")
    status, answer = await mga.call("GET", "/chat/bot_1/conversations/conv_123456")
    user = answer["data"]["messages"][0]
    assert user.pop("id").startswith("msg_")
    assert status == 200
    assert answer == {
        "success": True,
        "data": {
            "conversationId": "conv_123456",
            "messages": [
                {"role": "user", "content": "Hello", "timestamp": "2024-01-15T10:00:00Z"},
                {
                    "id": said["messageId"],
                    "role": "assistant",
                    "content": "Hi! How can I help you today?",
                    "timestamp": "2024-01-15T10:00:00Z",
                },
            ],
            "metadata": {"createdAt": "2024-01-15T10:00:00Z", "messageCount": 2},
        },
        "error": None,
    }


async def test_the_list_has_the_documented_form(mga: Caller) -> None:
    """The id is `id` here, and the page is described."""
    await say(mga, "What are your business hours?", conversationId="conv_123456")
    status, answer = await mga.call("GET", "/chat/bot_1/conversations?page=1&limit=20")
    assert status == 200
    assert answer["data"] == {
        "conversations": [
            {
                "id": "conv_123456",
                "preview": "What are your business hours?",
                "messageCount": 2,
                "createdAt": "2024-01-15T10:00:00Z",
                "updatedAt": "2024-01-15T10:00:00Z",
            }
        ],
        "pagination": {"page": 1, "limit": 20, "total": 1, "hasMore": False},
    }


# ------------------------------------------------------------------------------------------------ conversations


async def test_without_an_id_a_conversation_begins(mga: Caller) -> None:
    """And with its id it goes on."""
    first = await say(mga)
    second = await say(mga, conversationId=first["conversationId"])
    third = await say(mga)
    assert first["conversationId"].startswith("conv_")
    assert first["conversationId"] == second["conversationId"] != third["conversationId"]


async def test_a_session_goes_on(mga: Caller) -> None:
    """The quick start finds its conversation by the session."""
    answers = [await mga.call("POST", "/bot/bot_1", {"message": "Hello", "sessionId": "s"}) for _ in range(2)]
    first, second = (answer["data"]["conversationId"] for _, answer in answers)
    assert first == second


async def test_a_stream_is_part_of_the_conversation(mga: Caller) -> None:
    """Also when the reader leaves before the end."""
    url = f"{mga.simulator.base_url()}/chat/bot_1/stream"
    async with mga.session.post(url, json={"message": "Tell me a story", "conversationId": "conv_1"}) as answer:
        await answer.content.readany()
        answer.close()
    _, history = await mga.call("GET", "/chat/bot_1/conversations/conv_1")
    assert [item["role"] for item in history["data"]["messages"]] == ["user", "assistant"]


async def test_pages_of_the_list(mga: Caller) -> None:
    """The latest first; `hasMore` until the last page; a page beyond it is empty."""
    for number in range(5):
        await say(mga, conversationId=f"conv_{number}")
    pages = []
    for page in (1, 2, 3, 4):
        _, answer = await mga.call("GET", f"/chat/bot_1/conversations?page={page}&limit=2")
        data = answer["data"]
        pages.append(([item["id"] for item in data["conversations"]], data["pagination"]["hasMore"]))
    assert pages == [(["conv_4", "conv_3"], True), (["conv_2", "conv_1"], True), (["conv_0"], False), ([], False)]


async def test_a_page_that_holds_all_is_the_last(mga: Caller) -> None:
    """`hasMore` is false when the page is just full."""
    for number in range(2):
        await say(mga, conversationId=f"conv_{number}")
    _, answer = await mga.call("GET", "/chat/bot_1/conversations?limit=2")
    assert answer["data"]["pagination"] == {"page": 1, "limit": 2, "total": 2, "hasMore": False}


async def test_since_leaves_out_what_is_older(mga: Caller) -> None:
    """Conversations updated at or after the date."""
    assert isinstance(mga.clock, ManualClock)
    await say(mga, conversationId="conv_old")
    await mga.clock.advance(60)
    await say(mga, conversationId="conv_new")
    _, answer = await mga.call("GET", "/chat/bot_1/conversations?since=2024-01-15T10:01:00Z")
    assert [item["id"] for item in answer["data"]["conversations"]] == ["conv_new"]


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("key", [None, "Bearer invalid", "Bearer", "Bearer  ", "Basic mga_key", "mga_key"])
async def test_a_wrong_key_is_refused(mga: Caller, key: str | None) -> None:
    """401 and INVALID_API_KEY, whatever is wrong with it."""
    del mga.session.headers["Authorization"]
    headers = {} if key is None else {"Authorization": key}
    status, answer = await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"}, headers=headers)
    assert (status, answer["success"], answer["data"], answer["error"]["code"]) == (401, False, None, "INVALID_API_KEY")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/bot/missing", "BOT_NOT_FOUND"),
        ("POST", "/chat/missing/message", "BOT_NOT_FOUND"),
        ("POST", "/chat/missing/stream", "BOT_NOT_FOUND"),
        ("GET", "/chat/missing/conversations", "BOT_NOT_FOUND"),
        ("GET", "/chat/bot_1/conversations/missing", "INVALID_REQUEST"),
        ("GET", "/contacts/contact_unknown", "INVALID_REQUEST"),
        ("GET", "/no/such/path", "INVALID_REQUEST"),
    ],
)
async def test_what_is_not_there_is_404(mga: Caller, method: str, path: str, code: str) -> None:
    """In the documented envelope."""
    body = {"message": "Hello"} if method == "POST" else None
    status, answer = await mga.call(method, path, body)
    assert (status, answer["success"], answer["error"]["code"]) == (404, False, code)


async def test_the_missing_conversation_is_404(mga: Caller) -> None:
    """So a client can be shown a conversation that is gone."""
    status, answer = await mga.call("POST", "/chat/bot_1/message", {"message": "Hello", "conversationId": "missing"})
    assert (status, answer["error"]["code"]) == (404, "INVALID_REQUEST")


async def test_a_conversation_that_nobody_began_is_empty(mga: Caller) -> None:
    """A simulator that was started anew must not tell its callers that what they know is gone."""
    status, answer = await mga.call("GET", "/chat/bot_1/conversations/conv_unknown")
    assert (status, answer["data"]["messages"]) == (200, [])


async def test_a_conversation_of_another_bot_is_404(mga: Caller) -> None:
    """Reading and writing."""
    await say(mga, conversationId="conv_1")
    read, _ = await mga.call("GET", "/chat/bot_2/conversations/conv_1")
    written, _ = await mga.call("POST", "/chat/bot_2/message", {"message": "Hello", "conversationId": "conv_1"})
    assert (read, written) == (404, 404)


async def test_another_method_is_405(mga: Caller) -> None:
    """With the methods there are."""
    url = f"{mga.simulator.base_url()}/chat/bot_1/message"
    async with mga.session.get(url) as answer:
        assert (answer.status, answer.headers["Allow"], (await answer.json())["success"]) == (405, "POST", False)


@pytest.mark.parametrize("path", ["/chat/bot_1/message", "/chat/bot_1/stream", "/bot/bot_1"])
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: f"{body[:24]!r}-{len(body)}")
async def test_a_hostile_body_is_400(mga: Caller, path: str, body: bytes) -> None:
    """Never a 500, always the documented code."""
    status, answer = await mga.call("POST", path, body)
    assert (status, answer["success"], answer["error"]["code"]) == (400, False, "INVALID_REQUEST")


@pytest.mark.parametrize("name", ["conversationId", "sessionId"])
@pytest.mark.parametrize("value", [5, "", [], {}, "x" * 257])
async def test_an_id_that_is_none_is_400(mga: Caller, name: str, value: object) -> None:
    """Ids are strings of a sane length."""
    path = "/bot/bot_1" if name == "sessionId" else "/chat/bot_1/message"
    status, answer = await mga.call("POST", path, {"message": "Hello", name: value})
    assert (status, answer["error"]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "limit=0", "limit=101", "limit=1e3", "page=²", "since=yesterday", "since="]
)
async def test_a_query_that_does_not_fit_is_400(mga: Caller, query: str) -> None:
    """Numbers within their bounds, dates that are dates."""
    status, answer = await mga.call("GET", f"/chat/bot_1/conversations?{query}")
    assert (status, answer["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_mutated_bodies_never_end_in_a_500() -> None:
    """Five hundred broken copies of a good request."""
    good = b'{"message":"Hello","conversationId":"conv_1","metadata":{"userId":"user_789","n":1}}'
    chance = random.Random(4)  # noqa: S311  # a repeatable fuzz
    seen = set()
    async with running(limits=False) as caller:
        for _ in range(500):
            body = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(body))
                body[place : place + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 3))
            status, _ = await caller.call("POST", "/chat/bot_1/message", bytes(body))
            seen.add(status)
    assert seen == {200, 400}


# ------------------------------------------------------------------------------------------------------ limits


async def test_chat_is_limited_to_100_a_minute(mga: Caller) -> None:
    """The 101st is 429; at the reset all is well again."""
    assert isinstance(mga.clock, ManualClock)
    statuses = [(await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"}))[0] for _ in range(100)]
    async with mga.session.post(f"{mga.simulator.base_url()}/chat/bot_1/message", json={"message": "Hello"}) as answer:
        headers, body = answer.headers, await answer.json()
    await mga.clock.advance(60)
    after, _ = await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    assert (set(statuses), answer.status, after) == ({200}, 429, 200)
    assert {name: headers[name] for name in headers if name.startswith("X-RateLimit")} == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1705312860",
    }
    assert (body["success"], body["error"]["code"]) == (False, "RATE_LIMIT_EXCEEDED")
    assert "Retry-After" not in headers


async def test_data_is_limited_to_1000_an_hour(mga: Caller) -> None:
    """Reading has a budget of its own, told in the same headers."""
    async with mga.session.get(f"{mga.simulator.base_url()}/contacts") as answer:
        limit, remaining = answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]
        reset = answer.headers["X-RateLimit-Reset"]
    assert (limit, remaining, reset) == ("1000", "999", "1705316400")


async def test_refusals_tell_the_limit_too(mga: Caller) -> None:
    """A client can count on the headers of any answer behind the key."""
    async with mga.session.get(f"{mga.simulator.base_url()}/chat/missing/conversations") as answer:
        assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (404, "999")


async def test_a_stream_tells_the_limit_too(mga: Caller) -> None:
    """Its headers are sent before the answer is known to be whole."""
    url = f"{mga.simulator.base_url()}/chat/bot_1/stream"
    async with mga.session.post(url, json={"message": "Hello"}) as answer:
        assert answer.headers["X-RateLimit-Remaining"] == "99"


async def test_limits_can_be_switched_off() -> None:
    """For a benchmark of something else."""
    async with running(limits=False) as caller:
        statuses = {(await caller.call("POST", "/chat/bot_1/message", {"message": "Hello"}))[0] for _ in range(120)}
        assert statuses == {200}


# ---------------------------------------------------------------------------------------------------- contacts


async def test_the_life_of_a_contact(mga: Caller) -> None:
    """Created, read, changed, found, deleted, gone."""
    ada = {"email": "ada@example.com", "name": "Ada", "tags": ["vip"], "attributes": {"plan": "team"}}
    created, made = await mga.call("POST", "/contacts", ada)
    path = f"/contacts/{made['data']['id']}"
    changed, _ = await mga.call("PATCH", path, {"phone": "+15550001", "tags": []})
    read, shown = await mga.call("GET", path)
    _, found = await mga.call("GET", "/contacts?email=ada@example.com")
    deleted, _ = await mga.call("DELETE", path)
    gone, _ = await mga.call("DELETE", path)
    assert (created, changed, read, deleted, gone) == (201, 200, 200, 200, 404)
    assert found["data"]["contacts"] == [shown["data"]]
    assert {name: shown["data"][name] for name in ("email", "name", "phone", "tags", "attributes")} == {
        **ada,
        "phone": "+15550001",
        "tags": [],
    }


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"mail": "x"}', b'{"email": 5}', b'{"tags": {}}'])
async def test_a_contact_that_does_not_fit_is_400(mga: Caller, body: bytes) -> None:
    """Creating and changing."""
    _, made = await mga.call("POST", "/contacts", {"name": "Ada"})
    created, _ = await mga.call("POST", "/contacts", body)
    changed, answer = await mga.call("PATCH", f"/contacts/{made['data']['id']}", body)
    assert (created, changed, answer["error"]["code"]) == (400, 400, "INVALID_REQUEST")
