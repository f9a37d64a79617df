"""The simulated YourGPT answers as its documentation says."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.simulators import NO_OBJECT, Caller, running

HOSTILE = [
    *NO_OBJECT,
    b'{"widget_uid": NaN}',
    b"{}",
    b'{"widget_uid": 5}',
    b'{"widget_uid": ""}',
    b'{"widget_uid": "' + b"x" * 1_100_000 + b'"}',
    b'{"widget_uid": "w", "session_uid": {}, "message": 5, "send_by": [], "limit": "1", "page": 0, "filter": 5}',
    b'{"widget_uid": "w", "session_uid": 1e400}',
    b'{"widget_uid": "w", "from": "today", "orderBy": "UP", "filter": [5]}',
]
PATHS = ("createSession", "sendMessage", "getSessionMessages", "getSessions", "updateSession", "getAllContacts")


class YourGpt:
    """Calls YourGPT with a key, or a token."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.url = caller.simulator.base_url("yourgpt")

    async def call(self, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> tuple[int, Any]:
        auth = {"Authorization": f"Bearer {token}"} if token else {"api-key": "apk-1", "Authorization": ""}
        return await self.caller.ask("POST", f"{self.url}/{path}", body, headers={**auth, **headers})

    async def open(self) -> dict[str, Any]:
        _, answer = await self.call("createSession", {"widget_uid": "w"})
        session: dict[str, Any] = answer["data"]
        return session

    async def say(self, session: dict[str, Any], text: str = "Hello", **more: Any) -> Any:
        body = {"widget_uid": "w", "session_uid": session["session_uid"], "message": text, **more}
        return (await self.call("sendMessage", body))[1]


@pytest.fixture
async def yg() -> AsyncIterator[YourGpt]:
    """A simulator on a clock that stands still."""
    async with running() as caller:
        yield YourGpt(caller)


async def test_the_base_url_is_the_documented_one_with_another_host(yg: YourGpt) -> None:
    """The project's level; the organisation's stands beside it."""
    assert yg.url == f"{yg.caller.simulator.url}/yourgpt/chatbot/v1"


async def test_a_session_is_created(yg: YourGpt) -> None:
    """Every documented field; the uid is a number of 17 digits."""
    status, answer = await yg.call("createSession", {"widget_uid": "w"})
    data = answer.pop("data")
    assert (status, answer) == (200, {"type": "RXSUCCESS", "message": "Session created successfully"})
    assert (type(data["id"]), len(str(data["session_uid"])), data["createdAt"]) == (int, 17, "2024-01-15T10:00:00.000Z")
    assert (data["chat_mode"], data["state"], data["segment"], data["status"]) == ("1", "pending", "chat", "open")
    assert data["is_emulator"] is False


async def test_the_reply_is_a_list_of_one(yg: YourGpt) -> None:
    """As the page allows; each with its ids and choices."""
    session = await yg.open()
    answer = await yg.say(session, "What are your business hours?")
    [reply] = answer["data"]
    assert (answer["message"], reply["send_by"], reply["origin"]) == ("AI reply", "assistant", "api")
    assert reply["session_uid"] == str(session["session_uid"])
    assert reply["message"].startswith("Our business hours")


@pytest.mark.parametrize("send_by", ["assistant", "operator"])
async def test_who_does_not_ask_gets_no_reply(yg: YourGpt, send_by: str) -> None:
    """The answer is the message that was stored, an object."""
    session = await yg.open()
    answer = await yg.say(session, "Did that help?", send_by=send_by)
    assert (answer["data"]["send_by"], answer["data"]["message"]) == (send_by, "Did that help?")


async def test_the_stream_in_two_steps(yg: YourGpt) -> None:
    """An address and a token; there, and without a key, the events of the widget's reader; again, the same."""
    session = await yg.open()
    told = (await yg.say(session, "Tell me a story", is_stream=True))["data"]
    for _ in range(2):
        async with yg.caller.session.post(
            told["stream_url"], json={"token": told["stream_token"]}, headers={"Authorization": ""}
        ) as answer:
            text = await answer.text()
        events = [json.loads(block.removeprefix("data: ")) for block in text.split("\n\n") if block]
        assert [event["event"] for event in events][:1] == ["response"]
        assert [event["event"] for event in events][-2:] == ["learnMoreLinks", "end"]
        assert "".join(event["data"] for event in events[1:-2]).startswith("Once upon a time")
    async with yg.caller.session.post(told["stream_url"], json={"token": "another"}) as answer:
        assert answer.status == 404


async def test_the_history(yg: YourGpt) -> None:
    """Oldest first unless told otherwise, ten at a time."""
    session = await yg.open()
    for _ in range(6):
        await yg.say(session)
    body = {"widget_uid": "w", "session_uid": str(session["session_uid"])}
    _, first = await yg.call("getSessionMessages", body)
    _, last = await yg.call("getSessionMessages", body | {"orderBy": "DESC", "limit": 1})
    _, beyond = await yg.call("getSessionMessages", body | {"page": 3})
    assert (len(first["data"]), first["total"], beyond["data"]) == (10, 12, [])
    assert first["data"][0]["send_by"] == "user"
    assert first["data"][1]["AILog"][0]["query_message_id"] == first["data"][0]["id"]
    assert (last["data"][0]["send_by"], last["data"][0]["session_id"]) == ("assistant", session["id"])


async def test_the_list_in_both_forms(yg: YourGpt) -> None:
    """A project's key may filter, a token may send a form and ask for a status."""
    first, second = await yg.open(), await yg.open()
    filtered = {"model": "SESSION", "key": "id", "operator": "eq", "value": first["id"]}
    _, found = await yg.call("getSessions", {"widget_uid": "w", "filter": [filtered]})
    assert [one["session_uid"] for one in found["data"]] == [str(first["session_uid"])]
    _, newest = await yg.call("getSessions", {"project_uid": "w", "orderBy": "DESC", "limit": 1}, token="t")
    assert ([one["id"] for one in newest["data"]], newest["total"]) == ([second["id"]], 2)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    _, same = await yg.call("getSessions", b"project_uid=w&limit=1&orderBy=DESC&status=open", token="t", **form)
    assert same == newest
    _, none = await yg.call("getSessions", {"project_uid": "w", "from": "2024-01-16", "to": "2024-01-17"}, token="t")
    assert none["data"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "resolved", "chat_mode": "bot"},
        {"state": "gone"},
        {"chat_mode": "1"},
        {"name": "x"},
        {"segment": "x" * 256},
    ],
)
async def test_update_that_is_refused(yg: YourGpt, changes: dict[str, str]) -> None:
    """Unknown fields and words, and resolved with a mode."""
    session = await yg.open()
    body = {"widget_uid": "w", "session_uid": session["session_uid"], **changes}
    assert await yg.call("updateSession", body) == (400, {"type": "RXERROR", "message": "Invalid params"})


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"api-key": "invalid"}, 401, "Invalid or revoked API token"),
        ({"api-key": ""}, 401, "Invalid or revoked API token"),
        ({"api-key": "", "Authorization": "Bearer invalid"}, 401, "Invalid or revoked API token"),
        ({"api-key": "", "Authorization": "Bearer api-v1-x"}, 400, "Invalid params"),
    ],
)
async def test_keys(yg: YourGpt, headers: dict[str, str], status: int, message: str) -> None:
    """Any works but `invalid`; a token names the project by its project_uid."""
    told = await yg.call("createSession", {"widget_uid": "w"}, **headers)
    assert told == (status, {"type": "RXERROR", "message": message})


