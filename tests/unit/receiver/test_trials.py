"""What a wrong signature would be right for is found: other bytes, keys, forms, URLs and sources."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.delivery import Target
from receiver.diagnosis.bodies import variants
from receiver.diagnosis.diagnosis import Diagnosis
from receiver.diagnosis.forms import Given
from receiver.diagnosis.hint import KINDS, Hint
from receiver.diagnosis.trials import MAX_BODY
from receiver.problems import UNAUTHENTICATED
from schemas.keys import HmacKey
from schemas.schemes import MYGPTASSISTANTS, STANDARD
from tests.unit.receiver.parts import NOW
from tests.unit.receiver.refusals import BODY, OLDER, SECRET, TOKEN, WHSEC, hints, of, posted, sources, told

MGA = of("mygptassistants")
VALUE = json.loads(BODY)
SORTED = json.loads(json.dumps(VALUE, sort_keys=True))
COMPACT = json.dumps(VALUE, separators=(",", ":"), ensure_ascii=False)
IN_BASE64 = "it is written in base64 where hexadecimal digits are due"
RIGHT = "the signature is right, by the secret, "
FORM = "application/x-www-form-urlencoded"
URL = "https://hooks.example.org/in/shop"


def made(secret: bytes, body: bytes, algorithm: Any = "sha256", encoding: Any = "hex") -> str:
    return HmacKey(secret, algorithm, encoding).sign([body]).decode()


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (COMPACT, "as compact JSON"),
        (json.dumps(VALUE, separators=(",", ":")), "as compact JSON with escapes for what is not ASCII"),
        (json.dumps(VALUE), "as JSON with blanks, and escapes for what is not ASCII"),
        (json.dumps(SORTED, separators=(",", ":"), ensure_ascii=False), "as compact JSON with sorted names"),
        (json.dumps(VALUE, ensure_ascii=False, indent=2), "as JSON on several lines, two blanks deep"),
        (json.dumps(VALUE, separators=(",", ":")).replace("/", "\\/"), "as PHP writes JSON"),
        (
            COMPACT.replace("<", "\\u003c").replace(">", "\\u003e"),
            "as Go and Rails write JSON",
        ),
        (BODY.decode() + "\n", "with a line feed at its end"),
        (BODY.decode() + "\r\n", "with CR and LF at its end"),
        ("\ufeff" + BODY.decode(), "with a byte order mark"),
        ("", "as if it were empty"),
    ],
)  # fmt: skip
def test_changed_body_is_recognised(signed: str, words: str) -> None:
    """What something on the way did to it; the signed bytes were others that say the same."""
    delivery = posted(MGA, signed=signed.encode())
    assert told(MGA, delivery) == ("signature-wrong", [("body-changed", f"{RIGHT}for the body {words}")])


@pytest.mark.parametrize(
    ("came", "signed", "words"),
    [
        (b'{"a":\r\n1}', b'{"a":\n1}', "with line feeds in place of CR and LF"),
        (b'{"a":\n1}', b'{"a":\r\n1}', "with CR and LF in place of line feeds"),
        (b'{"a":1}\n', b'{"a":1}', "without the white space around it"),
        ("é".encode("latin-1"), "é".encode(), "in UTF-8; it came in Latin-1"),
        ("é".encode(), "é".encode("latin-1"), "in Latin-1; it came in UTF-8"),
        ("€".encode("cp1252"), "€".encode(), "in UTF-8; it came in Windows-1252"),
        (b"a=1+2", b"a=1%202", "with %20 in place of +"),
    ],
)
def test_changed_bytes_are_recognised(came: bytes, signed: bytes, words: str) -> None:
    """Line ends, white space, character sets, forms."""
    delivery = posted(MGA, came, signed=signed)
    assert told(MGA, delivery) == ("signature-wrong", [("body-changed", f"{RIGHT}for the body {words}")])


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (made(SECRET.encode(), BODY), "nothing stands before it, where 'sha256=' is due"),
        ("sha1=" + made(SECRET.encode(), BODY), "'sha1=' stands before it, where 'sha256=' is due"),
        ("sha256=" + made(SECRET.encode(), BODY, encoding="base64"), IN_BASE64),
        (
            made(SECRET.encode(), BODY, encoding="base64"),
            f"nothing stands before it, where 'sha256=' is due, and {IN_BASE64}",
        ),
    ],
)  # fmt: skip
def test_right_signature_in_another_form_is_recognised(value: str, form: str) -> None:
    """Its prefix is missing or another one, or it is encoded otherwise."""
    assert told(MGA, posted(MGA, x_mga_signature=value)) == (
        "signature-malformed",
        [("form", f"the header x-mga-signature: {form}"), ("right-but-form", f"{RIGHT}but {form}")],
    )


def test_hexadecimal_digits_where_base64_is_due_are_recognised() -> None:
    """And a list whose items lack their prefix."""
    known = of("standard", WHSEC)
    delivery = posted(known, secret=WHSEC)
    value = (delivery.headers.get(b"webhook-signature") or b"").decode().removeprefix("v1,")
    digits = base64.b64decode(value).hex()
    assert told(known, posted(known, secret=WHSEC, webhook_signature=f"v1,{digits}"))[1] == [
        ("form", "the header webhook-signature: it is written in hexadecimal digits where base64 is due"),
        ("right-but-form", f"{RIGHT}but it is written in hexadecimal digits where base64 is due"),
    ]
    assert told(known, posted(known, secret=WHSEC, webhook_signature=value))[1] == [
        ("form", "the header webhook-signature: no item of it begins with 'v1,'"),
        ("right-but-form", f"{RIGHT}but no item of it begins with 'v1,'"),
    ]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("sha256=", "nothing in it looks like a signature"),
        ("sha256=" + "0" * 40, "it is as long as SHA-1 makes it, where SHA-256 is due"),
        ("none of your business", "nothing in it looks like a signature"),
        (f"sesame {'0' * 64}", "something else stands before it, where 'sha256=' is due"),
    ],
)
def test_form_of_a_forgery_is_told_alone(value: str, form: str) -> None:
    """That no reading of it fits goes without saying."""
    expected = ("signature-malformed", [("form", f"the header x-mga-signature: {form}")])
    assert told(MGA, posted(MGA, x_mga_signature=value)) == expected


@pytest.mark.parametrize(
    ("platform", "secret", "signed_with", "words"),
    [
        ("stripe", WHSEC, base64.b64decode(WHSEC[6:]), "as base64"),
        ("stripe", WHSEC, WHSEC[6:].encode(), "as its text without whsec_"),
        ("mygptassistants", "00112233445566778899aabb", bytes.fromhex("00112233445566778899aabb"), "as hexadecimal"),
        ("mygptassistants", SECRET, SECRET.encode() + b"\n", "with a line feed at its end"),
        ("standard", WHSEC, WHSEC.encode(), "as its text"),
    ],
)
def test_secret_that_is_read_in_another_way_is_recognised(
    platform: str, secret: str, signed_with: bytes, words: str
) -> None:
    """Decoded or not: the sender's dashboard and its code may differ."""
    known = of(platform, secret)
    right = posted(known, secret=secret)
    ring = known["shop"].ring
    time = str(int(NOW.timestamp())).encode()
    parts = {"stripe": [time, b".", BODY], "mygptassistants": [BODY], "standard": [b"msg_1.", time, b".", BODY]}[
        platform
    ]
    made_so = HmacKey(signed_with, "sha256", ring.scheme.encoding).sign(parts).decode()
    was = HmacKey(
        secret.encode() if platform != "standard" else base64.b64decode(WHSEC[6:]), "sha256", ring.scheme.encoding
    )
    value = (right.headers.get(ring.signature_header) or b"").decode().replace(was.sign(parts).decode(), made_so)
    found = told(known, posted(known, secret=secret, **{ring.signature_header.decode().replace("-", "_"): value}))
    assert found == ("signature-wrong", [("key-form", f"the signature is right if the secret is taken {words}")])


