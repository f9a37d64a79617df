"""Payloads into models, and what is told of those that do not fit."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from receiver.sources.platform import Unreadable, parse


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    a: int = 0
    b: dict[str, int] = {}


def test_body_that_fits_is_a_model() -> None:
    """The words NaN and Infinity may stand in a text."""
    assert parse(Sample, b'{"a":1,"b":{"NaN":1,"Infinity":2}}') == Sample(a=1, b={"NaN": 1, "Infinity": 2})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":NaN}', b'{"a":-Infinity}', b"\xef\xbb\xbf{}", b"[" * 500])
def test_what_is_no_json(body: bytes) -> None:
    """RFC 8259, UTF-8, nested at most as deep as pydantic goes."""
    assert parse(Sample, body) == Unreadable(kind="not-json")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b'{"a":"x","b":{"c":"y"}}', ("a", "b.c")),
        (b"[]", ("$",)),
        (b'{"zzz":1}', ("zzz",)),
        (b'{"b":{"\\u001b[31m":"y"}}', ("?",)),
        ('{"b":{"größe":"y"}}'.encode(), ("b.gr??e",)),
        (b'{"b":{"' + b"k" * 500 + b'":"y"}}', ("b." + "k" * 98,)),
    ],
)
def test_fields_at_fault_are_named_plainly(body: bytes, fields: tuple[str, ...]) -> None:
    """A sender's own names are told back short and in ASCII: they end in logs and terminals."""
    assert parse(Sample, body) == Unreadable(kind="not-fitting", fields=fields)


def test_fields_at_fault_are_bounded() -> None:
    """A body that is wrong in a thousand places is told twenty."""
    body = b'{"b":{' + b",".join(b'"k%d":"x"' % n for n in range(1000)) + b"}}"
    found: Any = parse(Sample, body)
    assert len(found.fields) == 20
