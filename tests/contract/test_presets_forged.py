"""What no preset accepts: twelve changes of a delivery that its sender made."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, Refusal, intake
from receiver.keyring import Keyring
from receiver.verification import Verified, verify
from schemas.schemes import KeyValues, Scheme
from tests.contract.presets import CATALOGUE, NOW, PRESETS, SECRET, TOKEN, TOPICS, Sample, posted, samples, source

VECTORS = json.loads((Path(__file__).parents[1] / "samples" / "signatures" / "vectors.json").read_text("utf-8"))
# Vector → the preset whose sender signs so.
SENDERS = MappingProxyType(
    {
        "github, published": "github",
        "twilio form, published": "twilio",
        "slack, published": "slack",
        "github": "github",
        "meta": "meta",
        "intercom": "intercom",
        "tawk.to": "tawk",
        "chatbase": "chatbase",
        "line": "line",
        "stripe": "stripe",
        "chatwoot": "chatwoot",
        "slack": "slack",
        "zendesk": "zendesk",
        "tidio": "tidio",
        "crisp": "crisp",
        "hubspot v3": "hubspot",
        "hubspot v1": "hubspot-v1",
        "twilio json": "twilio",
    }
)
Change = Callable[[Delivery, Scheme], Delivery]


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["name"] in SENDERS], ids=lambda one: one["name"])
def test_preset_accepts_what_is_published(vector: dict[str, Any]) -> None:
    """The vectors of the senders' own pages, and recomputed ones, by the preset's scheme as it stands in its file."""
    scheme = CATALOGUE[SENDERS[vector["name"]]].scheme
    ring = Keyring(scheme, [vector["secret"]], public_url=vector.get("public_url"))
    kind = vector.get("content_type", "application/json")
    given = [(name.encode(), text.encode()) for name, text in {**vector["headers"], "Content-Type": kind}.items()]
    sent = Delivery(
        method="POST",
        target=Target("acme", query=vector.get("query", "")),
        headers=Headers(given),
        body=vector["body"].encode(),
    )
    assert isinstance(verify(ring, sent, datetime.fromtimestamp(vector["now"], UTC)), Verified)


def test_every_vector_of_a_preset_is_used() -> None:
    """The others are of platforms in code, or of none."""
    left = {one["name"] for one in VECTORS} - set(SENDERS)
    assert left == {"mygptassistants", "standard webhooks", "front", "yourgpt user_hash"}


def header(change: Callable[[bytes], bytes | None], *, twice: bool = False) -> Change:
    """The header that proves the delivery, changed; None leaves it out."""

    def changed(sent: Delivery, scheme: Scheme) -> Delivery:
        name = (scheme.signature.header if scheme.signature else scheme.token.name if scheme.token else "").lower()
        given = dict(sent.headers.raw)
        value = change(given.pop(name.encode()))
        raw = [*given.items(), *([] if value is None else [(name.encode(), value)] * (2 if twice else 1))]
        return Delivery(method=sent.method, target=sent.target, headers=Headers(raw), body=sent.body)

    return changed


def body(change: Callable[[bytes], bytes]) -> Change:
    return lambda sent, _: Delivery(
        method=sent.method, target=sent.target, headers=sent.headers, body=change(sent.body)
    )


def rest(change: Callable[[str], str]) -> Change:
    """What follows the source's name in the path, changed."""
    return lambda sent, _: Delivery(
        method=sent.method,
        target=Target(sent.target.source, change(sent.target.rest), sent.target.query),
        headers=sent.headers,
        body=sent.body,
    )


def query(change: Callable[[str], str]) -> Change:
    return lambda sent, _: Delivery(
        method=sent.method,
        target=Target(sent.target.source, sent.target.rest, change(sent.target.query)),
        headers=sent.headers,
        body=sent.body,
    )


def secret_key(change: Callable[[str], object]) -> Change:
    """The secret in the body, changed; None leaves it out."""

    def changed(sent: bytes) -> bytes:
        whole = json.loads(sent)
        found = change(whole.pop("secret_key"))
        return json.dumps(whole if found is None else {**whole, "secret_key": found}).encode()

    return body(changed)


