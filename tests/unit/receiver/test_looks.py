"""A refused delivery is looked at: what stands there, what is missing, what was due; never a secret."""

from datetime import timedelta
from hashlib import sha256
from typing import Any, get_args

import pytest

from receiver.claims import Reason
from receiver.delivery import Delivery, Headers, Target, route
from receiver.diagnosis.looks import LOOKS
from schemas.signatures import Message, signed_parts
from tests.unit.receiver.parts import NOW
from tests.unit.receiver.refusals import BODY, SECRET, TOKEN, WHSEC, of, posted, sources, told

STRIPE = of("stripe")
OTHER_TOKEN, DUE = "another-path-token-01234", "and the token is due there"
AUTH, QUOTED = "the header Authorization", "with quotes or white space around it"


@pytest.mark.parametrize(
    ("platform", "changes", "reason", "expected"),
    [
        (
            "mygptassistants",
            {"x_mga_signature": None},
            "signature-missing",
            [("header-missing", "the header x-mga-signature is not there")],
        ),
        (
            "mygptassistants",
            {"x_mga_signature": " "},
            "signature-missing",
            [("header-missing", "the header x-mga-signature is empty")],
        ),
        (
            "mygptassistants",
            {"x_mga_signature": None, "x_hub_signature_256": "sha256=00"},
            "signature-missing",
            [
                ("header-missing", "the header x-mga-signature is not there"),
                ("other-platform", "it has x-hub-signature-256, which is how github or meta or whatsapp signs"),
            ],
        ),
        (
            "stripe",
            {"stripe_signature": "v1=" + "0" * 64},
            "timestamp-missing",
            [("time-form", "the pair t is not there")],
        ),
        (
            "stripe",
            {"stripe_signature": "t=soon,v1=" + "0" * 64},
            "timestamp-malformed",
            [("time-form", "the pair t says something else, where whole seconds of a time we know is due")],
        ),
        (
            "stripe",
            {"stripe_signature": "t=-5,v1=" + "0" * 64},
            "timestamp-malformed",
            [("time-form", "the pair t says '-5', where whole seconds of a time we know is due")],
        ),
        (
            "stripe",
            {"stripe_signature": "t=1,t=2,v1=" + "0" * 64},
            "header-repeated",
            [("header-repeated", "the pair t stands there more than once")],
        ),
        (
            "stripe",
            {"stripe_signature": "t=1" + ",v1=00" * 9},
            "signatures-too-many",
            [("form", "the header stripe-signature holds more than 5 signatures")],
        ),
        ("svix", {"svix_id": None}, "id-missing", [("id-form", "the header svix-id is not there, and it is signed")]),
        (
            "svix",
            {"svix_id": "x" * 300},
            "id-malformed",
            [("id-form", "the header svix-id is too long, or not printable ASCII")],
        ),
    ],
)
def test_what_is_missing_or_malformed_is_named(
    platform: str, changes: dict[str, Any], reason: str, expected: list[tuple[str, str]]
) -> None:
    """The header, what it says where that is harmless, and what was due."""
    secret = WHSEC if platform == "svix" else SECRET
    known = of(platform, secret)
    assert told(known, posted(known, secret=secret, **changes)) == (reason, expected)


def test_a_header_that_stands_there_twice_is_named() -> None:
    """Not the others."""
    once = posted(STRIPE)
    twice = Delivery(
        method="POST",
        target=once.target,
        headers=Headers([*once.headers.raw, (b"Stripe-Signature", b"t=1,v1=00")]),
        body=BODY,
    )
    assert told(STRIPE, twice) == (
        "header-repeated",
        [("header-repeated", "the header stripe-signature stands there more than once")],
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-301, [("clock", "the signed time is 301 seconds behind our clock, and 300 seconds are allowed")]),
        (4000, [("clock", "the signed time is 4,000 seconds ahead of our clock, and 300 seconds are allowed")]),
        (
            -7203,
            [
                ("clock", "the signed time is 7,203 seconds behind our clock, and 300 seconds are allowed"),
                ("clock", "that is 2 hours: the sender may tell its local time as UTC"),
            ],
        ),
    ],
)
def test_clock_skew_is_told_with_the_window(seconds: int, expected: list[tuple[str, str]]) -> None:
    """How far, to which side, and that the signature itself is right."""
    delivery = posted(STRIPE, at=NOW + timedelta(seconds=seconds))
    right = ("clock", "the signature itself is right, by the secret")
    assert told(STRIPE, delivery) == ("timestamp-stale", [*expected, right])