def test_other_hash_and_other_parts_are_recognised() -> None:
    """SHA-512 under the prefix of SHA-256, and a body signed without its time."""
    value = "sha256=" + made(SECRET.encode(), BODY, "sha1")
    assert ("algorithm", "the signature is right by SHA1, where SHA256 is due") in told(
        MGA, posted(MGA, x_mga_signature=value)
    )[1]
    stripe = of("stripe")
    time = int(NOW.timestamp())
    only_body = f"t={time},v1={made(SECRET.encode(), BODY)}"
    assert told(stripe, posted(stripe, stripe_signature=only_body))[1] == [
        ("template", "the signature is right for {body}, where {timestamp}.{body} is due")
    ]


@pytest.mark.parametrize("public", [URL, URL + "/"])
@pytest.mark.parametrize(
    "called",
    [
        "http://hooks.example.org/in/shop",
        "https://hooks.example.org:443/in/shop",
        "https://proxy.example.net/in/shop",
    ],
)
def test_other_url_is_recognised(public: str, called: str) -> None:
    """The scheme, the port, the host that was asked for; and it is shown."""
    known = of("twilio", public_url=public)
    delivery = posted(known, b"a=1", url=called, host="proxy.example.net", content_type=FORM)
    assert told(known, delivery)[1] == [("url", f"{RIGHT}for the URL '{called}'")]


