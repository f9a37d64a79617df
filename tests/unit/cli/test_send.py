"""`hookline send --set`: fields of an example are set as they are meant."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.commands.send import given, header_of, put, unknown
from cli.errors import Misconfigured
from schemas.examples import Example, NoExample, example


def made(platform: str = "mygptassistants", event_type: str = "message.created") -> Example:
    return example(platform, event_type, now=datetime(2026, 1, 1, tzinfo=UTC), unique="1")


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("text=3", "3"),
        ("text=true", "true"),
        ('text="3"', "3"),
        ("text=a=b", "a=b"),
        ("number=3", 3),
        ("number=three", "three"),
        ("new=3", 3),
        ("new=[1]", [1]),
        ("new.below=x", {"below": "x"}),
    ],
)
def test_what_is_text_stays_text(change: str, value: Any) -> None:
    """Other fields are JSON, and text where it is none; a JSON string is that string."""
    body: dict[str, Any] = {"text": "before", "number": 1}
    put(body, change)
    assert body[change.partition("=")[0].partition(".")[0]] == value


@pytest.mark.parametrize("change", ["text", "=3", "a..b=3", "text.below=3"])
def test_what_names_no_field_is_refused(change: str) -> None:
    """`a.b=c`, and nothing can stand below a value."""
    with pytest.raises(Misconfigured, match="--set"):
        put({"text": "before"}, change)


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("content=Hello", " Did you mean data.content?"),
        ("data.contnet=Hello", " Did you mean data.content?"),
        ("zzz=1", ""),
    ],
)
def test_a_mistaken_field_is_told_with_those_there_are(change: str, meant: str) -> None:
    """It is sent all the same: a platform may have more fields than the example."""
    path = change.partition("=")[0]
    assert unknown(made(), change, "message.created") == (
        f"message.created has no field {path}, so it is added.{meant} The fields are id, type, timestamp, "
        "data.conversationId, data.botId, data.metadata.userId, data.metadata.name, data.metadata.email, "
        "data.messageId, data.role, data.content"
    )


@pytest.mark.parametrize(
    ("platform", "change"), [("mygptassistants", "data.metadata.email=a@b.example"), ("standard", "data.amount=5")]
)
def test_a_field_that_may_be_there_is_no_mistake(platform: str, change: str) -> None:
    """Those of the example, and whatever a sender of Standard Webhooks puts into its data."""
    assert unknown(made(platform), change, "message.created") is None


@pytest.mark.parametrize(("text", "header"), [("X-Event: a:b", ("x-event", "a:b")), ("x:", ("x", ""))])
def test_header_is_taken_apart_at_the_first_colon(text: str, header: tuple[str, str]) -> None:
    """Values may have one, too."""
    assert header_of(text) == header


@pytest.mark.parametrize("text", ["x-event", ": a", ""])
def test_what_is_no_header_is_refused(text: str) -> None:
    """NAME:VALUE."""
    with pytest.raises(Misconfigured, match="NAME:VALUE"):
        header_of(text)


def test_given_body_is_sent_byte_for_byte() -> None:
    """Unless fields are set, which only an object has."""
    assert given(b'{ "a": 1 }', []) == b'{ "a": 1 }'
    assert given(b'{ "a": {"b": 1} }', ["a.b=2"]) == b'{"a":{"b":2}}'
    for body in (b"[1]", b"a=b"):
        with pytest.raises(Misconfigured, match="--set changes"):
            given(body, ["a=1"])


def test_an_event_that_is_not_named_is_asked_for() -> None:
    """With those there are."""
    with pytest.raises(NoExample, match=r"^say which event, one of yourgpt's: message:received, ping$"):
        made("yourgpt", "")
