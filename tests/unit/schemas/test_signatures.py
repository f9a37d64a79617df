"""What senders sign, checked against what platforms have published and recomputed vectors."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.keys import PrivateKey, UnusableSecret
from schemas.schemes import MYGPTASSISTANTS, PRESETS, STANDARD, Scheme
from schemas.signatures import MalformedForm, Outgoing, Unsignable, key_of, query_value, sign, sorted_form

VECTORS = json.loads((Path(__file__).parents[2] / "samples" / "signatures" / "vectors.json").read_text("utf-8"))
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
# RFC 8032, 7.1, test 1.
PRIVATE = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signs_as_the_platform_does(vector: dict[str, Any]) -> None:
    """The sender's side makes exactly the headers that the platform sends."""
    query = f"?{vector['query']}" if "query" in vector else ""
    request = Outgoing(
        body=vector["body"].encode(),
        id=vector["headers"].get("webhook-id", ""),
        url=vector.get("public_url", "") + query,
        form="form" in vector.get("content_type", "") and "sorted_form" in vector["scheme"].get("template", ""),
    )
    now = datetime.fromtimestamp(vector["now"], UTC)
    assert dict(sign(Scheme.model_validate(vector["scheme"]), vector["secret"], request, now)) == vector["headers"]


def test_presets_are_named_after_their_platforms() -> None:
    """A platform's scheme is found by the platform's name."""
    assert {"mygptassistants": MYGPTASSISTANTS, "standard": STANDARD}.items() <= PRESETS.items()


def test_private_key_signs_under_v1a() -> None:
    """An asymmetric signature stands under its own prefix."""
    headers = dict(sign(STANDARD, PRIVATE, Outgoing(body=b"{}", id="msg_1"), NOW))
    assert headers["webhook-signature"].startswith("v1a,")


def test_private_key_tells_its_public_half() -> None:
    """What the receiver is given of a key pair can be made from the private key."""
    key = key_of(STANDARD, PRIVATE)
    assert isinstance(key, PrivateKey)
    assert key.public() == PUBLIC


def test_public_key_cannot_sign() -> None:
    """The receiver's half of a key pair makes no signatures."""
    with pytest.raises(UnusableSecret, match="cannot sign"):
        sign(STANDARD, PUBLIC, Outgoing(body=b"{}", id="msg_1"), NOW)


@pytest.mark.parametrize("secret", ["whsec_%%%", "whpk_AAAA", "whsk_AAAA", "whsec_"])
def test_unusable_secret_is_refused_without_being_shown(secret: str) -> None:
    """A secret that is cut short is told by what it should be, not by its value."""
    with pytest.raises(UnusableSecret) as caught:
        key_of(STANDARD, secret)
    assert secret.partition("_")[2] == "" or secret.partition("_")[2] not in str(caught.value)


def test_static_token_is_sent_in_its_header() -> None:
    """A static token is repeated as it is, after its word."""
    scheme = Scheme.model_validate(
        {"mode": "static_token", "token": {"where": "header", "name": "Authorization", "prefix": "Bearer"}}
    )
    assert sign(scheme, "abc", Outgoing(body=b""), NOW) == (("Authorization", "Bearer abc"),)


def test_path_secret_adds_no_header() -> None:
    """The URL says it all."""
    assert sign(Scheme(mode="path_secret"), "abc", Outgoing(body=b""), NOW) == ()


