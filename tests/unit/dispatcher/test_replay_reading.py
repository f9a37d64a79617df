"""Reading the events of a replay, a page at a time."""

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from dispatcher import replay_reading
from dispatcher.replay_cursor import Span
from dispatcher.replay_reading import page
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition
from store.replay_rows import Order
from tests.contract.test_store_replays import order, record

ONE, TWO = TopicPartition("t", 1), TopicPartition("t", 2)


@dataclass
class Log:
    """Records one to nine of two partitions; the first ones may be gone."""

    first: int = 0

    async def offsets(self, partitions: Collection[TopicPartition], _at: str) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self.first)

    async def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int]
    ) -> AsyncGenerator[StoredRecord]:
        assert not follow
        for at, offset in start.items():
            for number in range(offset, until[at]):
                yield record(number, at=at)


def odd(found: StoredRecord) -> Order | None:
    """Every second one is meant."""
    return order(found.offset, offset=found.offset, at=found.at) if found.offset % 2 else None


async def read(log: Any, cursor: Mapping[TopicPartition, Span], **more: Any) -> Any:
    return await page(cast("EventLog", log), cursor, odd, **more)


async def test_all_that_is_meant_is_found() -> None:
    """Up to the ends, and not beyond."""
    found = await read(Log(), {ONE: Span(0, 2, 6), TWO: Span(0, 5, 5)})
    assert [(step.at, step.next) for step in found.steps] == [(ONE, 4), (ONE, 6)]
    assert found.after == {ONE: Span(0, 6, 6), TWO: Span(0, 5, 5)}


async def test_a_page_ends_when_it_is_full() -> None:
    """With what it has, and where to go on."""
    found = await read(Log(), {ONE: Span(0, 0, 9)}, steps=2)
    assert [step.next for step in found.steps] == [2, 4]
    assert found.after == {ONE: Span(0, 4, 9)}


@pytest.mark.parametrize("bound", ["_RECORDS", "_SECONDS"])
async def test_a_page_ends_when_much_was_looked_at(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """Or when that took long: so that it is noted how far that is, though nothing was found."""
    monkeypatch.setattr(replay_reading, bound, 0)
    found = await read(Log(), {ONE: Span(0, 0, 9)})
    assert (found.steps, found.after) == ([], {ONE: Span(0, 1, 9)})


async def test_a_page_ends_when_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are held in memory."""
    monkeypatch.setattr(replay_reading, "_BYTES", 1)
    assert len((await read(Log(), {ONE: Span(0, 0, 9)})).steps) == 1


async def test_what_the_log_dropped_is_passed_over() -> None:
    """And told."""
    with capture_logs() as logs:
        found = await read(Log(first=6), {ONE: Span(0, 2, 9)})
    assert [step.next for step in found.steps] == [8]
    assert found.after == {ONE: Span(0, 9, 9, 4)}
    assert [(line["event"], line["records"]) for line in logs] == [("replay.trimmed", 4)]
