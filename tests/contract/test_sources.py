"""What every source must do, on every platform, with bodies written from the platforms' pages."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from receiver.intake import Accepted, Refusal, intake
from receiver.sources.platforms import PLATFORMS
from schemas.envelope import decode
from schemas.events import BY_TYPE, Event, Unknown
from schemas.export import schema_of
from schemas.record import StoredRecord
from tests.unit.receiver.parts import NOW, SECRETS, TOKENS, TOPICS, address, delivery, signed, source

SAMPLES = Path(__file__).parents[1] / "samples"
# A platform that is asked, and posts nothing, is shown in tests of its own.
POSTING = [name for name, platform in PLATFORMS.items() if not platform.polled]
CASES = [
    (platform, path.stem) for platform in PLATFORMS for path in sorted((SAMPLES / platform).glob("webhook_*.json"))
]
ids = [f"{platform}-{name}" for platform, name in CASES]
# GPTBots and YourGPT sign nothing: a header or a path proves who posts, not what.
SIGNED = [(platform, name) for platform, name in CASES if PLATFORMS[platform].scheme.signs]


def body_of(platform: str, name: str) -> bytes:
    return (SAMPLES / platform / f"{name}.json").read_bytes()


def expected(platform: str, name: str) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads((SAMPLES / platform / "expected.json").read_text("utf-8"))[name]
    return wanted


def taken(platform: str, name: str, now: datetime = NOW) -> Accepted:
    """A sample, signed, at the path it is posted to."""
    body, suffix = body_of(platform, name), expected(platform, name).get("suffix")
    posted = delivery(body, signed(platform, body, now=now), target=address(platform, suffix=suffix))
    outcome = intake(source(platform), posted, TOPICS, now)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def event_of(accepted: Accepted) -> Event:
    record = accepted.records[0].record
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    return decode(StoredRecord(**fields, partition=0, offset=0))


def test_every_platform_has_samples() -> None:
    """A platform without samples is not shown to work; one that is asked has a test of its own."""
    assert {platform for platform, _ in CASES} == set(POSTING)


@pytest.mark.parametrize(("platform", "name"), CASES, ids=ids)
def test_sample_becomes_the_expected_event(platform: str, name: str) -> None:
    """A sample, signed, is read back from its record as the event that stands beside it."""
    event = event_of(taken(platform, name))
    wanted = {key: value for key, value in expected(platform, name).items() if key != "suffix"}
    assert {
        "id": event.id,
        "type": event.type,
        "key": event.key,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "delivery_id": event.delivery_id,
        "data": event.data.model_dump(mode="json", exclude_none=True),
    } == wanted


@pytest.mark.parametrize(("platform", "name"), CASES, ids=ids)
def test_record_fits_its_published_schema(platform: str, name: str) -> None:
    """A reader who validates with the JSON Schema that the record names is not disappointed."""
    record = taken(platform, name).records[0].record
    event_type = (record.header("ce_type") or b"").decode()
    Draft202012Validator(schema_of(BY_TYPE[event_type])).validate(json.loads(record.value or b""))


@pytest.mark.parametrize(("platform", "name"), CASES, ids=ids)
def test_unknown_type_keeps_the_bytes(platform: str, name: str) -> None:
    """What hookline has no model for is published as it came, byte for byte."""
    accepted = taken(platform, name)
    if isinstance(event_of(accepted).data, Unknown):
        assert accepted.records[0].record.value == body_of(platform, name)
    else:
        known = accepted.types[0].startswith(("bot.", "workflow."))
        assert accepted.records[0].record.topic != "hookline.platform" or known


@pytest.mark.parametrize(
    ("platform", "name", "told"),
    [
        ("mygptassistants", "webhook_unknown_type", "invoice.paid"),
        ("standard", "webhook_example_event", "example.event"),
    ],
)
def test_unknown_event_has_the_platforms_name(platform: str, name: str, told: str) -> None:
    """Handlers and readers tell them apart by it."""
    assert event_of(taken(platform, name)).name == told


@pytest.mark.parametrize(("platform", "name"), CASES, ids=ids)
def test_retry_has_the_same_id(platform: str, name: str) -> None:
    """A delivery that comes again an hour later, signed anew, names the same facts."""
    assert taken(platform, name).ids == taken(platform, name, NOW + timedelta(hours=1)).ids


@pytest.mark.parametrize(("platform", "name"), CASES, ids=ids)
def test_copy_of_the_delivery_is_kept(platform: str, name: str) -> None:
    """The body stands in the topic of deliveries, under the key of its event."""
    accepted = taken(platform, name)
    assert accepted.copy is not None
    assert (accepted.copy.topic, accepted.copy.key, accepted.copy.value) == (
        "hookline.deliveries",
        accepted.records[0].record.key,
        body_of(platform, name),
    )


@pytest.mark.parametrize(("platform", "name"), SIGNED, ids=map("-".join, SIGNED))
def test_one_changed_byte_is_refused(platform: str, name: str) -> None:
    """A body that is not the signed one is nobody's."""
    body = body_of(platform, name)
    changed = delivery(body[:-1] + bytes([body[-1] ^ 1]), signed(platform, body))
    outcome = intake(source(platform), changed, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.reason) == (401, "signature-wrong")


@pytest.mark.parametrize("platform", POSTING)
def test_body_that_is_no_json_is_quarantined(platform: str) -> None:
    """An authentic body that cannot be read is kept, and the sender is told 400."""
    posted = delivery(b"{", signed(platform, b"{"), target=address(platform))
    outcome = intake(source(platform), posted, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    assert (outcome.problem.status, outcome.quarantine.record.value) == (400, b"{")


@pytest.mark.parametrize("platform", POSTING)
def test_key_of_another_source_is_refused(platform: str) -> None:
    """A sender that may post to one source may not post to another."""
    other = "whsec_b3RoZXItc2VjcmV0LTAxMjM0NTY3ODk=" if platform == "standard" else "another-secret-0123456789"
    assert other not in (SECRETS | TOKENS).values()
    posted = delivery(b"{}", signed(platform, b"{}", secret=other), target=address(platform, token=other))
    outcome = intake(source(platform), posted, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.problem.status == 401