def test_older_secret_of_a_stale_delivery_is_told_by_its_place() -> None:
    """Never by what it is."""
    known = of("stripe", "the-newest-secret-0123456789", SECRET)
    reason, found = told(known, posted(known, at=NOW - timedelta(seconds=1000)))
    assert reason == "timestamp-stale"
    assert found[-1] == ("older-secret", "the signature itself is right, by secret 2 of 2")


@pytest.mark.parametrize(
    ("platform", "time", "reason", "text"),
    [
        ("stripe", "1700000000000", "timestamp-malformed", "the sender tells milliseconds where seconds are due"),
        ("hubspot", "1700000000", "timestamp-stale", "the sender tells seconds where milliseconds are due"),
    ],
)
def test_other_unit_of_the_time_is_seen(platform: str, time: str, reason: str, text: str) -> None:
    """The time would be now in it."""
    url = "https://hooks.example.org/in/shop"
    known = of(platform, public_url=url)
    ring = known["shop"].ring
    message = Message(body=BODY, timestamp=time.encode(), url=url.encode())
    signature = ring.keys[0].sign(signed_parts(ring.scheme, message)).decode()
    changes = {"stripe_signature": f"t={time},v1={signature}"}
    if platform == "hubspot":
        changes = {"x_hubspot_request_timestamp": time, "x_hubspot_signature_v3": signature}
    found, hints = told(known, posted(known, url=url, **changes))
    assert (found, ("time-unit", text) in hints) == (reason, True)


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "expected"),
    [
        ("GET", "/in/shop", [], b"", ("method", [("method", "it was 'GET'")])),
        (
            "POST",
            "/in/shop",
            [(b"Content-Encoding", b"gzip")],
            b"x",
            ("content-encoding", [("encoding", "the header content-encoding says 'gzip'")]),
        ),
        (
            "POST",
            "/in/shop",
            [(b"Content-Type", b"text/xml; charset=x")],
            b"x",
            (
                "media-type",
                [("media-type", "the header content-type says 'text/xml', and stripe sends application/json")],
            ),
        ),
        (
            "POST",
            "/in/shop",
            [(b"Content-Length", b"2000000")],
            b"",
            ("body-limit", [("size", "the body has 2,000,000 bytes, and 1,048,576 bytes are allowed")]),
        ),
    ],
)
def test_what_is_refused_before_the_body_is_told(
    method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes, expected: tuple[str, Any]
) -> None:
    """Method, encoding, media type and length."""
    found = route(target)
    assert found is not None
    delivery = Delivery(method=method, target=found, headers=Headers(headers), body=body)
    assert told(STRIPE, delivery) == expected


def test_fields_at_fault_are_named() -> None:
    """As in the answer; never a value."""
    known = of("mygptassistants")
    body = b'{"id":"e","type":"message.created","timestamp":"2024-01-15T10:30:00Z","data":{"conversationId":"c"}}'
    reason, [(kind, text)] = told(known, posted(known, body))
    assert (reason, kind) == ("not-fitting", "unreadable")
    assert text.startswith("at fault: data.")
    assert told(known, posted(known, b"{")) == ("not-json", [("unreadable", "the body is no JSON")])


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "the parameter hub.challenge is not in the URL"),
        ("?hub.challenge=1", "the parameter hub.verify_token is not in the URL"),
        ("?hub.challenge=1&hub.verify_token=wrong-word", "hub.verify_token is another word"),
    ],
)
def test_trial_of_the_address_tells_what_is_wrong(query: str, text: str) -> None:
    """Which parameter; not its value."""
    known = of("meta", verify_token="the-agreed-word")
    target = route(f"/in/shop{query}")
    assert target is not None
    delivery = Delivery(method="GET", target=target, headers=Headers([]), body=b"")
    assert told(known, delivery) == ("handshake-wrong", [("handshake", text)])


