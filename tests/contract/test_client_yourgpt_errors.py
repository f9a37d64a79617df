"""Refusals, retries, limits and broken streams of YourGPT over the wire."""

import pytest

from clients.errors import BadAnswer, ClientError, PlatformDown, RateLimited, Rejected
from clients.settings import YourGPTSettings
from tests.contract.wire import refused
from tests.contract.yourgpt_wire import KEY, TOKEN, open_client, replaying, requests

UID = "20394857612345678"


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [("params", "Rejected", 400), ("token", "Unauthorized", 401), ("permission", "Unauthorized", 403)],
)
async def test_documented_errors(name: str, kind: str, status: int) -> None:
    """Each documented text is its own error, raised at once, without the key and the platform's words."""
    async with replaying(f"error_{name}", **TOKEN) as (client, platform):
        with pytest.raises(ClientError) as caught:
            await client.get_contact("77")
    assert platform.asked == requests(f"error_{name}")
    error = caught.value
    assert (type(error).__name__, error.status, error.nothing_happened) == (kind, status, True)
    assert not any(word in str(error) for word in ("api-v1-token", "revoked", "params"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "nothing_happened"),
    [
        (200, b'{"type":"RXERROR","message":"Invalid params"}', "Rejected", True),
        (200, b'{"type":"RXERROR","message":"Invalid or revoked API token."}', "Unauthorized", True),
        (200, b'{"type":"RXERROR","message":"s3cret"}', "BadAnswer", False),
        (200, b'{"type":"RXERROR"}', "BadAnswer", False),
        (200, b'{"message":"no type"}', "BadAnswer", False),
        (200, b'{"type":"rxsuccess"}', "BadAnswer", False),
        (200, b"[]", "BadAnswer", False),
        (200, b"", "BadAnswer", False),
        (200, b"<html>", "BadAnswer", False),
        (400, b'{"type":"RXERROR","message":"Invalid or revoked API token"}', "Unauthorized", True),
        (400, b'{"type":"RXERROR","message":"s3cret"}', "Rejected", True),
        (404, b'{"type":"RXERROR","message":"s3cret"}', "NotFound", True),
        (429, b"slow down", "RateLimited", True),
        (500, b'{"type":"RXERROR","message":"Invalid params"}', "PlatformDown", False),
        (502, b"<html>", "PlatformDown", False),
    ],
)
async def test_type_decides(status: int, body: bytes, kind: str, *, nothing_happened: bool) -> None:
    """Nothing but RXSUCCESS is a success; what a 2xx refuses in unknown words proves nothing."""
    error = await refused(open_client, UID, status, body)
    assert (type(error).__name__, error.nothing_happened) == (kind, nothing_happened)
    assert "s3cret" not in str(error)


async def test_success_under_an_error_status_is_none() -> None:
    """The envelope alone does not make a 5xx a success."""
    assert isinstance(await refused(open_client, UID, 500, b'{"type":"RXSUCCESS"}'), PlatformDown)


async def test_read_is_tried_again_and_send_is_not() -> None:
    """A read gets three tries, a send one."""
    down = {"status": 503, "headers": {}, "body": {"type": "RXERROR", "message": "busy"}}
    async with replaying(*["messages"] * 4) as (client, platform):
        for told in platform._answers:
            told.clear()
            told.update(down)
        with pytest.raises(PlatformDown):
            _ = [message async for message in client.history(UID)]
        assert len(platform.asked) == 3
        with pytest.raises(PlatformDown):
            await client.send(UID, "hi")
    assert len(platform.asked) == 4


async def test_limit_of_the_account_is_kept() -> None:
    """None is documented; the account's own brakes all calls together."""
    async with replaying("send_assistant", "messages", limits={"calls": "2/min"}) as (client, platform):
        await client.send(UID, "hi")
        _ = [message async for message in client.history(UID)]
        with pytest.raises(RateLimited, match="the limit for calls calls is used up") as caught:
            await client.send(UID, "hi")
    assert (len(platform.asked), caught.value.nothing_happened) == (2, True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stream_second_error", "answered 200"),
        ("stream_second_broken", "ended before its end was told"),
        ("stream_second_no_json", "an event of the stream is no JSON"),
        ("stream_second_no_name", "an event of the stream has no name"),
    ],
)
async def test_broken_stream_is_an_error(name: str, words: str) -> None:
    """It does not look like a finished answer, and the message has arrived."""
    async with replaying("stream", name) as (client, _):
        with pytest.raises(BadAnswer, match=words) as caught:
            _ = [chunk async for chunk in client.stream(UID, "When do you open?")]
    assert (caught.value.nothing_happened, caught.value.retryable) == (False, True)
    assert "for people" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 404, 429])
