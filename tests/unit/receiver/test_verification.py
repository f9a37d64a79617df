"""Every published vector is accepted, and nothing that differs from it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.delivery import Delivery, Headers, Target
from receiver.keyring import Keyring
from receiver.verification import Refused, Verified, verify
from schemas.keys import PrivateKey
from schemas.schemes import MYGPTASSISTANTS, STANDARD, Scheme
from schemas.signatures import Outgoing, key_of, sign

VECTORS = json.loads((Path(__file__).parents[2] / "samples" / "signatures" / "vectors.json").read_text("utf-8"))
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
# RFC 8032, 7.1, test 1.
PRIVATE = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

vectors = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


def ring_of(vector: dict[str, Any], secret: str | None = None) -> Keyring:
    scheme = Scheme.model_validate(vector["scheme"])
    return Keyring(scheme, [secret or vector["secret"]], public_url=vector.get("public_url"))


def request_of(vector: dict[str, Any], **changes: Any) -> Delivery:
    given_headers = changes.get("headers", [(name.encode(), text.encode()) for name, text in vector["headers"].items()])
    content_type = [(b"Content-Type", vector.get("content_type", "application/json").encode())]
    return Delivery(
        method="POST",
        target=Target("s", query=changes.get("query", vector.get("query", ""))),
        headers=Headers([*content_type, *given_headers]),
        body=changes.get("body", vector["body"].encode()),
    )


def at(vector: dict[str, Any], seconds: float = 0) -> datetime:
    return datetime.fromtimestamp(vector["now"], UTC) + timedelta(seconds=seconds)


def reason(found: Verified | Refused) -> str:
    assert isinstance(found, Refused)
    return found.reason


def standard(headers: list[tuple[bytes, bytes]], *secrets: str, body: bytes = b"{}", now: datetime = NOW) -> Any:
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers(headers), body=body)
    return verify(Keyring(STANDARD, secrets or (WHSEC,)), delivery, now)


def headers_of(
    secret: str = WHSEC, body: bytes = b"{}", now: datetime = NOW, name: str = "msg_1"
) -> list[tuple[bytes, bytes]]:
    found = sign(STANDARD, secret, Outgoing(body=body, id=name), now)
    return [(header.encode(), value.encode()) for header, value in found]


@vectors
def test_vector_is_accepted(vector: dict[str, Any]) -> None:
    """What the platform sends is verified, by the first secret."""
    found = verify(ring_of(vector), request_of(vector), at(vector))
    assert isinstance(found, Verified), found
    assert (found.body, found.secret) == (vector["body"].encode(), 0)


def _signature(vector: dict[str, Any]) -> tuple[str, str]:
    name = vector["scheme"]["signature"]["header"]
    return name, vector["headers"][name]


MUTATIONS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "blank": lambda _: "   ",
    "last character": lambda text: text[:-1] + ("1" if text[-1] == "0" else "0"),
    "truncated": lambda text: text[:-1],
    "one more": lambda text: text + "a",
    "half": lambda text: text[: len(text) // 2],
    "no letters": lambda _: "=",
    "not ASCII": lambda text: text[:-2] + "\u00e9\u00e9",
    "NUL": lambda text: text + "\0",
    "quoted": lambda text: f'"{text}"',
    "other algorithm": lambda text: "sha512=" + text.rpartition("=")[2],
    "md5": lambda text: "md5=" + text,
    "none": lambda _: "none",
}


@vectors
@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_changed_signature_is_refused(vector: dict[str, Any], mutate: Callable[[str], str]) -> None:
    """A signature is right or it is not."""
    name, value = _signature(vector)
    changed = {**vector["headers"], name: mutate(value)}
    if changed[name] == value:
        pytest.fail("the mutation changed nothing")
    headers = [(header.encode(), text.encode()) for header, text in changed.items()]
    assert isinstance(verify(ring_of(vector), request_of(vector, headers=headers), at(vector)), Refused)


@vectors
def test_missing_signature_is_refused(vector: dict[str, Any]) -> None:
    """Nothing is proved by nothing."""
    name, _ = _signature(vector)
    headers = [(header.encode(), text.encode()) for header, text in vector["headers"].items() if header != name]
    found = verify(ring_of(vector), request_of(vector, headers=headers), at(vector))
    assert reason(found) == "signature-missing"


@vectors
def test_other_secret_is_refused(vector: dict[str, Any]) -> None:
    """The secret is what it is about."""
    other = "whsec_b3RoZXItc2VjcmV0LTAxMjM0NTY3ODk=" if vector["secret"].startswith("whsec_") else "another secret"
    assert reason(verify(ring_of(vector, other), request_of(vector), at(vector))) == "signature-wrong"


@vectors
def test_signature_of_another_shape_is_malformed(vector: dict[str, Any]) -> None:
    """A character more or less, or of another alphabet: who sends it does not sign as this platform does."""
    name, value = _signature(vector)
    right = re.findall(r"[A-Za-z0-9+/]{27,}=*", value)[-1]

    def answered(digits: str) -> str:
        headers = {**vector["headers"], name: value.replace(right, digits)}
        request = request_of(vector, headers=[(header.encode(), text.encode()) for header, text in headers.items()])
        return reason(verify(ring_of(vector), request, at(vector)))

    assert {answered(digits) for digits in (right[:-1], right + "0", "~" * len(right))} == {"signature-malformed"}
    assert answered(("0" if right[0] != "0" else "1") + right[1:]) == "signature-wrong"


@vectors
def test_other_body_is_refused(vector: dict[str, Any]) -> None:
    """One byte of the body more, or less, and the signature is another's."""
    for body in (vector["body"].encode() + b" ", vector["body"].encode()[:-1], b""):
        assert isinstance(verify(ring_of(vector), request_of(vector, body=body), at(vector)), Refused)