def recoded(value: bytes) -> bytes:
    """Every signature in the other encoding: base64 for hexadecimal, and the other way round."""

    def other(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if re.fullmatch(rb"[0-9a-f]{40,64}", text):
            return base64.b64encode(bytes.fromhex(text.decode()))
        return base64.b64decode(text).hex().encode()

    return re.sub(rb"[0-9a-f]{40,64}|[A-Za-z0-9+/]{27,43}=", other, value)


def flipped(value: bytes) -> bytes:
    """The first character of the signature is another one."""
    place = re.search(rb"(?:^|[=,])(?=[A-Za-z0-9+/]{20,}=?$)", value)
    assert place is not None, value
    at = place.end()
    return value[:at] + (b"b" if value[at : at + 1] == b"a" else b"a") + value[at + 1 :]


SIGNED: Mapping[str, Change] = MappingProxyType(
    {
        "a byte of the body changed": body(lambda sent: sent[:-2] + bytes([sent[-2] ^ 1]) + sent[-1:]),
        "the body with something behind": body(lambda sent: sent + b"&x=1"),
        "the body cut": body(lambda sent: sent[:-3]),
        "no body": body(lambda _: b""),
        "no signature": header(lambda _: None),
        "an empty signature": header(lambda _: b""),
        "the signature twice": header(lambda value: value, twice=True),
        "another character in the signature": header(flipped),
        "the signature cut": header(lambda value: value[:-4]),
        "the signature in another encoding": header(recoded),
        "the signature behind another word": header(lambda value: b"x" + value),
        "random bytes for a signature": header(lambda _: b"\xff\x00\x80" * 9),
    }
)
_TOKEN_CHANGES: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "left out": lambda _: None,
        "empty": lambda _: "",
        "blank": lambda _: " ",
        "cut": lambda token: token[:-1],
        "without its beginning": lambda token: token[1:],
        "longer": lambda token: f"{token}0",
        "in capitals": lambda token: token.upper(),
        "turned round": lambda token: token[::-1],
        "behind a word": lambda token: f"Bearer {token}",
        "twice in one": lambda token: token + token,
        "another one": lambda _: "another-secret-0123456789",
        "a character changed": lambda token: f"{token[:5]}X{token[6:]}",
    }
)


def bytes_of(change: Callable[[str], Any]) -> Callable[[bytes], bytes | None]:
    return lambda value: None if (found := change(value.decode())) is None else str(found).encode()


def key_of(change: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda text: "" if (found := change(text.removeprefix("key="))) is None else f"key={found}"


def rest_of(change: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda text: str(change(text) or "")


def changes_of(preset: str) -> dict[str, Change]:
    """Twelve changes that fit how a preset proves a delivery."""
    scheme = CATALOGUE[preset].scheme
    if scheme.signs:
        return dict(SIGNED)
    if scheme.mode == "none":
        return {name: rest(rest_of(change)) for name, change in _TOKEN_CHANGES.items()}
    assert scheme.token is not None
    made: dict[str, Callable[[Callable[[str], Any]], Change]] = {
        "header": lambda change: header(bytes_of(change)),
        "query": lambda change: query(key_of(change)),
        "json_path": secret_key,
    }
    return {name: made[scheme.token.where](change) for name, change in _TOKEN_CHANGES.items()}


FORGED = [(preset, name) for preset in PRESETS for name in changes_of(preset)]


def sample_of(preset: str) -> Sample:
    """A sample with a body."""
    return next(one for one in samples(preset) if one.body and not one.name.endswith("verify"))


def test_there_are_twelve_for_each() -> None:
    """As many as the presets were promised to be tried with."""
    assert {len(changes_of(preset)) for preset in PRESETS} == {12}


@pytest.mark.parametrize(("preset", "name"), FORGED, ids=[f"{preset}, {name}" for preset, name in FORGED])
def test_forged_delivery_is_refused(preset: str, name: str) -> None:
    """With 401, which says no more; the same delivery as it was made is taken."""
    sent = posted(sample_of(preset))
    assert isinstance(intake(source(preset), sent, TOPICS, NOW), Accepted)
    outcome = intake(source(preset), changes_of(preset)[name](sent, CATALOGUE[preset].scheme), TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.problem.status == 401


@pytest.mark.parametrize("preset", [one for one in PRESETS if CATALOGUE[one].scheme.mode != "none"])
def test_another_secret_is_refused(preset: str) -> None:
    """Whoever has the secret of one source cannot post to another."""
    outcome = intake(source(preset), posted(sample_of(preset), other=True), TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.problem.status == 401


TIMED = [preset for preset in PRESETS if CATALOGUE[preset].scheme.timestamp is not None]


@pytest.mark.parametrize("minutes", [-6, 6])
@pytest.mark.parametrize("preset", TIMED)
def test_old_or_early_delivery_is_refused(preset: str, minutes: int) -> None:
    """Five minutes are allowed where a time is signed."""
    outcome = intake(source(preset), posted(sample_of(preset)), TOPICS, NOW + timedelta(minutes=minutes))
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "timestamp-stale"


@pytest.mark.parametrize("preset", TIMED)
def test_another_time_is_refused(preset: str) -> None:
    """The time is signed: an old delivery cannot be made young."""
    scheme = CATALOGUE[preset].scheme
    old = posted(sample_of(preset), now=NOW - timedelta(hours=1))
    young = posted(sample_of(preset))
    assert scheme.timestamp is not None
    raw, fresh = dict(old.headers.raw), dict(young.headers.raw)
    if scheme.timestamp.header is not None:
        name = scheme.timestamp.header.encode()
        raw[name] = fresh[name]
    else:
        assert isinstance(scheme.signature, KeyValues)
        name = scheme.signature.header.encode()
        raw[name] = fresh[name].split(b",")[0] + b"," + raw[name].split(b",")[1]
    changed = Delivery(method="POST", target=old.target, headers=Headers(raw.items()), body=old.body)
    outcome = intake(source(preset), changed, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "signature-wrong"


def test_secrets_of_the_tests_are_not_alike() -> None:
    """A change that leads from one to another would prove nothing."""
    assert len({SECRET, TOKEN, "another-secret-0123456789"}) == 3
