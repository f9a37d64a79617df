"""What becomes of a delivery: records, a refusal, or a handshake."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.handshakes import Handshake
from receiver.intake import Accepted, Handshaken, Outcome, Refusal, intake, screen
from receiver.sources.platform import Fact, Platform, Reading
from receiver.sources.source import Source
from receiver.verification import Verified
from schemas.events import ContactUpdated, MessageCreated, MessageUpdated
from schemas.schemes import Scheme
from tests.unit.receiver.parts import MESSAGE, NOW, TOPICS, delivery, signed, source


def taken(body: bytes = MESSAGE, of: Source | None = None, **request: Any) -> Outcome:
    return intake(of or source(), delivery(body, **request), TOPICS, NOW)


def accepted(body: bytes = MESSAGE, of: Source | None = None, **request: Any) -> Accepted:
    outcome = taken(body, of, **request)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(body: bytes = MESSAGE, of: Source | None = None, **request: Any) -> Refusal:
    outcome = taken(body, of, **request)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def of_platform(*facts: Fact, delivery_id: str | None = None, **changes: Any) -> Source:
    """A source of a platform that tells the given facts, and verifies nothing."""

    def read(verified: Verified) -> Reading:
        del verified
        return Reading(facts=facts, delivery=delivery_id)

    platform = Platform(name="mygptassistants", scheme=Scheme(mode="none"), read=read, **changes)
    return replace(source(verify="none"), platform=platform)


def message(name: str = "m", **fact: Any) -> Fact:
    data = MessageCreated(message_id=name, conversation_id="c", role="user", content="hi")
    return Fact(data=data, key="c", entity=name, **fact)


def test_event_goes_to_its_topic_under_its_key() -> None:
    """One record for one fact, named and keyed."""
    outcome = accepted()
    (named,) = outcome.records
    assert (outcome.id, outcome.ids, outcome.types) == (
        "message.created:msg_1",
        ("message.created:msg_1",),
        ("message.created",),
    )
    assert (named.record.topic, named.record.key) == ("hookline.conversations", b"conv_1")
    assert (named.window, outcome.secret) == (timedelta(days=7), 0)


def test_record_is_a_cloudevent() -> None:
    """Every attribute of the contract stands in a header."""
    headers = dict(accepted().records[0].record.headers)
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"message.created:msg_1",
        "ce_source": b"/sources/support",
        "ce_type": b"message.created",
        "ce_time": b"2024-01-15T10:30:00Z",
        "ce_subject": b"conv_1",
        "ce_dataschema": b"urn:hookline:schema:message.created",
        "content-type": b"application/json",
        "ce_platform": b"mygptassistants",
        "ce_origin": b"webhook",
        "ce_deliveryid": b"evt_1",
    }


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", False),
        (b"junk", False),
    ],
)
def test_trace_context_is_passed_on_when_it_is_one(value: bytes, kept: bool) -> None:
    """W3C trace context, version 00."""
    headers = [*signed("mygptassistants", MESSAGE), (b"traceparent", value)]
    record = accepted(headers=headers).records[0].record
    assert record.header("traceparent") == (value if kept else None)


def test_several_facts_of_one_delivery_are_several_events() -> None:
    """An entity's creation is named by the entity; what has no name of its own by its place in the delivery."""
    edit = Fact(data=MessageUpdated(message_id="m", conversation_id="c", role="user", content="x"), key="c", entity="m")
    outcome = accepted(of=of_platform(edit, edit, message("n"), message("o", item="i7"), delivery_id="d1"))
    assert outcome.ids == ("d1", "d1/1", "message.created:n", "message.created:o")
    assert outcome.id == "d1"


def test_item_of_a_delivery_keeps_its_own_id() -> None:
    """An item's own id comes before its place in the delivery."""
    fact = Fact(data=ContactUpdated(contact_id="k"), key="k", item="i7")
    assert accepted(of=of_platform(fact, delivery_id="d1")).ids == ("i7",)


def test_fact_without_any_id_is_known_for_a_short_time() -> None:
    """Two equal bodies may be two facts: only a quick copy is one."""
    outcome = accepted(of=of_platform(Fact(data=ContactUpdated(contact_id="k"), key="k")))
    assert outcome.records[0].window == timedelta(minutes=15)


def test_delivery_that_tells_nothing_is_accepted() -> None:
    """An empty list is an answer: nothing to keep, and nothing wrong."""
    outcome = accepted(of=of_platform(delivery_id="d1"))
    assert (outcome.id, outcome.ids, outcome.records, outcome.copy) == ("d1", (), (), None)


