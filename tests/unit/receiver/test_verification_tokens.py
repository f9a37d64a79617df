"""Secrets that are repeated, in a header, the query, the body or the path, rather than signed with."""

from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.keyring import Keyring
from receiver.verification import Refused, verify
from schemas.schemes import Scheme

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


BEARER = {"where": "header", "name": "Authorization", "prefix": "Bearer"}


HEADER = {"where": "header", "name": "X-Token"}


QUERY = {"where": "query", "name": "key"}


JSON = {"where": "json_path", "name": "a.key"}


@pytest.mark.parametrize(
    ("token", "request_", "why"),
    [
        (BEARER, {"headers": [(b"authorization", b"bearer  s3cret-s3cret-s3")]}, None),
        (BEARER, {"headers": [(b"authorization", b"Basic s3cret-s3cret-s3")]}, "token-wrong"),
        (BEARER, {"headers": [(b"authorization", b"Bearer")]}, "token-missing"),
        (HEADER, {"headers": [(b"x-token", b"s3cret-s3cret-s3")]}, None),
        (HEADER, {"headers": [(b"x-token", b"s3cret-s3cret-s")]}, "token-wrong"),
        (HEADER, {"headers": [(b"x-token", b"\xff\xfe")]}, "token-wrong"),
        (HEADER, {"headers": [(b"x-token", b"s3cret-s3cret-s3")] * 2}, "header-repeated"),
        (HEADER, {}, "token-missing"),
        (QUERY, {"query": "key=s3cret-s3cret-s3"}, None),
        (QUERY, {"query": "key=s3cret-s3cret-s3&key=s3cret-s3cret-s3"}, "token-missing"),
        (QUERY, {"query": "key=%ff"}, "token-wrong"),
        (JSON, {"body": b'{"a":{"key":"s3cret-s3cret-s3"}}'}, None),
        (JSON, {"body": b'{"a":["s3cret-s3cret-s3"]}'}, "token-missing"),
        (JSON, {"body": b"nope"}, "token-missing"),
    ],
)
def test_static_token(token: dict[str, str], request_: dict[str, Any], why: str | None) -> None:
    """A repeated secret is compared where it stands, and nowhere else."""
    scheme = Scheme.model_validate({"mode": "static_token", "token": token})
    delivery = Delivery(
        method="POST",
        target=Target("s", query=request_.get("query", "")),
        headers=Headers(request_.get("headers", [])),
        body=request_.get("body", b"{}"),
    )
    found = verify(Keyring(scheme, ["other-other-other-other", "s3cret-s3cret-s3"]), delivery, NOW)
    assert (found.reason if isinstance(found, Refused) else None) == why


@pytest.mark.parametrize(
    ("rest", "suffix", "why"),
    [
        ("p4th-token-p4th-token", "", None),
        ("p4th-token-p4th-token/chat", "chat", None),
        ("p4th-token-p4th-toke", None, "path-token-wrong"),
        ("", None, "path-token-wrong"),
        ("chat/p4th-token-p4th-token", None, "path-token-wrong"),
    ],
)
def test_path_token(rest: str, suffix: str | None, why: str | None) -> None:
    """A secret in the path is the first part after the source's name."""
    ring = Keyring(Scheme(mode="path_secret"), [], path_token="p4th-token-p4th-token")
    delivery = Delivery(method="POST", target=Target("s", rest), headers=Headers([]), body=b"{}")
    found = verify(ring, delivery, NOW)
    assert (getattr(found, "suffix", None), getattr(found, "reason", None)) == (suffix, why)