async def test_refused_second_step_proves_nothing(status: int) -> None:
    """The message was taken by the first step, so whatever the second says, it may not simply be sent again."""
    async with replaying("stream", *["stream_second"] * 3) as (client, platform):
        for told in platform._answers[1:]:
            told["status"] = status
        with pytest.raises(ClientError) as caught:
            await anext(client.stream(UID, "When do you open?"))
    assert (caught.value.nothing_happened, caught.value.retryable) == (False, True)


async def test_refused_first_step_proves_that_nothing_happened() -> None:
    """As for any send."""
    async with replaying("stream") as (client, platform):
        platform._answers[0] |= {"status": 400, "body": {"type": "RXERROR", "message": "Invalid params"}}
        with pytest.raises(Rejected) as caught:
            await anext(client.stream(UID, "When do you open?"))
    assert caught.value.nothing_happened


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/s",
        "/stream",
        "",
        "https://",
        "http://u:p@127.0.0.1/s",
        "http://127.0.0.1/s?a b",
        "http://127.0.0.1/s#f",
    ],
)
async def test_address_of_the_stream_is_looked_at(url: str) -> None:
    """An answer cannot send us just anywhere, and the address is not repeated."""
    async with replaying("stream") as (client, platform):
        platform.stream_at(url)
        with pytest.raises(BadAnswer, match="the address of the stream"):
            await anext(client.stream(UID, "hi"))
    assert len(platform.asked) == 1


async def test_private_address_of_a_stream_is_refused() -> None:
    """An account of a real platform follows it to no private place, and not over plain http."""
    settings = YourGPTSettings.model_validate({"platform": "yourgpt", **KEY})
    async with replaying("stream") as (client, _):
        client._settings = settings
        with pytest.raises(BadAnswer, match="the address of the stream") as caught:
            await anext(client.stream(UID, "hi"))
    assert not caught.value.nothing_happened


@pytest.mark.parametrize(
    ("values", "base", "organisation"),
    [
        ({}, "https://api.yourgpt.ai/chatbot/v1", "https://api.yourgpt.ai/api/v1"),
        (
            {"base_url": "https://x.example/a/chatbot/v1/"},
            "https://x.example/a/chatbot/v1/",
            "https://x.example/a/api/v1",
        ),
        ({"base_url": "https://x.example/yg"}, "https://x.example/yg", "https://x.example/yg"),
        ({"organisation_url": "https://o.example"}, "https://api.yourgpt.ai/chatbot/v1", "https://o.example"),
    ],
)
def test_both_addresses(values: dict[str, str], base: str, organisation: str) -> None:
    """The organisation's follows the project's unless told otherwise, also when the account is moved."""
    settings = YourGPTSettings.model_validate({"platform": "yourgpt", **KEY, **values})
    assert (settings.base_url, settings.organisation_base) == (base, organisation)
    moved = settings.moved("http://127.0.0.1:9/yourgpt/chatbot/v1")
    assert moved.organisation_base == "http://127.0.0.1:9/yourgpt/api/v1"


@pytest.mark.parametrize("key", ["apk-1", "pks-1", "api-v1-1", "anything"])
@pytest.mark.parametrize("uid", ["widget_uid", "project_uid"])
def test_prefix_of_the_key_is_nobodys_business(key: str, uid: str) -> None:
    """Which uid is set decides how the key is sent."""
    values = {"platform": "yourgpt", "api_key": key, uid: "u"}
    assert YourGPTSettings.model_validate(values).api_key.get_secret_value() == key


@pytest.mark.parametrize(
    "values",
    [
        {"widget_uid": None},
        {"project_uid": "p"},
        {"widget_uid": ""},
        {"send_by": "bot"},
        {"organisation_url": "http://api.yourgpt.ai"},
        {"search_pages": 0},
        {"contacts": {"create": "createContact"}},
        {"contacts": {"create": "/a/../b"}},
        {"contacts": {"list": "/x"}},
        {"limits": {"chat": "1/min"}},
    ],
)
def test_settings_that_cannot_work(values: dict[str, object]) -> None:
    """A mistake is found when the configuration is read, and the key is not shown."""
    with pytest.raises(ValueError, match="validation error") as caught:
        YourGPTSettings.model_validate({"platform": "yourgpt", **KEY, **values})
    assert "apk-key" not in str(caught.value)
