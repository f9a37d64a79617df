"""What every preset must do, with bodies from the senders' pages: accept what its sender signs, name it, map it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr
from pydantic_core import from_json

from receiver.delivery import Delivery, Headers, route
from receiver.intake import Accepted, Handshaken, Refusal, decide, intake
from receiver.recipes import presets
from receiver.recipes.samples import naming_headers, sample
from receiver.settings import ReceiverSettings
from receiver.sources.opening import open_sources
from schemas.envelope import decode
from schemas.events import BY_TYPE, Unknown
from schemas.export import schema_of
from schemas.record import Record, StoredRecord
from tests.contract.presets import CATALOGUE, NOW, PRESETS, SECRET, TOPICS, Sample, posted, samples, settings, source

DAY = timedelta(days=1)
CASES = [sample for preset in PRESETS for sample in samples(preset)]
SPLIT = {preset for preset in PRESETS if (recipe := CATALOGUE.recipe(preset)) and recipe.read.events}
each = pytest.mark.parametrize("sample", CASES, ids=str)


def taken(sample: Sample, now: datetime = NOW) -> Accepted:
    outcome = intake(source(sample.preset), posted(sample, now=now), TOPICS, now)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def told(record: Record) -> dict[str, Any]:
    """A record as `expected.json` has it; of an unknown event without its value."""
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    event = decode(StoredRecord(**fields, partition=0, offset=0))
    found = {
        "id": event.id,
        "type": event.type,
        "name": event.name,
        "key": event.key,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "delivery_id": event.delivery_id,
    }
    return (
        found
        if isinstance(event.data, Unknown)
        else {**found, "data": event.data.model_dump(mode="json", exclude_none=True)}
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_samples(preset: str) -> None:
    """One without samples is not shown to work."""
    assert samples(preset)


@each
def test_sample_becomes_the_expected_events(sample: Sample) -> None:
    """A sample, signed, is read back from its records as the events that stand beside it."""
    assert [told(named.record) for named in taken(sample).records] == sample.events


@each
def test_records_fit_their_published_schemas(sample: Sample) -> None:
    """A reader who validates with the JSON Schema that a record names is not disappointed."""
    for named in taken(sample).records:
        event_type = (named.record.header("ce_type") or b"").decode()
        Draft202012Validator(schema_of(BY_TYPE[event_type])).validate(json.loads(named.record.value or b""))


@each
def test_retry_has_the_same_ids(sample: Sample) -> None:
    """The same delivery, received an hour later."""
    first = taken(sample)
    later = NOW + timedelta(hours=1)
    again = taken(sample, later)
    if (
        all(event["delivery_id"] or event["type"].endswith(".created") for event in sample.events)
        or sample.preset in SPLIT
    ):
        assert again.ids == first.ids
    else:
        same = decide(source(sample.preset), posted(sample), TOPICS, NOW)
        assert isinstance(same, Accepted)
        assert same.ids == first.ids


@each
def test_unknown_events_keep_what_came(sample: Sample) -> None:
    """A body that tells one event byte for byte; one of several as if it had been told alone."""
    came = sample.body
    for named in taken(sample).records:
        if named.record.header("ce_type") != b"unknown":
            continue
        if sample.headers["Content-Type"] == "application/json" and sample.preset not in SPLIT:
            assert named.record.value == (came.replace(b"preset-secret-0123456789", b"***") or b"null")
        else:
            assert from_json(named.record.value or b"")


@each
def test_what_is_quarantined_is_told_as_the_sender_wants_it(sample: Sample) -> None:
    """An authentic body that cannot be read is kept; a sender that would switch the address off is told 2xx."""
    if sample.preset == "livechat" or sample.headers["Content-Type"] != "application/json":
        return
    broken = Sample(sample.preset, sample.name, b"{", sample.headers, [])
    found = source(sample.preset)
    outcome = intake(found, posted(broken), TOPICS, NOW)
    if found.on_invalid == "accept":
        assert isinstance(outcome, Accepted)
        assert outcome.quarantined
    else:
        assert isinstance(outcome, Refusal)
        assert outcome.quarantine is not None


def sample_of(preset: str, body: bytes, headers: dict[str, str] | None = None) -> Sample:
    return Sample(preset, "trial", body, {"Content-Type": "application/json", **(headers or {})}, [])


@pytest.mark.parametrize(
    ("sample", "echo"),
    [
        (sample_of("slack", b'{"type":"url_verification","challenge":"3eZbrw1a","token":"x"}'), b"3eZbrw1a"),
        (sample_of("github", b'{"zen":"Design for failure."}', {"X-GitHub-Event": "ping"}), b""),
        (sample_of("intercom", b'{"type":"notification_event","topic":"ping","data":{}}'), b""),
    ],
    ids=lambda one: one.preset if isinstance(one, Sample) else "",
)
def test_trial_of_the_address_is_answered(sample: Sample, echo: bytes) -> None:
    """With 200 and the echo; it is kept nowhere, and it must be signed as well."""
    outcome = intake(source(sample.preset), posted(sample), TOPICS, NOW)
    assert isinstance(outcome, Handshaken)
    assert (outcome.answer.status, outcome.answer.body) == (200, echo)
    forged = intake(source(sample.preset), posted(sample, other=True), TOPICS, NOW)
    assert isinstance(forged, Refusal)


@pytest.mark.parametrize(("word", "status"), [("word-of-meta", 200), (SECRET, 401), ("", 401)])
@pytest.mark.parametrize("preset", ["meta", "whatsapp"])
def test_meta_tries_the_address_by_get(preset: str, word: str, status: int) -> None:
    """With a word of its own: the app's secret does not belong into a URL."""
    wanted = settings(preset).model_copy(update={"verify_token": SecretStr("word-of-meta")})
    found = open_sources({"acme": wanted}, ReceiverSettings())["acme"]
    target = route(f"/in/acme?hub.mode=subscribe&hub.verify_token={word}&hub.challenge=1158201444")
    assert target is not None
    outcome = intake(found, Delivery(method="GET", target=target, headers=Headers([]), body=b""), TOPICS, NOW)
    if isinstance(outcome, Handshaken):
        assert (outcome.answer.status, outcome.answer.body) == (status, b"1158201444")
    else:
        assert isinstance(outcome, Refusal)
        assert outcome.problem.status == status


