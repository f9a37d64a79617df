"""What is refused before the body is read: never anything that the body could still prove."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Refusal, screen
from receiver.keyring import Keyring
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.verification import Refused, foretold, verify
from schemas.schemes import Scheme, Token
from tests.unit.receiver.parts import NOW, SECRETS, delivery, source

VECTORS = json.loads((Path(__file__).parents[2] / "samples" / "signatures" / "vectors.json").read_text("utf-8"))
LONG = (b"Content-Length", b"1000000")
GOOD = b"sha256=" + b"0" * 64


def posted(headers: list[tuple[bytes, bytes]], rest: str = "") -> Delivery:
    return Delivery(method="POST", target=Target("s", rest=rest), headers=Headers(headers), body=b"")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_a_platform_sends_is_not_refused(vector: dict[str, Any]) -> None:
    """The headers of every published vector may be right for some body."""
    headers = [(name.encode(), text.encode()) for name, text in vector["headers"].items()]
    scheme = Scheme.model_validate(vector["scheme"])
    ring = Keyring(scheme, [vector["secret"]], public_url=vector.get("public_url"))
    assert foretold(ring, posted(headers)) is None


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "signature-missing"),
        ([(b"x-mga-signature", b"sha1=" + b"0" * 64)], "signature-malformed"),
        ([(b"x-mga-signature", b"sha256=" + b"0" * 63)], "signature-malformed"),
        ([(b"x-mga-signature", b"sha256=" + b"\xff" * 64)], "signature-malformed"),
        ([(b"x-mga-signature", GOOD)] * 2, "header-repeated"),
    ],
)
def test_header_that_no_body_makes_right_is_refused(headers: list[tuple[bytes, bytes]], reason: str) -> None:
    """A MiB is not read for it."""
    found = screen(source(), delivery(b"", [LONG, *headers]))
    assert isinstance(found, Refusal)
    assert (found.problem.status, found.reason) == (401, reason)


def test_signature_of_the_right_form_waits_for_its_body() -> None:
    """Only the body tells whether it is right."""
    assert screen(source(), delivery(b"", [LONG, (b"x-mga-signature", GOOD)])) is None


def test_short_body_is_read_all_the_same() -> None:
    """It costs little, and the operator is told more about it."""
    assert screen(source(), delivery(b"", [(b"Content-Length", b"16384")])) is None
    assert screen(source(), delivery(b"", [(b"Content-Length", b"16385")])) is not None


def test_body_of_a_length_that_is_not_told_is_a_long_one() -> None:
    """Chunks may be as many as they like."""
    assert screen(source(), delivery(b"", [(b"Transfer-Encoding", b"chunked")])) is not None


@pytest.mark.parametrize(("rest", "refused"), [("a-token-0123456789", None), ("wrong", Refused("path-token-wrong"))])
def test_token_of_the_path_is_looked_at(rest: str, refused: Refused | None) -> None:
    """It does not need the body either."""
    settings = SourceSettings.model_validate({"platform": "yourgpt", "token": "a-token-0123456789"})
    ring = open_sources({"s": settings}, ReceiverSettings())["s"].ring
    assert foretold(ring, posted([], rest)) == refused


@pytest.mark.parametrize(
    ("token", "refused"),
    [
        (Token(where="header", name="x-token"), Refused("token-missing")),
        (Token(where="query", name="token"), Refused("token-missing")),
        (Token(where="json_path", name="token"), None),
    ],
)
def test_static_token_is_looked_at_unless_it_stands_in_the_body(token: Token, refused: Refused | None) -> None:
    """A header's or the query's is compared at once."""
    ring = Keyring(Scheme(mode="static_token", token=token), ["0123456789abcdef"])
    assert foretold(ring, posted([])) == refused


names = st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"content-type"])
values = st.binary(max_size=40) | st.sampled_from([b"v1,", b"v1a,AAAA", b"v1," + b"A" * 43 + b"=", b"1700000000", b"m"])


@given(headers=st.lists(st.tuples(names, values), max_size=5), body=st.binary(max_size=20))
def test_what_is_foretold_is_what_becomes_of_it(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whatever the body is then, the reason is the same."""
    ring = source("standard", secrets=[SECRETS["standard"]]).ring
    told = foretold(ring, posted(headers))
    if told is not None:
        assert verify(ring, delivery(body, headers), NOW) == told