@pytest.mark.parametrize(
    ("scheme", "request_", "missing"),
    [
        (STANDARD, Outgoing(body=b"{}"), "id"),
        (Scheme.model_validate({"signature": {"header": "x"}, "template": "{url}{body}"}), Outgoing(body=b"{}"), "URL"),
        (
            Scheme.model_validate({"signature": {"header": "x"}, "template": "{url}", "body_hash": "h"}),
            Outgoing(body=b"{}", url="https://example.com/?h=0"),
            "SHA-256",
        ),
        (
            Scheme.model_validate({"mode": "static_token", "token": {"where": "query", "name": "key"}}),
            Outgoing(body=b"{}"),
            "URL",
        ),
    ],
)
def test_incomplete_request_cannot_be_signed(scheme: Scheme, request_: Outgoing, missing: str) -> None:
    """What a scheme signs must be known."""
    with pytest.raises(Unsignable, match=missing):
        sign(scheme, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", request_, NOW)


@pytest.mark.parametrize(
    ("scheme", "problem"),
    [
        ({"mode": "hmac"}, "needs a signature"),
        ({"signature": {"header": "x"}, "template": "{timestamp}"}, "where it stands"),
        ({"signature": {"header": "x"}, "template": "{bodys}"}, "unknown placeholders"),
        ({"signature": {"header": "x"}, "template": "{id}.{body}"}, "id_header"),
        ({"signature": {"header": "x"}, "template": "{url}"}, "does not cover the body"),
        ({"signature": {"header": "x"}, "template": "{secret}{body}"}, "mode hash"),
        ({"signature": {"header": "x"}, "template": "{body}", "mode": "hash"}, "mode hash"),
        ({"mode": "static_token"}, "needs a token"),
        ({"signature": {"header": "x"}, "timestamp": {"key": "t"}}, "pairs"),
        ({"signature": {"header": "x"}, "timestamp": {}}, "exactly one"),
        ({"signature": {"header": "x"}, "timestamp": {"header": "t"}}, "nothing signs the timestamp"),
        ({"mode": "none", "timestamp": {"json_path": "t"}}, "nothing signs the timestamp"),
        ({"signature": {"header": "x"}, "id_header": "i"}, "not signed belongs into read.delivery"),
        ({"signature": {"header": "x s:\r\n"}}, "no name of a header"),
        ({"signature": {"header": ""}}, "no name of a header"),
        ({"signature": {"header": "x"}, "template": "{id}{body}", "id_header": "i d"}, "no name of a header"),
        ({"mode": "static_token", "token": {"where": "header", "name": "a b"}}, "name is that of a header"),
        ({"signature": {"header": "x"}, "algorithm": "md5"}, "sha1"),
        ({"signature": {"header": "x", "prefixx": "a"}}, "Extra inputs"),
    ],
)
def test_unsound_scheme_is_refused(scheme: dict[str, Any], problem: str) -> None:
    """A scheme that leaves something open cannot be written down."""
    with pytest.raises(ValidationError, match=problem):
        Scheme.model_validate(scheme)


@pytest.mark.parametrize("timestamp", [{"json_path": "at"}, {"header": "t", "unsigned": True}])
def test_time_may_stand_in_the_signed_body_or_be_said_to_be_unsigned(timestamp: dict[str, Any]) -> None:
    """The first proves when it was sent; of the second somebody knows that it does not."""
    assert Scheme.model_validate({"signature": {"header": "x"}, "timestamp": timestamp}).timestamp is not None


def test_template_is_split_into_bytes_and_names() -> None:
    """Literal text is bytes, a placeholder is a name."""
    assert Scheme.model_validate(
        {"signature": {"header": "x"}, "template": "[{timestamp};{body}]", "timestamp": {"header": "t"}}
    ).parts == (b"[", "timestamp", b";", "body", b"]")


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (b"b=2&a=1", b"a1b2"),
        (b"a=x+y&b=%2B", b"ax yb+"),
        (b"a=1&a=0&a=1", b"a0a1"),
        (b"a=%ff", b"a\xff"),
        (b"", b""),
        (b"&&a", b"a"),
    ],
)
def test_form_is_signed_sorted_and_decoded(body: bytes, signed: bytes) -> None:
    """Names and values follow each other, sorted, as bytes."""
    assert sorted_form(body) == signed


def test_form_of_too_many_fields_is_refused() -> None:
    """Nobody honest posts a thousand fields."""
    with pytest.raises(MalformedForm):
        sorted_form(b"a&" * 1000)


@pytest.mark.parametrize(
    ("query", "value"),
    [("a=1&b=2", "2"), ("b=1&b=2", None), ("a=1", None), ("b=", ""), ("b=1&" * 200, None), ("b=%ff", "\ufffd")],
)
def test_query_parameter_must_be_there_once(query: str, value: str | None) -> None:
    """A parameter that stands twice could be read two ways."""
    assert query_value(query, "b") == value