def test_trial_without_an_agreed_word_is_told() -> None:
    """The app's secret is none: it does not belong into a URL."""
    known = of("meta")
    target = route(f"/in/shop?hub.challenge=1&hub.verify_token={SECRET}")
    assert target is not None
    delivery = Delivery(method="GET", target=target, headers=Headers([]), body=b"")
    text = "the source has no verify_token, so no word is right"
    assert told(known, delivery) == ("handshake-wrong", [("handshake", text)])


@pytest.mark.parametrize(
    ("target", "reason", "kind", "text"),
    [
        ("/in/help", "path-token-wrong", "path-token", f"the address ends behind the source's name, {DUE}"),
        ("/in/help/wrong-token", "path-token-wrong", "path-token", "the path holds something else"),
        (f"/in/help/{OTHER_TOKEN}", "path-token-wrong", "other-source", "the path holds the token of the source other"),
        (f"/in/help/{TOKEN}/more", "suffix", "more-path", "nothing may stand behind the name and the token (yourgpt)"),
    ],
)  # fmt: skip
def test_token_in_the_path_is_looked_at(target: str, reason: str, kind: str, text: str) -> None:
    """Whether there is one, and whose it is; what follows it is not repeated."""
    known = sources(
        help={"platform": "yourgpt", "token": TOKEN},
        other={"platform": "yourgpt", "token": OTHER_TOKEN},
    )
    found = route(target)
    assert found is not None
    delivery = Delivery(method="POST", target=found, headers=Headers([]), body=b"{}")
    assert told(known, delivery) == (reason, [(kind, text)])


@pytest.mark.parametrize(
    ("value", "reason", "kind", "text"),
    [
        (None, "token-missing", "header-missing", f"{AUTH} is not there, or empty"),
        ("Bearer wrong", "token-wrong", "secret", f"{AUTH} holds something that is no secret of ours"),
        ("wrong", "token-wrong", "token", f"{AUTH} does not begin with Bearer"),
        (SECRET, "token-wrong", "token", f"{AUTH} holds the secret, without Bearer before it"),
        (f"Token {SECRET}", "token-wrong", "token", f"{AUTH} holds the secret, behind another word"),
        (f'Bearer "{SECRET}"', "token-wrong", "token", f"{AUTH} holds the secret, {QUOTED}"),
        ("Bearer other-static-0123456789", "token-wrong", "other-source", f"{AUTH} holds a secret of the source other"),
    ],
)  # fmt: skip
def test_static_token_is_looked_at(value: str | None, reason: str, kind: str, text: str) -> None:
    """Where it is due, and in which form it came; not what it is."""
    known = sources(
        shop={"platform": "gptbots", "secrets": [SECRET]},
        other={"platform": "gptbots", "secrets": ["other-static-0123456789"]},
    )
    headers = [] if value is None else [(b"Authorization", value.encode())]
    delivery = Delivery(method="POST", target=Target("shop"), headers=Headers(headers), body=b"{}")
    assert told(known, delivery) == (reason, [(kind, text)])


def test_body_that_no_signature_covers_is_told() -> None:
    """Twilio's JSON without the hash in its URL, and with another body's."""
    known = of("twilio", public_url="https://hooks.example.org/in/shop")
    url = f"https://hooks.example.org/in/shop?bodySHA256={sha256(BODY).hexdigest()}"
    assert told(known, posted(known, url=url)) == (
        "body-hash-wrong",
        [("not-covered", "the body is 'application/json' and no form, and bodySHA256 is not in the URL")],
    )
    assert told(known, posted(known, url=url, target="/in/shop?bodySHA256=00")) == (
        "body-hash-wrong",
        [("body-changed", "bodySHA256 in the URL is another body's SHA-256")],
    )


def test_every_reason_that_is_looked_at_is_one() -> None:
    """Of verification, the screen, or the reading."""
    of_requests = {
        "suffix",
        "method",
        "polled",
        "handshake-wrong",
        "body-limit",
        "content-encoding",
        "transfer-encoding",
        "media-type",
        "not-json",
        "not-fitting",
    }
    assert set(LOOKS) == set(get_args(Reason)) | of_requests
