"""Ids in paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.errors import Rejected
from clients.paths import fill


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("conv_1", "/c/conv_1"),
        ("a/b", "/c/a%2Fb"),
        ("../x", "/c/..%2Fx"),
        ("a?b#c", "/c/a%3Fb%23c"),
        ("é", "/c/%C3%A9"),
        ("{id}", "/c/%7Bid%7D"),
        ("%2e%2e", "/c/%252e%252e"),
    ],
)
def test_an_id_is_one_segment(value: str, path: str) -> None:
    """Whatever an id holds, it stays one segment of the path."""
    assert fill("/c/{id}", id=value) == path


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_dot_segments_are_refused(value: str) -> None:
    """An id that would climb in the path is refused before anything is sent."""
    with pytest.raises(Rejected, match="dot segment") as caught:
        fill("/c/{id}", id=value)
    assert caught.value.nothing_happened


def test_half_a_character_is_refused() -> None:
    """A lone surrogate cannot be sent."""
    with pytest.raises(Rejected, match="cannot be part of an address"):
        fill("/c/{id}", id="\ud800")


@given(st.text())
def test_no_id_leaves_its_segment(value: str) -> None:
    """Any text gives one segment of plain ASCII, or a refusal."""
    try:
        path = fill("/c/{id}/d", id=value)
    except Rejected:
        return
    assert path.isascii()
    assert path.count("/") == 3
    assert not set(path) & set("?# \\\r\n")
