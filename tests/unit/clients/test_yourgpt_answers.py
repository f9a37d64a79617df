"""What YourGPT answers, read leniently; and what it is asked."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from clients import yourgpt_answers as answers
from clients import yourgpt_asked as asked
from clients.account import Contact
from clients.errors import ClientError
from clients.sse import SseEvent
from clients.yourgpt_sessions import Sessions, session_number
from clients.yourgpt_stream import read

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.sampled_from(
    ["type", "message", "data", "total", "id", "session_uid", "send_by", "message_id", "createdAt", "deleted_at",
     "last_message_time", "contact_id", "contact_data", "visitor_data", "name", "email", "tags", "stream_url",
     "stream_token", "event"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)
READERS = (
    lambda value: answers.session(value, what="x").contact(),
    lambda value: answers.sent(value, "c", asked=True, what="x"),
    lambda value: answers.stream(value, what="x"),
    lambda value: answers.messages(value, what="x"),
    lambda value: [one.conversation() for one in answers.sessions(value, what="x").items],
    lambda value: answers.contact(value, what="x"),
    lambda value: answers.contacts(value, what="x"),
    lambda value: answers.made(value, what="x"),
    lambda value: read(SseEvent("", (json.dumps(value),)), "c", what="x"),
)


@given(JSON, st.sampled_from(READERS))
def test_any_answer_is_a_result_or_an_error_of_ours(value: Any, reader: Any) -> None:
    """Whatever came, nothing else is raised."""
    for body in (value, {"type": "RXSUCCESS", "data": value}, {"type": "RXSUCCESS", "data": [value]}):
        answers.complain(body)
        answers.data(body)
        with contextlib.suppress(ClientError):
            reader(body)


def test_long_uid_keeps_its_digits() -> None:
    """A JSON number above 2^53 is read exactly."""
    value = from_json(b'{"data":{"id":1,"session_uid":20394857612345679}}')
    assert answers.session(value, what="x").uid == "20394857612345679"


@pytest.mark.parametrize(
    ("told", "at"),
    [
        (
            {"last_message_time": "2024-01-15T10:00:00.500Z", "updated_at": "2025-01-01"},
            (2024, 1, 15, 10, 0, 0, 500000),
        ),
        ({"last_message_time": None, "updatedAt": "2024-01-15 10:00:00"}, (2024, 1, 15, 10, 0)),
        ({"last_message_time": "0000-00-00 00:00:00", "created_at": 1705312800000}, (2024, 1, 15, 10, 0)),
    ],
)
def test_time_of_a_session(told: dict[str, Any], at: tuple[int, ...]) -> None:
    """Both spellings, any form; what is no time counts as missing."""
    session = answers.sessions({"data": [{"id": 1, "session_uid": "u", **told}]}, what="x").items[0]
    assert session.active_at == datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]  # the parts of a time


@pytest.mark.parametrize(
    ("told", "contact"),
    [
        ({}, None),
        ({"contact_data": {}, "visitor_data": {"id": 5}}, None),
        ({"contact_id": 7}, Contact(id="7")),
        ({"contact_data": {"id": 7, "name": "Ada"}}, Contact(id="7", name="Ada")),
        ({"visitor_data": {"id": 5, "email": "a@example.com"}}, Contact(email="a@example.com")),
        ({"contact_data": "none", "visitor_data": [], "contact_id": {}}, None),
    ],
)
def test_contact_of_a_session(told: dict[str, Any], contact: Contact | None) -> None:
    """A visitor's own id is not a contact's."""
    session = answers.session({"data": {"id": 1, "session_uid": "u", **told}}, what="x").contact()
    assert session is None if contact is None else (session or Contact()).model_dump() == contact.model_dump()


@pytest.mark.parametrize(
    ("conversation_id", "number"),
    [
        ("481516", 481516),
        ("9007199254740991", 2**53 - 1),
        ("9007199254740992", None),
        ("20394857612345678", None),
        ("0b54c6de-6a3c-4b6b-9df2-6a4bdb1c1c1a", None),
        ("", None),
        ("-1", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_session_id_and_uid(conversation_id: str, number: int | None) -> None:
    """An integer that JavaScript is exact for is a session's id."""
    assert session_number(conversation_id) == number


def test_known_sessions_are_bounded() -> None:
    """The one that was not used for longest goes."""
    sessions = Sessions(most=2)
    sessions.learn("1", "u1")
    sessions.learn("2", "u2")
    assert sessions.uid("1") == "u1"
    sessions.learn("3", "u3")
    assert (sessions.uid("1"), sessions.uid("2"), sessions.uid("3"), len(sessions)) == ("u1", None, "u3", 2)


def test_user_hash() -> None:
    """The first there is of id, address and number, with the widget's secret."""
    value = "f2d04fe70a8ca858b1d891d35b0bf7fe76eb12609bc5638de03bcc4d0483c0ca"
    assert asked.user_hash("test_secret", email="user@example.com", phone="+1") == value
    assert asked.user_hash("test_secret", ext_user_id="user@example.com", email="x") == value
    with pytest.raises(ValueError, match="needs an external user id"):
        asked.user_hash("test_secret")
