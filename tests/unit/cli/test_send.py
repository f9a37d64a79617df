"""`hookline send --set`: fields of an example are set as they are meant."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.commands.send import first_id, given, header_of, put, unknown
from cli.errors import Misconfigured
from cli.samples import around, example_of, nameless
from receiver.recipes import presets
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.recipe import Recipe
from schemas.examples import Example, NoExample, example

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGES = sorted(Path(__file__).parents[3].glob("docs/platforms/*.md"))
SENT = [
    found for page in PAGES for found in re.findall(r"^hookline send (\S+) (\w\S*)", page.read_text(), re.MULTILINE)
]


def made(platform: str = "mygptassistants", event_type: str = "message.created") -> Example:
    return example(platform, event_type, now=datetime(2026, 1, 1, tzinfo=UTC), unique="1")


@pytest.mark.parametrize(("platform", "name"), SENT)
def test_what_a_page_sends_can_be_sent(platform: str, name: str) -> None:
    """As it stands there: the example exists, and is sent under its name."""
    assert example_of(Catalogue(), platform, name, now=NOW, unique="1").delivery_id == "msg_1"


def test_every_preset_has_a_page_that_sends_something() -> None:
    """The test above looks at all of them."""
    assert presets.names() <= {platform for platform, _ in SENT}


def test_what_a_recipe_is_like_is_sent() -> None:
    """A recipe that is like a preset has its examples, another has none."""
    own = {"verify": {"mode": "none"}, "read": {"name": "event"}}
    catalogue = Catalogue(
        {name: Recipe.model_validate(told) for name, told in (("ours", own), ("hub", {"like": "github"}))}
    )
    assert example_of(catalogue, "hub", "push", now=NOW, unique="1").headers["x-github-event"] == "push"
    with pytest.raises(
        Misconfigured, match="no example of what ours sends; or send a body of your own with --body FILE"
    ):
        example_of(catalogue, "ours", "push", now=NOW, unique="1")


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("issues.opened", {"x-github-event": "issues", "x-github-delivery": "1"}),
        ("pull_request.closed", {"x-github-event": "pull_request"}),
        ("", {}),
    ],
)
def test_a_body_comes_with_the_headers_of_its_type(name: str, headers: dict[str, str]) -> None:
    """Those of the example, or those that the name tells; without any the event would have no name, which is said."""
    found = around(Catalogue(), "github", name, now=NOW, unique="1")
    assert (found.headers, found.form) == (headers, None)
    hint = nameless(Catalogue(), "github", "hub", set(found.headers))
    assert (hint is None) is bool(headers)
    assert hint is None or "the header x-github-event" in hint


def test_a_body_that_names_itself_needs_no_header() -> None:
    """Most platforms name the event in the body, and what is in code has no recipe."""
    assert [nameless(Catalogue(), platform, "s", set()) for platform in ("chatwoot", "slack", "yourgpt")] == [None] * 3


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


@pytest.mark.parametrize(
    ("answer", "event_id"),
    [
        ('{"id":"evt_1","ids":["message.created:m1","message.created:m2"]}', "message.created:m1"),
        ('{"id":"evt_1","ids":[]}', None),
        ('{"type":"urn:hookline:problem:not-fitting"}', None),
        ("[]", None),
        ("ok", None),
    ],
)
def test_the_event_that_was_taken_can_be_looked_at(answer: str, event_id: str | None) -> None:
    """Where the answer names one: what some platforms must be answered names none."""
    assert first_id(answer) == event_id