@vectors
def test_repeated_header_is_refused(vector: dict[str, Any]) -> None:
    """Of two, a proxy might believe one and we the other."""
    for name, text in vector["headers"].items():
        headers = [
            *((h.encode(), t.encode()) for h, t in vector["headers"].items()),
            (name.lower().encode(), text.encode()),
        ]
        found = verify(ring_of(vector), request_of(vector, headers=headers), at(vector))
        assert reason(found) == "header-repeated"


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if "timestamp" in v["scheme"]], ids=lambda vector: vector["name"]
)
@pytest.mark.parametrize(
    ("seconds", "verified"), [(0, True), (300, True), (-300, True), (302, False), (-302, False), (1e9, False)]
)
def test_old_and_future_times_are_refused(vector: dict[str, Any], seconds: float, verified: bool) -> None:
    """A captured delivery can be replayed for five minutes, no longer."""
    found = verify(ring_of(vector), request_of(vector), at(vector, seconds))
    assert found == Refused("timestamp-stale") if not verified else isinstance(found, Verified)


def test_stale_time_is_told_only_after_the_signature() -> None:
    """Whoever cannot sign learns nothing about the window."""
    headers = headers_of("whsec_b3RoZXItc2VjcmV0LTAxMjM0NTY3ODk=", now=NOW - timedelta(days=1))
    assert reason(standard(headers)) == "signature-wrong"


@pytest.mark.parametrize(
    "time", [b"", b"soon", b"-1", b"+1700000000", b"1.7e9", b"1700000000.0", b"1" * 17, b" ", b"\xb2"]
)
def test_malformed_time_is_refused(time: bytes) -> None:
    """A time is digits; anything else is no time, signed or not."""
    headers = [(n, v) for n, v in headers_of() if n != b"webhook-timestamp"] + [(b"webhook-timestamp", time)]
    assert reason(standard(headers)) in ("timestamp-malformed", "timestamp-missing")


def test_time_outside_the_calendar_is_refused() -> None:
    """A signed time may still be nonsense."""
    scheme = Scheme.model_validate(
        {"signature": {"header": "x"}, "template": "{timestamp}{body}", "timestamp": {"header": "t"}}
    )
    far = b"9" * 16
    value = key_of(scheme, "a secret of ours").sign([far, b"{}"])
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers([(b"x", value), (b"t", far)]), body=b"{}")
    assert reason(verify(Keyring(scheme, ["a secret of ours"]), delivery, NOW)) == "timestamp-malformed"