def test_lines_empty_list_is_accepted() -> None:
    """LINE verifies an address with no events: a 2xx, and nothing is kept."""
    [verify] = [one for one in samples("line") if one.name == "webhook_verify"]
    outcome = taken(verify)
    assert (outcome.records, outcome.copy) == ((), None)
    assert (source("line").status, source("line").answer) == (200, b"")


def test_secret_in_a_body_is_kept_nowhere() -> None:
    """LiveChat's stands in the body; what is kept of it anybody can read who reads the topics."""
    [chat] = samples("livechat")
    outcome = taken(chat)
    kept = [outcome.copy, *(named.record for named in outcome.records)]
    assert [b"preset-secret" in (record.value or b"") for record in kept if record] == [False, False]


def test_secret_in_a_url_is_kept_nowhere() -> None:
    """Crisp's website hook has it in the query, and the copy of the delivery tells the path."""
    [message] = samples("crisp-website")
    outcome = taken(message)
    assert outcome.copy is not None
    assert outcome.copy.header("hookline-path") == b"/in/acme?***"


SHIPPED = [(preset, name) for preset in PRESETS for name in presets.samples(preset)]


def sent(preset: str, name: str, unique: str, now: datetime) -> Accepted:
    """What `hookline send` posts for an event, taken in."""
    made = sample(preset, name, now=now, unique=unique)
    body = json.dumps(made.body).encode() if made.form is None else made.form.encode()
    kind = "application/json" if made.form is None else "application/x-www-form-urlencoded"
    given = Sample(preset, name, body, {"Content-Type": kind, **made.headers}, [])
    outcome = intake(source(preset), posted(given, now=now, delivery_id=made.delivery_id), TOPICS, now)
    assert isinstance(outcome, Accepted), outcome
    return outcome


@pytest.mark.parametrize(("preset", "name"), SHIPPED)
def test_what_send_posts_is_one_event_of_now_each_time_another(preset: str, name: str) -> None:
    """Under the name that was asked for; sent again it is another event, and its time is that of sending."""
    taken = [sent(preset, name, unique, NOW + DAY) for unique in ("a1b2c3d4e5f6", "0f1e2d3c4b5a")]
    assert [len(one.records) for one in taken] == [1, 1]
    events = [told(one.records[0].record) for one in taken]
    assert [event["name"] for event in events] == [name, name]
    assert events[0]["id"] != events[1]["id"]
    assert events[0]["time"].startswith("2023-11-15T22:13:20")


@pytest.mark.parametrize(
    ("paths", "name", "headers"),
    [
        (("{header:X-Event}.{action}", "header:X-Event"), "issues.opened", {"x-event": "issues"}),
        (("{header:X-Event}.{action}", "header:X-Event"), "push", {"x-event": "push"}),
        (("event", "header:X-Event"), "push", {"x-event": "push"}),
        (("event",), "push", {}),
    ],
)
def test_a_name_tells_the_headers_that_make_it(paths: tuple[str, ...], name: str, headers: dict[str, str]) -> None:
    """Where a sender names its events by a header."""
    assert naming_headers(paths, name) == headers
