"""Reading goes on with what retention has left."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import cast

import pytest

from cli.overtaken import read_on
from eventlog.errors import PositionLost
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition

A, B = TopicPartition("dead", 0), TopicPartition("dead", 1)
END = 6


@dataclass
class Shrinking:
    """A log of partitions with six records, whose first ones are dropped when so many were read."""

    earliest: Mapping[TopicPartition, int]
    after: int = 0

    async def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int] | None
    ) -> AsyncIterator[StoredRecord]:
        assert not follow
        for at, first in start.items():
            for offset in range(first, (until or {}).get(at, END)):
                if not self.after and offset < (earliest := self.earliest.get(at, 0)):
                    raise PositionLost(f"dropped {offset}", at=at, wanted=offset, earliest=earliest)
                self.after = max(0, self.after - 1)
                yield StoredRecord(
                    topic=at.topic, partition=at.partition, offset=offset, key=None, value=None, timestamp=0
                )


async def found(log: Shrinking, *, until: Mapping[TopicPartition, int] | None = None) -> list[tuple[int, int]]:
    """Partition and offset of what is read from the start on."""
    records = read_on(cast("EventLog", log), {A: 0, B: 0}, until=until)
    return [(record.partition, record.offset) async for record in records]


async def test_what_is_there_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, and nothing is told."""
    assert await found(Shrinking({}), until={A: 2, B: 1}) == [(0, 0), (0, 1), (1, 0)]
    assert capsys.readouterr().err == ""


async def test_a_reader_that_is_overtaken_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """It reads nothing twice, and tells what it missed."""
    assert await found(Shrinking({A: 4, B: 5}, after=1)) == [(0, 0), (0, 4), (0, 5), (1, 5)]
    assert capsys.readouterr().err == (
        "hookline: retention dropped 3 records of dead/0 meanwhile\n"
        "hookline: retention dropped 5 records of dead/1 meanwhile\n"
    )


async def test_nothing_is_read_beyond_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Where all that was to be read is gone."""
    assert await found(Shrinking({A: 4}), until={A: 2, B: 1}) == [(1, 0)]
    assert "dropped 2 records of dead/0" in capsys.readouterr().err


async def test_a_log_that_was_replaced_by_an_older_one_is_an_error() -> None:
    """Its first record is before the one to go on with: nothing was dropped."""

    class Replaced:
        async def read(self, start: Mapping[TopicPartition, int], **_: object) -> AsyncIterator[StoredRecord]:
            if start:
                raise PositionLost("past its end", at=A, wanted=start[A], earliest=0)
            yield StoredRecord(topic="", partition=0, offset=0, key=None, value=None, timestamp=0)

    with pytest.raises(PositionLost, match="past its end"):
        await anext(read_on(cast("EventLog", Replaced()), {A: 7}))
