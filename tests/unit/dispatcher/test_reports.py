"""Where the event of some work stands, as log lines and observers are told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from dispatcher.equipment import Equipment
from dispatcher.metrics import Metrics
from dispatcher.observers import AttemptBegan, AttemptEnded, Happening
from dispatcher.outcome import Dead, Done
from dispatcher.partition import Partition, Recent
from dispatcher.reports import Reports
from dispatcher.settings import Entry
from dispatcher.tracker import Tracker
from dispatcher.work import Heading, Parked, Received
from schemas.record import StoredRecord, TopicPartition
from store.owners import Epoch
from store.parked_rows import ParkedRow, Tried

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = Partition(
    at=TopicPartition("hookline.conversations", 0),
    epoch=Epoch(1, clean=True, log="kafka:new"),
    tracker=Tracker(0),
    recent=Recent(0),
)
RECORD = StoredRecord(
    topic="hookline.conversations", partition=5, offset=12, key=b"c1", value=b"{}", headers=(), timestamp=0
)
PLACE = {"topic": "hookline.conversations", "partition": 5, "offset": 12}


@pytest.mark.parametrize(
    ("log", "field"),
    [("sqlite:old", {"log": "sqlite:old"}), ("kafka:new", {})],
    ids=["another log", "this log"],
)
def test_an_event_is_told_of_by_its_first_place(log: str, field: dict[str, str]) -> None:
    """And by its event log, if that is another; its number among the records of this one means nothing to people."""
    told: list[Happening] = []
    equipment = cast("Equipment", SimpleNamespace(observers=(told.append,), tell=told.append))
    reports = Reports(cast("Entry", SimpleNamespace(name="h")), equipment, Metrics().of("h"))
    work = Parked.of(HERE, ParkedRow(id=1, record=RECORD, log=log, position=12 - 2**50, tried=Tried(due=NOW)))
    with capture_logs() as lines:
        reports.buried(work, Dead("rejected", "no"))
        reports.ended(work, Dead("rejected", "no"), timedelta(), None)
    [line] = lines
    assert {name: line[name] for name in line if name in {*PLACE, "log"}} == {**PLACE, **field}
    [ended] = told
    assert isinstance(ended, AttemptEnded)
    assert (ended.at, ended.offset, ended.other_log) == (RECORD.at, 12, field.get("log", ""))


def test_an_arrival_tells_when_it_was_received() -> None:
    """So that whoever follows knows what is of before; a record that was parked is due now."""
    told: list[Happening] = []
    equipment = cast("Equipment", SimpleNamespace(observers=(told.append,), tell=told.append))
    reports = Reports(cast("Entry", SimpleNamespace(name="h")), equipment, Metrics().of("h"))
    record = replace(RECORD, timestamp=int(NOW.timestamp() * 1000))
    parked = Parked.of(HERE, ParkedRow(id=1, record=record, log="kafka:new", position=12, tried=Tried(due=NOW)))
    for work in (Received(HERE, record, Heading.of(record)), parked):
        reports.began(work)
        reports.ended(work, Done(), timedelta(), None)
    found = [(type(each), each.received_at) for each in told if isinstance(each, AttemptBegan | AttemptEnded)]
    assert found == [(AttemptBegan, NOW), (AttemptEnded, NOW), (AttemptBegan, None), (AttemptEnded, None)]
