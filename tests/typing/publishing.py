"""What is published starts from a proof: mypy --strict rejects each marked line, and no other. Never run."""

from datetime import UTC, datetime

from receiver.delivery import Delivery
from receiver.intake import Refusal, decide, intake
from receiver.keep import Keep
from receiver.records import Receipt
from receiver.sources.source import Source
from receiver.verification import Refused, Verified, verify
from schemas.topics import Topics

NOW = datetime.now(UTC)


def proved(source: Source, delivery: Delivery) -> Receipt | None:
    found = verify(source.ring, delivery, NOW)
    if isinstance(found, Refused):
        return None
    return Receipt(source=source, delivery=delivery, verified=found, topics=Topics(), now=NOW)


def raw_bytes(source: Source, delivery: Delivery) -> Receipt:
    return Receipt(source=source, delivery=delivery, verified=delivery.body, topics=Topics(), now=NOW)  # rejected: [arg-type]


def the_request_itself(source: Source, delivery: Delivery) -> Receipt:
    return Receipt(source=source, delivery=delivery, verified=delivery, topics=Topics(), now=NOW)  # rejected: [arg-type]


def without_looking(source: Source, delivery: Delivery) -> Receipt:
    found = verify(source.ring, delivery, NOW)
    return Receipt(source=source, delivery=delivery, verified=found, topics=Topics(), now=NOW)  # rejected: [arg-type]


def made_by_hand(body: bytes) -> Verified:
    return Verified(body=body)  # rejected: [call-arg]


def read_without_proof(source: Source, delivery: Delivery) -> None:
    source.platform.read(delivery.body)  # rejected: [arg-type]


async def kept_without_intake(keep: Keep, delivery: Delivery) -> None:
    await keep.keep("support", [delivery], None, deadline=0.0)  # rejected: [list-item]


def body_as_delivery(source: Source, delivery: Delivery) -> None:
    intake(source, delivery.body, Topics(), NOW)  # rejected: [arg-type]


def outcome_unread(source: Source, delivery: Delivery) -> tuple[str, ...]:
    outcome = decide(source, delivery, Topics(), NOW)
    if isinstance(outcome, Refusal):
        return ()
    return outcome.ids  # rejected: [union-attr]