def test_deliveries_can_be_switched_off() -> None:
    """A source whose bodies must not be kept twice."""
    assert accepted(of=source(deliveries=False)).copy is None


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({"method": "GET"}, 405, "method"),
        ({"method": "PUT"}, 405, "method"),
        ({"method": "POST\x00"}, 405, "method"),
        ({"headers": [(b"content-encoding", b"gzip")]}, 415, "content-encoding"),
        ({"headers": [(b"content-encoding", b"identity")]}, 415, "content-encoding"),
        ({"headers": [(b"transfer-encoding", b"gzip, chunked")]}, 415, "transfer-encoding"),
        ({"headers": [(b"content-type", b"text/plain")]}, 415, "media-type"),
        ({"headers": [(b"content-type", b"application/json\xff")]}, 415, "media-type"),
        ({"headers": [(b"content-length", b"1048577")]}, 413, "body-limit"),
        ({"headers": [(b"content-length", b"9" * 40)]}, 413, "body-limit"),
        ({"headers": []}, 401, "signature-missing"),
        ({"target": "/in/support/else"}, 404, "suffix"),
    ],
)
def test_refusal(request_: dict[str, Any], status: int, reason: str) -> None:
    """The status table, as far as a request alone decides it."""
    outcome = refused(**request_)
    assert (outcome.problem.status, outcome.reason, outcome.quarantine) == (status, reason, None)


def test_refused_method_is_told_the_right_one() -> None:
    """RFC 9110 wants Allow."""
    assert ("Allow", "POST") in refused(method="DELETE").problem.headers


def test_body_over_the_limit_is_refused_before_it_is_hashed() -> None:
    """One byte more than the source takes."""
    of = source(body_limit=100)
    assert refused(b"x" * 101, of).problem.status == 413
    assert refused(b"x" * 100, of).problem.status == 400


def test_record_the_log_would_refuse_for_ever_is_refused_now() -> None:
    """Numbers grow when they are written canonically: what was small may not fit any more."""
    numbers = b",".join([b"1E15"] * 60_000)
    body = MESSAGE.replace(b'"content"', b'"n":[' + numbers + b'],"content"')
    of = source(body_limit=len(body))
    assert refused(body, of).problem.status == 413


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 100_000])
def test_number_that_would_be_altered_is_quarantined(number: bytes) -> None:
    """No `null` where the platform wrote a number: 422 with its place, and the body is kept byte for byte."""
    body = MESSAGE.replace(b'"content"', b'"price":{"eur":' + number + b'},"content"')
    found = refused(body)
    assert (found.problem.status, found.problem.fields) == (422, ("data.price.eur",))
    assert found.quarantine is not None
    assert found.quarantine.record.value == body


def test_number_of_a_stranger_is_kept_as_it_came() -> None:
    """Standard Webhooks are not read, so nothing is altered; a number that no reader can parse is refused."""
    of = source("standard")
    (named,) = accepted(b'{"n":1e999}', of, platform="standard").records
    assert named.record.value == b'{"n":1e999}'
    found = refused(b'{"n":' + b"1" * 100_000 + b"}", of, platform="standard")
    assert (found.problem.status, found.problem.fields) == (422, ("n",))


@pytest.mark.parametrize("field", [b"conversationId", b"messageId"])
def test_id_that_is_too_long_is_named(field: bytes) -> None:
    """It would become a key: 422 and quarantine, and not 413, which no sender can do anything about."""
    body = re.sub(b'"%s":"[^"]*"' % field, b'"%s":"%s"' % (field, b"x" * 900_000), MESSAGE)
    found = refused(body)
    assert (found.problem.status, found.problem.fields) == (422, (f"data.{field.decode()}",))
    assert found.quarantine is not None


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (b"", 400, ()),
        (b"nope", 400, ()),
        (b'{"a":1', 400, ()),
        (b"\xef\xbb\xbf{}", 400, ()),
        (b'{"type":"message.created","data":{"x":NaN}}', 400, ()),
        (b'{"type":"message.created","data":{"x":-Infinity}}', 400, ()),
        (b'{"type":"\\ud800"}', 400, ()),
        (b'{"type":"\xff"}', 400, ()),
        (b"[" * 900 + b"]" * 900, 400, ()),
        (b'{"type":"message.created","data":{"x":' + b"[" * 900 + b"]" * 900 + b"}}", 400, ()),
        (b"{}", 422, ("type",)),
        (b"[]", 422, ("$",)),
        (b"null", 422, ("$",)),
        (b'{"type":"message.created"}', 422, ("data.content", "data.conversationId", "data.messageId", "data.role")),
        (b'{"type":"message.created","data":{"\\u202e":1,"conversationId":[]}}', 422, None),
        (b'{"type":"bot.updated","timestamp":"soon"}', 422, ("timestamp",)),
        (b'{"type":"bot.updated","timestamp":1e30}', 422, ("timestamp",)),
        (b'{"type":"x","timestamp":' + b"1" * 5000 + b"}", 422, ("timestamp",)),
    ],
)  # fmt: skip
def test_authentic_body_that_cannot_be_read_is_quarantined(
    body: bytes, status: int, fields: tuple[str, ...] | None
) -> None:
    """It is kept byte for byte, the fields at fault are told, their values are not."""
    outcome = refused(body)
    assert outcome.quarantine is not None
    assert (outcome.problem.status, outcome.quarantine.record.value) == (status, body)
    assert outcome.problem.quarantined == (outcome.quarantine.record.key or b"").decode()
    if fields is not None:
        assert outcome.problem.fields == fields


