"""Copies of deliveries hold the bytes and no credentials."""

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.records import MAX_HEADER_BYTES, Receipt, delivery_record, masked, quarantine_record
from receiver.sources.platform import Unreadable
from receiver.sources.source import Source
from receiver.verification import Verified, verify
from tests.unit.receiver.parts import MESSAGE, NOW, TOPICS, signed, source


def receipt(of: Source | None = None, target: Target | None = None, body: bytes = MESSAGE) -> Receipt:
    of = of or source()
    headers = Headers(signed("mygptassistants", body))
    delivery = Delivery(method="POST", target=target or Target("support"), headers=headers, body=body)
    verified = verify(of.ring, delivery, NOW)
    assert isinstance(verified, Verified)
    return Receipt(source=of, delivery=delivery, verified=verified, topics=TOPICS, now=NOW)


def test_copy_names_source_request_and_events() -> None:
    """What an operator needs to find a delivery again stands in its headers."""
    record = delivery_record(receipt(target=Target("support", "", "a=1")), key="conv_1", ids=["e1", "e2"])
    shown = {name: value for name, value in record.headers if name.startswith("hookline-")}
    assert shown == {
        "hookline-source": b"support",
        "hookline-platform": b"mygptassistants",
        "hookline-method": b"POST",
        "hookline-path": b"/in/support?a=1",
        "hookline-events": b"e1,e2",
    }
    assert (record.key, record.value, record.timestamp) == (b"conv_1", MESSAGE, 1700000000000)


def test_quarantined_delivery_names_the_reason() -> None:
    """The fields at fault are told, their values stay in the body."""
    why = Unreadable(kind="not-fitting", fields=("data.role", "type"))
    record = quarantine_record(receipt(), name="q1", why=why)
    assert record.topic == "hookline.quarantine"
    assert record.header("hookline-reason") == b"not-fitting"
    assert record.header("hookline-fields") == b"data.role,type"
    assert record.key == b"q1"


def test_path_token_is_masked() -> None:
    """The address itself is the secret; it does not go into a topic."""
    of = source(token="canary-token-7531", name="open")
    record = delivery_record(receipt(of, Target("open", "canary-token-7531")), key="k", ids=[])
    assert record.header("hookline-path") == b"/in/open/***"


@pytest.mark.parametrize(
    "name",
    [
        b"Authorization",
        b"Proxy-Authorization",
        b"Cookie",
        b"X-Api-Key",
        b"API-KEY",
        b"X-Auth-Token",
        b"X-Client-Secret",
        b"x-bp",
    ],
)
def test_credential_is_masked(name: bytes) -> None:
    """Whoever reads the topic cannot act as the sender."""
    assert list(masked(((name, b"canary-7531"),), credential=b"x-bp")) == [(f"http-{name.lower().decode()}", b"***")]


def test_signature_is_kept() -> None:
    """A signature of one body is no credential, and tells how it was verified."""
    assert list(masked(((b"X-MGA-Signature", b"sha256=ab"),))) == [("http-x-mga-signature", b"sha256=ab")]


def test_what_names_a_delivery_is_kept() -> None:
    """A recipe reads it again when the delivery was quarantined."""
    kept = list(masked(((b"I-Twilio-Idempotency-Token", b"tok-1"),)))
    assert kept == [("http-i-twilio-idempotency-token", b"tok-1")]


def test_headers_of_a_copy_are_bounded() -> None:
    """A copy always fits, however long the headers are."""
    kept = list(masked(tuple((b"X-%d" % n, b"v" * 1000) for n in range(100))))
    assert sum(len(name) + len(value) - 5 for name, value in kept) <= MAX_HEADER_BYTES
    assert len(kept) == 16
