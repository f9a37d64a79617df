"""What the quarantine keeps is read back as it was received."""

from dataclasses import replace

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, Refusal, intake, polled
from receiver.quarantine import Quarantined, opened
from receiver.records import MAX_HEADER_BYTES
from receiver.sources.platform import Reading, Unreadable, not_fitting
from receiver.sources.source import Source
from receiver.verification import Verified, proved_before
from schemas.record import Record, StoredRecord
from tests.unit.receiver.parts import MESSAGE, NOW, TOPICS, address, delivery, source

REPLY = b'{"message_id":"m1","conversation_id":"c1","content":"hi","role":"user","created_at":1700000000}'


def blind(of: Source) -> Source:
    """The source with a model that fits nothing."""

    def read(_: Verified) -> Unreadable:
        return not_fitting(["data.role", "type"])

    return replace(of, platform=replace(of.platform, read=read))


def stored(record: Record) -> StoredRecord:
    """A record with a place."""
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    return StoredRecord(**fields, partition=0, offset=0)


def kept(of: Source, came: Delivery) -> Quarantined:
    """What the quarantine has of a delivery that its source could not read."""
    outcome = intake(blind(of), came, TOPICS, NOW)
    named = outcome.records[0] if isinstance(outcome, Accepted) else None
    if isinstance(outcome, Refusal):
        named = outcome.quarantine
    assert named is not None
    found = opened(stored(named.record))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("of", "target"),
    [
        (source(), "/in/support"),
        (source(on_invalid="accept"), "/in/support"),
        (source(token="path-token-0123456789"), "/in/support/path-token-0123456789"),
    ],
    ids=["signed", "accepted", "path token"],
)
def test_a_mended_source_reads_what_it_would_have_read(of: Source, target: str) -> None:
    """The same records, copy and ids, received when the delivery came."""
    came = delivery(target=target)
    at_once = intake(of, came, TOPICS, NOW)
    assert isinstance(at_once, Accepted)
    assert kept(of, came).again(of, TOPICS) == replace(at_once, secret=None)


def test_a_platforms_suffix_is_kept() -> None:
    """The call below the address tells what the body is."""
    of = source("yourgpt", token="path-token-0123456789")
    target = address("yourgpt", token="path-token-0123456789")
    assert kept(of, delivery(REPLY, [], target=target)).delivery.target == Target("support", "***")


def test_what_it_is_called_and_why_it_is_there_is_told() -> None:
    """As its sender was told; nothing of it is a value."""
    found = kept(source(), delivery())
    assert (found.source, found.reason, found.fields) == ("support", "not-fitting", ("data.role", "type"))
    assert (found.id, found.received_at, found.origin) == ("974c99b0de7bb6dd281f339c5a912b87", NOW, "webhook")


def test_what_is_still_unreadable_is_told_and_not_kept_again() -> None:
    """Whatever the sender is told: it is in the quarantine already."""
    of = source(on_invalid="accept")
    assert kept(of, delivery()).again(blind(of), TOPICS) == not_fitting(["data.role", "type"])


def test_a_body_that_is_no_fault_of_the_model_ends_as_unreadable() -> None:
    """It would fail as often as it was tried."""

    def read(_: Verified) -> Reading:
        raise RecursionError

    of = source()
    exhausting = replace(of, platform=replace(of.platform, read=read))
    assert kept(of, delivery()).again(exhausting, TOPICS) == not_fitting(["$"])


def test_what_a_poll_was_told_stays_a_polls() -> None:
    """Its events have the origin that they would have had."""
    of = source()
    outcome = polled(blind(of), MESSAGE, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    found = opened(stored(outcome.quarantine.record))
    assert found is not None
    again = found.again(of, TOPICS)
    assert isinstance(again, Accepted)
    assert again.records[0].record.header("ce_origin") == b"poll"


def test_headers_beyond_what_is_kept_cost_the_name_and_no_more() -> None:
    """Without the header that named it a delivery is named by its body."""
    of = source("standard")
    long = (b"x-long", b"v" * (MAX_HEADER_BYTES + 1))
    came = delivery(b'{"type":"a"}', platform="standard")
    swollen = replace(came, headers=Headers((long, *came.headers.raw)))
    again = kept(of, swollen).again(of, TOPICS)
    assert isinstance(again, Accepted)
    assert len(again.ids[0]) == 32


def test_a_masked_header_names_nothing() -> None:
    """Else all deliveries of a sender would have one name."""
    came = delivery(target="/in/support?a=1")
    proxied = replace(came, headers=Headers((*came.headers.raw, (b"X-Request-Token", b"t1"), (b"X-Request", b"r1"))))
    found = kept(source(), proxied).delivery
    assert found.headers.get(b"x-request-token") == b"***"
    verified = proved_before(source().ring, found)
    assert (verified.headers.get(b"x-request-token"), verified.headers.get(b"x-request")) == (None, b"r1")
    assert verified.query == "a=1"


@pytest.mark.parametrize("missing", ["hookline-id", "hookline-source"])
def test_a_record_that_hookline_did_not_write_is_none(missing: str) -> None:
    """Whoever may write into the topic may write anything."""
    outcome = intake(blind(source()), delivery(), TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    record = stored(outcome.quarantine.record)
    assert opened(replace(record, value=None)) is None
    assert opened(replace(record, headers=tuple(one for one in record.headers if one[0] != missing))) is None
