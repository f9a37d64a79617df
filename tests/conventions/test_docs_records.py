"""`docs/reference/topics-and-records.md` names every header that records have, and no other."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from dispatcher.dead import Death, letter
from dispatcher.outcome import Dead, DeadReason
from dispatcher.partition import Partition, Recent
from dispatcher.tracker import Tracker
from dispatcher.work import Heading, Received
from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, Refusal, intake
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from schemas.envelope import headers
from schemas.events import Event, MessageCreated, Origin
from schemas.record import Record, StoredRecord, TopicPartition
from schemas.schemes import STANDARD
from schemas.signatures import Outgoing, sign
from schemas.topics import Topics
from store.owners import Epoch
from tests.conventions.fences import ROOT, prose

PAGE = ROOT / "docs/reference/topics-and-records.md"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
EVENT = Event(
    id="message.created:m1",
    type="message.created",
    source="support",
    platform="mygptassistants",
    key="c1",
    time=NOW,
    received_at=NOW,
    origin="webhook",
    data=MessageCreated(message_id="m1", conversation_id="c1", role="user", content="Hello"),
    delivery_id="evt_1",
    name="invoice.paid",
    cause="message.created:m0",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    unconfirmed=True,
)


def first_cells(heading: str, *, column: int = 1) -> list[str]:
    """The code in one column of the tables under a heading, a list for all rows."""
    section = prose(PAGE).partition(f"# {heading}\n")[2]
    section = re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.split("|")[column] for line in section.splitlines() if line.startswith("| `")]
    return re.findall(r"`([^`]+)`", " ".join(rows))


def test_headers_of_events() -> None:
    """Every attribute of the envelope stands in the page."""
    assert sorted(first_cells("Headers")) == sorted(name for name, _ in headers(EVENT))


@pytest.mark.parametrize(
    ("page", "row"), [(PAGE, "| `ce_origin` |"), (ROOT / "docs/write-a-handler.md", "| `origin` |")]
)
def test_origins_of_events(page: Path, row: str) -> None:
    """Every one there is, wherever they are told."""
    [line] = [line for line in prose(page).splitlines() if line.startswith(row)]
    assert set(get_args(Origin)) <= set(re.findall(r"`([^`]+)`", line))


@pytest.mark.parametrize(("body", "where"), [(b'{"type":"a"}', "deliveries"), (b"{", "quarantine")])
def test_headers_of_deliveries_and_quarantine(body: bytes, where: str) -> None:
    """What is said of the request as it came."""
    section = first_cells("Deliveries and quarantine")
    meant = [name for name in section if name.startswith("hookline-") and where in said_to_be_in(name)]
    named = [name for name, _ in kept(body).headers if name.startswith("hookline-")]
    # `hookline-fields` stands only where fields are at fault.
    assert sorted(named) == sorted(set(meant) - {"hookline-fields"})


def said_to_be_in(header: str) -> str:
    [row] = [line for line in prose(PAGE).splitlines() if line.startswith(f"| `{header}` |")]
    last = row.split("|")[3].strip()
    return "deliveries quarantine" if last == "both" else last


def kept(body: bytes) -> Record:
    """What becomes of a signed delivery with this body: the copy of it, or what goes into the quarantine."""
    settings = SourceSettings.model_validate({"platform": "standard", "secrets": [SECRET]})
    source = open_sources({"shop": settings}, ReceiverSettings())["shop"]
    signature = sign(STANDARD, SECRET, Outgoing(body=body, id="msg_1"), NOW)
    given = Headers([(name.encode(), value.encode()) for name, value in signature])
    delivery = Delivery(method="POST", target=Target("shop"), headers=given, body=body)
    match intake(source, delivery, Topics(), NOW):
        case Accepted(copy=Record() as copy):
            return copy
        case Refusal(quarantine=named) if named is not None:
            return named.record
        case other:
            raise AssertionError(other)


def test_headers_of_dead_letters() -> None:
    """What is said of an event that died."""
    at = TopicPartition("hookline.conversations", 0)
    record = StoredRecord(topic=at.topic, key=b"c1", value=b"{}", timestamp=0, partition=0, offset=7)
    partition = Partition(at=at, epoch=Epoch(1, clean=True, log="sqlite:1"), tracker=Tracker(0), recent=Recent(0))
    death = Death(
        outcome=Dead("exhausted", "5 attempts failed"),
        entry="sync-contact",
        group="hookline.sync-contact",
        error=ValueError(),
        attempts=5,
        first_failed_at=NOW,
        failed_at=NOW,
        version="0.1.0",
    )
    work = Received(partition, record, Heading.of(record), record.size)
    named = [name for name, _ in letter(work, death, "hookline.dead").headers]
    assert sorted(one for one in first_cells("Dead letters") if "-" in one or "." in one) == sorted(named)


def test_reasons_of_dead_letters() -> None:
    """Every value of `x-dlq-reason` is explained."""
    words = [one for one in first_cells("Dead letters") if "-" not in one and "." not in one]
    assert sorted(words) == sorted(get_args(DeadReason))