@pytest.mark.parametrize(
    ("name", "why"), [(b"", "id-missing"), (b"\xff", "id-malformed"), (b"x" * 257, "id-malformed")]
)
def test_unusable_id_is_refused(name: bytes, why: str) -> None:
    """An id is short, plain text."""
    headers = [(n, v) for n, v in headers_of() if n != b"webhook-id"] + [(b"webhook-id", name)]
    assert reason(standard(headers)) == why


def test_matching_secret_is_told() -> None:
    """During a rotation the count of the old secret shows when it can go."""
    found = standard(headers_of(), "whsec_b3RoZXItc2VjcmV0LTAxMjM0NTY3ODk=", WHSEC)
    assert isinstance(found, Verified)
    assert found.secret == 1


def test_any_of_several_signatures_may_match() -> None:
    """A sender that rotates its secret signs with both."""
    (_, right), *rest = headers_of()
    found = standard([(b"webhook-signature", b"v1,AAAA v1a,BBBB " + right), *rest])
    assert isinstance(found, Verified)


def test_too_many_signatures_are_refused() -> None:
    """The right one among six is not looked for."""
    (_, right), *rest = headers_of()
    assert reason(standard([(b"webhook-signature", b"v1,AAAA " * 5 + right), *rest])) == "signatures-too-many"


def test_ten_thousand_signatures_cost_no_hashing() -> None:
    """A list nobody sends is refused before anything is computed."""
    (_, right), *rest = headers_of()
    ring = Keyring(STANDARD, [WHSEC])
    ring.keys = ()
    delivery = Delivery(
        method="POST",
        target=Target("s"),
        headers=Headers([(b"webhook-signature", b"v1,x " * 10_000 + right), *rest]),
        body=b"{}",
    )
    assert reason(verify(ring, delivery, NOW)) == "signatures-too-many"


def test_public_key_verifies_v1a() -> None:
    """An asymmetric signature is checked with the public half."""
    key = key_of(STANDARD, PRIVATE)
    assert isinstance(key, PrivateKey)
    assert isinstance(standard(headers_of(PRIVATE), key.public()), Verified)


@pytest.mark.parametrize(
    ("junk", "why"),
    [
        (b"", "signature-malformed"),
        (b"AAAA", "signature-malformed"),
        (b"!!!!", "signature-malformed"),
        (b"\xff" * 10, "signature-malformed"),
        (b"A" * 88, "signature-malformed"),
        (b"A" * 86 + b"==", "signature-wrong"),
    ],
)
def test_junk_for_a_public_key_is_refused(junk: bytes, why: str) -> None:
    """What cannot be an Ed25519 signature is malformed, what could be one is wrong."""
    key = key_of(STANDARD, PRIVATE)
    assert isinstance(key, PrivateKey)
    _, *rest = headers_of(PRIVATE)
    assert reason(standard([(b"webhook-signature", b"v1a," + junk), *rest], key.public())) == why


def test_symmetric_signature_does_not_pass_for_an_asymmetric_one() -> None:
    """The public key is no shared secret: whoever knows it cannot sign with it."""
    key = key_of(STANDARD, PRIVATE)
    assert isinstance(key, PrivateKey)
    public = key.public()
    (_, value), *rest = headers_of("whsec_" + public.removeprefix("whpk_"))
    assert reason(standard([(b"webhook-signature", value), *rest], public)) == "signature-wrong"
    assert reason(standard([(b"webhook-signature", b"v1a," + value[3:]), *rest], public)) == "signature-malformed"


def test_shared_secret_does_not_pass_under_the_asymmetric_prefix() -> None:
    """The prefix says which kind of key made a signature."""
    (_, value), *rest = headers_of()
    assert reason(standard([(b"webhook-signature", b"v1a," + value.removeprefix(b"v1,")), *rest])) == "signature-wrong"


def test_hexadecimal_capitals_are_the_same_number() -> None:
    """Some senders write capitals."""
    body = b"{}"
    value = dict(sign(MYGPTASSISTANTS, "a secret of ours", Outgoing(body=body), NOW))["x-mga-signature"]
    prefix, _, digits = value.partition("=")
    headers = Headers([(b"x-mga-signature", f"{prefix}={digits.upper()}".encode())])
    delivery = Delivery(method="POST", target=Target("s"), headers=headers, body=body)
    assert isinstance(verify(Keyring(MYGPTASSISTANTS, ["a secret of ours"]), delivery, NOW), Verified)