def test_url_with_and_without_a_slash_or_its_query_is_recognised() -> None:
    """The address in `public_url` may be almost right, and what the sender signs may leave the query out."""
    known = of("twilio", public_url=URL + "/")
    delivery = posted(known, b"a=1", url=f"{URL}?a=1", target="/in/shop?a=1", content_type=FORM)
    assert told(known, delivery)[1] == [("url", f"{RIGHT}for the URL '{URL}' with its query")]
    bare = posted(known, b"a=1", url=f"{URL}/", target="/in/shop?a=1", content_type=FORM)
    assert told(known, bare)[1] == [("url", f"{RIGHT}for the URL '{URL}/'")]


def test_token_in_the_url_is_not_shown() -> None:
    """Who reads the log must not learn the path."""
    known = of("twilio", public_url=f"{URL}/{TOKEN}", token=TOKEN)
    called = f"http://hooks.example.org/in/shop/{TOKEN}"
    delivery = posted(known, b"a=1", url=called, target=f"/in/shop/{TOKEN}", content_type=FORM)
    assert told(known, delivery)[1] == [("url", f"{RIGHT}for the URL 'http://hooks.example.org/in/shop/***'")]


def test_delivery_for_another_source_is_recognised() -> None:
    """Of the same platform or of another; and secrets that were exchanged."""
    known = sources(
        shop={"platform": "mygptassistants", "secrets": [SECRET]},
        help={"platform": "mygptassistants", "secrets": ["the-help-secret-0123456789", OLDER]},
        code={"platform": "github", "secrets": ["the-code-secret-0123456789"]},
    )
    assert told(known, posted(known, secret=OLDER)) == (
        "signature-wrong",
        [("other-source", "the signature is right by secret 2 of 2 of the source help")],
    )
    assert told(known, posted(known, secret="the-code-secret-0123456789")) == (
        "signature-wrong",
        [("other-source", "the signature is right by the secret of the source code")],
    )
    as_github = posted(
        known, secret="the-code-secret-0123456789", platform="github", x_mga_signature="sha256=" + "0" * 64
    )
    assert ("other-source", "the signature is right by the secret of the source code") in told(known, as_github)[1]


def test_names_of_pairs_are_told() -> None:
    """Of a header that should hold pairs; what may be a secret is not shown."""
    stripe = of("stripe")
    told_of = [
        told(stripe, posted(stripe, stripe_signature=value))[1][0]
        for value in (f"t=1,v0={'0' * 64}", f"sesame {'0' * 64}")
    ]
    assert told_of == [
        ("form", "the header stripe-signature: no pair is named 'v1', only t, v0"),
        ("form", "the header stripe-signature: no pair is named 'v1'"),
    ]


def test_second_secret_is_told_by_its_place() -> None:
    """Of several that were tried."""
    known = of("mygptassistants", "the-newest-secret-0123456789", SECRET)
    assert told(known, posted(known, signed=BODY + b"\n"))[1] == [
        ("body-changed", "the signature is right, by secret 2 of 2, for the body with a line feed at its end")
    ]


def test_forgery_fits_nothing() -> None:
    """And what was tried is counted."""
    reason, [hint] = hints(MGA, posted(MGA, secret="somebody-elses-0123456789"))
    assert (reason, hint.kind) == ("signature-wrong", "secret")


def test_large_body_is_not_tried() -> None:
    """It would cost too much."""
    body = b'"' + b"x" * MAX_BODY + b'"'
    assert told(MGA, posted(MGA, body, signed=body + b"\n")) == (
        "signature-wrong",
        [("untried", "its body has 16,386 bytes, and only those of up to 16,384 are looked into")],
    )


def test_body_that_was_not_read_is_not_tried() -> None:
    """A long one is refused for the form of its signature alone, which is told."""
    value = made(SECRET.encode(), BODY)
    delivery = posted(MGA, b"", x_mga_signature=value, content_length="1000000")
    form = "the header x-mga-signature: nothing stands before it, where 'sha256=' is due"
    assert told(MGA, delivery) == ("signature-malformed", [("form", form)])


def test_many_sources_are_not_all_tried() -> None:
    """A bound for each delivery, whatever the configuration."""
    many = {f"s{n}": {"platform": "mygptassistants", "secrets": [f"secret-number-{n:04}-abcdef"]} for n in range(200)}
    known = sources(shop={"platform": "mygptassistants", "secrets": [SECRET]}, **many)
    body = b'"' + b"x" * 16_000 + b'"'
    (_, [hint]) = hints(known, posted(known, body, secret="somebody-elses-0123456789"))
    assert (hint.kind, hint.text) == ("untried", "123 readings were tried and did not fit; more would cost too much")