async def test_contacts_want_a_token(yg: YourGpt) -> None:
    """A project's key may not."""
    status, answer = await yg.call("getAllContacts", {"widget_uid": "w"})
    assert (status, answer["message"]) == (403, "You do not have permission to perform this action")
    assert (await yg.call("getAllContacts", {"project_uid": "w"}, token="t"))[1]["total"] == 0


async def test_form_where_none_is_documented_is_refused(yg: YourGpt) -> None:
    """The history takes JSON."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _ = await yg.call("getSessionMessages", b"widget_uid=w&session_uid=1", **form)
    assert status == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_bodies_are_refused(yg: YourGpt, path: str, body: bytes) -> None:
    """Never a 500."""
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
        status, answer = await yg.call(path, body or b" ", **headers)
        assert status in (200, 400, 403, 404)
        assert answer["type"] == ("RXSUCCESS" if status == 200 else "RXERROR")


async def test_unknown_paths_and_methods(yg: YourGpt) -> None:
    """In the envelope, with the allowed method."""
    assert (await yg.call("getNothing", {"widget_uid": "w"}))[0] == 404
    async with yg.caller.session.get(f"{yg.url}/createSession", headers={"api-key": "k"}) as answer:
        assert (answer.status, answer.headers["Allow"], (await answer.json())["type"]) == (405, "POST", "RXERROR")