def test_form_scheme_refuses_another_content_type() -> None:
    """A signature over a form says nothing about a body that is called something else."""
    scheme = Scheme.model_validate({"signature": {"header": "x"}, "template": "{url}{sorted_form}"})
    url = "https://example.com/in/s"
    value = dict(sign(scheme, "a secret of ours", Outgoing(body=b"", url=url, form=True), NOW))["x"].encode()
    headers = Headers([(b"x", value), (b"content-type", b"application/json")])
    ring = Keyring(scheme, ["a secret of ours"], public_url=url)
    forged = Delivery(method="POST", target=Target("s"), headers=headers, body=b'{"forged":true}')
    assert reason(verify(ring, forged, NOW)) == "body-hash-wrong"


def test_path_token_beside_a_signature_must_be_right_too() -> None:
    """Two locks are both locked."""
    ring = Keyring(STANDARD, [WHSEC], path_token="p4th-token-p4th-token")
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers(headers_of()), body=b"{}")
    assert reason(verify(ring, delivery, NOW)) == "path-token-wrong"


def test_signed_time_in_the_body_is_checked() -> None:
    """Where only the body tells the time, the window holds for it."""
    scheme = Scheme.model_validate(
        {"signature": {"header": "x"}, "timestamp": {"json_path": "at", "format": "iso", "tolerance": 60}}
    )
    ring = Keyring(scheme, ["a secret of ours"])

    def found(body: bytes) -> str:
        value = dict(sign(scheme, "a secret of ours", Outgoing(body=body), NOW))["x"].encode()
        delivery = Delivery(method="POST", target=Target("s"), headers=Headers([(b"x", value)]), body=body)
        result = verify(ring, delivery, NOW)
        return result.reason if isinstance(result, Refused) else str(result.signed_time)

    assert found(b'{"at":"2023-11-14T22:13:00Z"}') == "2023-11-14T22:13:00Z"
    assert found(b'{"at":"2023-11-14T22:10:00Z"}') == "timestamp-stale"
    assert found(b'{"at":"today"}') == "timestamp-malformed"
    assert found(b'{"at":[]}') == "timestamp-missing"


def test_nobody_else_makes_a_verified() -> None:
    """What is published starts from a proof."""
    with pytest.raises(TypeError, match="only"):
        Verified(body=b"{}", seal=object())


def test_nothing_to_prove_is_told_as_such() -> None:
    """A source without verification says that no secret matched."""
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers([]), body=b"{}")
    found = verify(Keyring(Scheme(mode="none"), []), delivery, NOW)
    assert isinstance(found, Verified)
    assert found.secret is None


any_header = st.tuples(
    st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"x-mga-signature", b"content-type"]),
    st.one_of(
        st.binary(max_size=100),
        st.sampled_from([b"v1,", b"v1a,", b"sha256=", b"1700000000", b"v1,,v1a,  v1,", b"sha256=" + b"0" * 64]),
    ),
)


@given(headers=st.lists(any_header, max_size=8), body=st.binary(max_size=200), platform=st.sampled_from(["a", "b"]))
def test_junk_is_refused_and_never_raises(headers: list[tuple[bytes, bytes]], body: bytes, platform: str) -> None:
    """Whatever a stranger sends, the answer is no."""
    ring = Keyring(STANDARD, [WHSEC]) if platform == "a" else Keyring(MYGPTASSISTANTS, ["a secret of ours"])
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers(headers), body=body)
    assert isinstance(verify(ring, delivery, NOW), Refused)


@given(data=st.data())
def test_forgery_is_refused(data: st.DataObject) -> None:
    """From a true delivery, any other bytes of signature, id, time or body are not accepted."""
    headers = dict(headers_of(body=b'{"a":1}'))
    field = data.draw(st.sampled_from([*headers, b"body"]))
    true = b'{"a":1}' if field == b"body" else headers[field]
    false = data.draw(st.binary(max_size=len(true) + 3).filter(lambda text: text.strip(b" \t") != true))
    if field == b"webhook-signature" and true in false.split(b" "):
        return
    body = false if field == b"body" else b'{"a":1}'
    found = standard(list({**headers, **({field: false} if field != b"body" else {})}.items()), body=body)
    assert isinstance(found, Refused)