def test_floods_are_not_looked_into() -> None:
    """Some searches and twenty looks a second of a source; the others are told as such."""
    now = [0.0]
    diagnosis = Diagnosis(MGA, monotonic=lambda: now[0], clock=lambda: NOW)
    forged = posted(MGA, secret="somebody-elses-0123456789")

    def kinds(count: int) -> list[str]:
        told = (diagnosis.of(MGA["shop"], forged, UNAUTHENTICATED, "signature-wrong") for _ in range(count))
        return [hint.kind for hints in told for hint in hints]

    assert kinds(30) == ["secret"] * 5 + ["untried"] * 25
    now[0] += 1.0
    assert kinds(30) == ["secret"] + ["untried"] * 29


def test_sources_share_the_searches() -> None:
    """However many sources somebody posts to."""
    known = sources(**{f"s{n}": {"platform": "mygptassistants", "secrets": [SECRET]} for n in range(20)})
    diagnosis = Diagnosis(known, monotonic=lambda: 0.0, clock=lambda: NOW)
    forged = [posted(known, target=f"/in/s{n}", secret="somebody-elses-0123456789") for n in range(20)]
    told = [
        diagnosis.of(known[one.target.source], one, UNAUTHENTICATED, "signature-wrong") for one in forged for _ in "ab"
    ]
    assert [hint.kind for hints in told for hint in hints].count("secret") == 8


@pytest.mark.parametrize(
    ("name", "path", "kind", "text"),
    [
        ("shpo", "/in/shpo", "unknown-source", "/in/shpo names no source; did you mean shop?"),
        ("qqq", "/in/qqq", "unknown-source", "/in/qqq names no source; there are shop"),
        (None, "/webhooks", "path", "deliveries go to /in/ and a source's name, and it was posted to /webhooks"),
    ],
)
def test_unknown_source_is_told_with_what_was_meant(name: str | None, path: str, kind: str, text: str) -> None:
    """To the operator; the sender is told 404."""
    diagnosis = Diagnosis(MGA, monotonic=lambda: 0.0, clock=lambda: NOW)
    assert diagnosis.lost(Target(name) if name else None, path) == (Hint(kind, text),)


def _every_case() -> Iterator[tuple[str, list[Hint]]]:
    for platform, secret in (("mygptassistants", SECRET), ("stripe", SECRET), ("standard", WHSEC)):
        known = of(platform, secret, token=TOKEN)
        for changes in ({"signed": BODY + b"\n"}, {"secret": OLDER if platform != "standard" else WHSEC}):
            given = {"secret": secret, **changes}
            yield hints(known, posted(known, target=f"/in/shop/{TOKEN}x", **given))
            late = posted(known, target=f"/in/shop/{TOKEN}", at=NOW - timedelta(hours=2), **given)
            if platform != "mygptassistants" or "signed" in changes:
                yield hints(known, late)


def test_no_hint_holds_a_secret_or_a_body() -> None:
    """Whoever reads the log must not learn them."""
    texts = [hint.text for _, found in _every_case() for hint in found]
    assert len(texts) > 8
    for text in texts:
        assert not any(word in text for word in (SECRET, OLDER, WHSEC, WHSEC[6:], TOKEN, "Lovelace", "caf"))


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300), value=st.binary(max_size=120), more=st.binary(max_size=40))
def test_whatever_comes_is_looked_at_without_an_error(body: bytes, value: bytes, more: bytes) -> None:
    """A stranger's bytes end in hints of known kinds, in plain words."""
    for scheme in (MYGPTASSISTANTS, STANDARD):
        assert isinstance(Given(value).misform(scheme), str)
    assert all(isinstance(words, str) and other != body for words, other in variants(body))
    forged = posted(MGA, body, secret="somebody-elses-0123456789", x_mga_signature=more.decode("latin-1") or "x")
    diagnosis = Diagnosis(MGA, monotonic=lambda: 0.0, clock=lambda: NOW)
    for reason in ("signature-wrong", "signature-malformed"):
        found = diagnosis.of(MGA["shop"], forged, UNAUTHENTICATED, reason)
        assert all(hint.kind in KINDS and hint.text.isprintable() for hint in found)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(ANY)
def test_any_json_is_written_anew(value: Any) -> None:
    """Whatever it holds, each variant says the same or there is none."""
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    assert len(list(variants(body))) <= 24
