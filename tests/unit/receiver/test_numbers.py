"""Numbers that cannot be kept as they came, and where they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.sources.numbers import unholdable


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b'{"a":[1,{"b":1e999}]}', ("a.1.b",)),
        (b"-1E+400", ("$",)),
        (b'{"a":' + b"9" * 309 + b'.5,"b":1}', ("a",)),
        (b'{"a":' + b"9" * 210 + b"e99}", ("a",)),
        (b'{"a":' + b"1" * 4_301 + b',"b":-' + b"1" * 4_301 + b"}", ("a", "b")),
        (b"1" * 100_000, ("$",)),
    ],
    ids=range(6),
)
def test_number_beyond_a_double_is_found(body: bytes, places: tuple[str, ...]) -> None:
    """By its exponent, or by its digits."""
    assert unholdable(body) == places


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1e308,"b":-1.7976931348623157E+308,"c":1e-999,"d":0}',
        b'{"a":"1e999","' + b"7" * 300 + b'":"e1000 1E999"}',
        b'{"a":' + b"9" * 4_300 + b"}",
        b'{"a":1e999',
        b"[" * 100_000 + b"1e999",
        b"",
    ],
    ids=range(6),
)
def test_what_can_be_kept_is_let_pass(body: bytes) -> None:
    """Text is no number, and what is no JSON is told so by the parser."""
    assert unholdable(body) == ()


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from("eE"), st.sampled_from(["", "+"]), st.integers(0, 150))
def test_none_is_overlooked(zeros: int, exponent: int, letter: str, sign: str, before: int) -> None:
    """Wherever in a body it stands, and however it is written."""
    text = "1" + "0" * zeros + letter + sign + str(exponent)
    infinite = float(text) == float("inf")
    assert bool(unholdable(b"[" + b" " * before + text.encode() + b"]")) == infinite
