"""What no preset accepts: twelve changes of a delivery that its sender made."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, Refusal, intake
from receiver.keyring import Keyring
from receiver.verification import Verified, verify
from schemas.schemes import KeyValues
from tests.contract.forgeries import changes_of
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
