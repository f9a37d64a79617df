"""Request targets and headers, as bytes of strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.delivery import Headers, Target, route, shown_path


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/in/support", Target("support")),
        ("/in/support/", Target("support", "")),
        ("/in/support/chat", Target("support", "chat")),
        ("/in/support/token/conversation/close", Target("support", "token/conversation/close")),
        ("/in/support?a=1&b=%20", Target("support", "", "a=1&b=%20")),
        ("/in/support?a=1#fragment", Target("support", "", "a=1")),
        ("http://hooks.example.org/in/support?a=1", Target("support", "", "a=1")),
        ("HTTPS://hooks.example.org:8443/in/support", Target("support")),
        ("/in/" + "a" * 63, Target("a" * 63)),
    ],
)
def test_target_of_a_source(target: str, found: Target) -> None:
    """The source, what follows it, and the query."""
    assert route(target) == found


@pytest.mark.parametrize(
    "target",
    [
        "/", "/in", "/in/", "/IN/support", "/in/Support", "/in/-a", "/in/a b", "/in//support", "//in/support",
        "/in/%73upport", "/in/..%2f..%2fetc", "/in/%2e%2e%2fsupport", "/in/../support", "/in/support\0",
        "/in/support%00", "/in/\u017fupport", "/in/" + "a" * 64, "/in/support/" + "a" * 513, "/in/support/a%2fb",
        "*", "", "hooks.example.org:443", "ftp://x/in/support", "/in/support\n", "/in/sup\udcffport", "/livez",
        "/in/support;x",
    ],
)  # fmt: skip
def test_target_of_no_source(target: str) -> None:
    """Escapes, dots and look-alikes mean nothing."""
    assert route(target) is None


@given(st.text(max_size=80))
def test_any_target_is_a_source_or_none(target: str) -> None:
    """No target raises, and a source's name is always a plain one."""
    found = route(target)
    assert found is None or found.source.isascii()


def test_header_names_are_found_in_any_case() -> None:
    """HTTP names do not care, and white space around a value is none of it."""
    headers = Headers([(b"X-Thing", b" \tvalue "), (b"Empty", b"")])
    assert (headers.get(b"x-thing"), headers.get(b"empty"), headers.get(b"other")) == (b"value", b"", None)


def test_repeated_header_is_seen_in_any_case() -> None:
    """Two spellings of one name are one name."""
    headers = Headers([(b"X-Thing", b"a"), (b"x-thing", b"b"), (b"Other", b"c")])
    assert (headers.repeats([b"x-thing"]), headers.repeats([b"other"]), headers.get(b"x-thing")) == (True, False, b"a")


@pytest.mark.parametrize(
    ("value", "media_type"),
    [
        (b"application/json", "application/json"),
        (b" Application/JSON ; charset=utf-8", "application/json"),
        (b"", ""),
        (b"application/json\xff", "application/json\ufffd"),
    ],
)
def test_media_type_is_without_parameters(value: bytes, media_type: str) -> None:
    """A character set does not make another type."""
    assert Headers([(b"Content-Type", value)]).media_type() == media_type


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/in/suport", "/in/suport"),
        ("/in/suport/t0ken?key=s3cret", "/in/suport..."),
        ("/hooks/in/support/t0ken", "/hooks..."),
        ("http://user:pass@hooks.example.org/in/suport?a=1", "/in/suport"),
        ("/in/p4th-token", "***"),
        ("/in/\x1b[31m\u202e\udcff", "/in/\\x1b[31m\\u202e\\udcff"),
        ("/in/" + "a" * 5_000, "/in/" + "a" * 76 + "..."),
        ("/", "/"),
        ("*", "..."),
        ("", ""),
    ],
)
def test_beginning_of_an_unknown_path_is_shown(target: str, shown: str) -> None:
    """Enough to see who calls what; short, escaped, and without what may be a token."""
    assert shown_path(target, [b"p4th-token"]) == shown
