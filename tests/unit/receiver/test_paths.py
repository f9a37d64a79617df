"""Paths into a delivery."""

import pytest
from pydantic import JsonValue

from receiver.delivery import Headers
from receiver.recipes.paths import BadPath, Scope, finder, first_of, text_finder

EVENT: JsonValue = {
    "id": 7,
    "from": "5",
    "a": {"b": [{"c": "first"}, {"c": "last"}]},
    "odd name.x": "odd",
    "flag": True,
    "ratio": 0.5,
    "nothing": None,
    "empty": "",
}
AROUND: JsonValue = {"contacts": [{"id": "4"}, {"id": "5", "name": "Ada"}, "no object"]}
BODY: JsonValue = {"object": "acme", "list": [1, 2]}
SCOPE = Scope(
    EVENT, AROUND, BODY, Headers([(b"X-Event", b"message.sent"), (b"X-Odd", b"\xff")]), "page=2&twice=1&twice=2"
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", 7),
        ("a.b[0].c", "first"),
        ("a.b[-1].c", "last"),
        ("a.b[2].c", None),
        ("a.b[-3]", None),
        ("a.b.c", None),
        ("id.x", None),
        ("id[0]", None),
        ("missing.x[0]", None),
        ('"odd name.x"', "odd"),
        ("$.object", "acme"),
        ("$.list[1]", 2),
        ("$", BODY),
        ("^.contacts[id=from].name", "Ada"),
        ("^.contacts[id=$.object].name", None),
        ("^.contacts[id=nothing].name", None),
        ("header:x-event", "message.sent"),
        ("header:X-EVENT", "message.sent"),
        ("header:x-none", None),
        ("header:x-odd", "\ufffd"),
        ("query:page", "2"),
        ("query:twice", None),
        ("query:none", None),
    ],
)
def test_path_finds_its_value(path: str, value: JsonValue) -> None:
    """What is not there, or not of the expected kind, is None and never an error."""
    assert finder(path)(SCOPE) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id", "7"),
        ("{from}:{id}", "5:7"),
        ("{header:x-event}-{$.object}", "message.sent-acme"),
        ("{from}:{missing}", None),
        ("{from}:{empty}", None),
        ("flag", None),
        ("ratio", None),
        ("a", None),
    ],
)
def test_text_is_text_or_a_number_or_made_of_them(text: str, value: str | None) -> None:
    """A text with a missing part is missing: half an id is no id."""
    assert text_finder(text)(SCOPE) == value


def test_first_that_is_there_counts() -> None:
    """Senders rename fields."""
    assert first_of(["missing", "nothing", "from", "id"])(SCOPE) == "5"
    assert first_of(["missing", "nothing"])(SCOPE) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a[b]",
        "a[0",
        "a[]",
        "$a",
        "^x",
        "a[0]b",
        "header:",
        "query:a b",
        "{a",
        "a}",
        "{}",
        "{a}{",
        "{a..b}",
        "a[x=]",
        "a[x=b..c]",
        "a[12345]",
        "x" * 501,
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    """At the start, not when a delivery comes."""
    with pytest.raises(BadPath):
        text_finder(path)