def test_quarantine_knows_a_repeated_body() -> None:
    """A sender that retries for three days does not fill the topic."""
    first, second = refused(b"{}"), refused(b"{}")
    assert first.quarantine is not None
    assert second.quarantine is not None
    assert first.quarantine.id == second.quarantine.id


def test_source_may_accept_what_it_cannot_read() -> None:
    """For senders that switch an endpoint off after a few 4xx."""
    outcome = accepted(b"{}", source(on_invalid="accept"))
    assert outcome.quarantined == outcome.id
    assert (outcome.ids, [named.record.topic for named in outcome.records]) == ((), ["hookline.quarantine"])


def test_values_are_not_told() -> None:
    """A problem may be read by anybody between here and the sender."""
    body = MESSAGE.replace(b'"role":"user"', b'"role":"canary-7531"')
    outcome = refused(body)
    assert b"canary-7531" not in outcome.problem.body
    assert outcome.problem.fields == ("data.role",)


def test_duplicate_keys_are_read_as_every_reader_reads_them() -> None:
    """The last of two wins, and only the canonical value is published."""
    body = MESSAGE.replace(b'"messageId":"msg_1"', b'"messageId":"msg_0","messageId":"msg_1"')
    assert accepted(body).ids == ("message.created:msg_1",)


def test_trial_delivery_is_answered_after_its_signature() -> None:
    """A handshake that is signed is verified like any delivery."""
    trial = Handshake(json_path="type", equals="url_verification", echo="challenge")
    platform = replace(source().platform, handshakes=(trial,))
    of = replace(source(), platform=platform)
    body = b'{"type":"url_verification","challenge":"abc"}'
    outcome = taken(body, of)
    assert isinstance(outcome, Handshaken)
    assert outcome.answer.body == b"abc"
    assert refused(body, of, headers=[]).problem.status == 401


def test_get_handshake() -> None:
    """Only a source whose platform asks by GET answers it; a wrong word is told 401."""
    asked = Handshake(method="GET", challenge="hub.challenge", verify_token="hub.verify_token")
    of = replace(source(), platform=replace(source().platform, handshakes=(asked,)), word=b"agreed-word")
    target = "/in/support?hub.verify_token=agreed-word&hub.challenge=7"
    assert isinstance(taken(b"", of, method="GET", headers=[], target=target), Handshaken)
    assert refused(b"", replace(of, word=None), method="GET", headers=[], target=target).problem.status == 401
    assert refused(b"", of, method="GET", headers=[], target="/in/support?hub.challenge=7").problem.status == 401
    assert ("Allow", "GET, POST") in refused(b"", of, method="PUT").problem.headers


def test_length_that_is_told_is_refused_without_the_body() -> None:
    """Nobody needs to send a gigabyte to hear that it is too much."""
    found = screen(source(), delivery(b"", [(b"Content-Length", b"1073741824")]))
    assert found is not None
    assert found.problem.status == 413


json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("conversationId", "messageId", "role", "content", "metadata", "contact", "botId", "message", "status")


@given(
    event_type=st.sampled_from(["message.created", "message.deleted", "conversation.updated", "bot.updated", "x"])
    | json_bodies,
    data=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), json_bodies, max_size=6) | json_bodies,
    envelope=st.fixed_dictionaries({}, optional={"id": json_bodies, "timestamp": json_bodies, "extra": json_bodies}),
)
def test_any_authentic_json_is_accepted_or_quarantined(event_type: Any, data: Any, envelope: dict[str, Any]) -> None:
    """No authentic body raises, and none is lost: it is an event, or kept with its reason."""
    body = json.dumps({**envelope, "type": event_type, "data": data}).encode()
    outcome = taken(body)
    if isinstance(outcome, Refusal):
        assert outcome.problem.status in (400, 422)
        assert outcome.quarantine is not None
    else:
        assert isinstance(outcome, Accepted)
        assert len(outcome.ids) == 1


@given(body=st.binary(max_size=60))
def test_any_authentic_bytes_are_accepted_or_quarantined(body: bytes) -> None:
    """The same for bytes that are no JSON at all, on the platform that takes any shape."""
    headers = signed("standard", body)
    outcome = intake(source("standard"), delivery(body, headers, platform="standard"), TOPICS, NOW)
    assert isinstance(outcome, Accepted) or (isinstance(outcome, Refusal) and outcome.quarantine is not None)


def test_content_type_that_is_not_spoken_is_answered_with_what_is() -> None:
    """The header is named, for a sender that does not know that it sends one (curl does)."""
    refused = screen(source(), delivery(b"", [(b"content-type", b"application/x-www-form-urlencoded")]))
    assert refused is not None
    assert refused.problem.detail == (
        "This source does not speak what the header Content-Type names. It speaks application/json."
    )
