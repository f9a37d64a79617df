"""Reading partitions without a group, as an asynchronous stream."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial

from eventlog import sqlite_reading as reading
from eventlog.sqlite_clock import Clock
from eventlog.sqlite_reading import Found, Want
from eventlog.sqlite_threads import Connections
from eventlog.sqlite_watch import Place, Watch
from eventlog.sqlite_writer import Writer
from schemas.record import StoredRecord

_RECORDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The parts of an open log that its readers and members work with."""

    writer: Writer
    readers: Connections
    watch: Watch
    clock: Clock


async def stream(
    file: File, start: Mapping[Place, int], *, follow: bool, until: Mapping[Place, int]
) -> AsyncGenerator[StoredRecord]:
    """Read from these offsets to the end each partition has now, or to where it is to end before that, or for ever.

    Raises:
        PositionLost: an offset is not in the log, or retention overtook the reader.
        LogUnavailable: the log is away.
    """
    positions = dict(start)
    found = await file.readers.run(partial(reading.offsets, places=list(start), at="end"))
    ends = {place: min(end, until.get(place, end)) for place, end in zip(start, found, strict=True)}
    while wants := [Want(place, at) for place, at in positions.items() if follow or at != ends[place]]:
        for found_here in await _read_on(file, wants, follow=follow):
            place = found_here.want.place
            # Last in line, so that a busy partition does not starve the rest.
            positions.pop(place)
            positions[place] = found_here.next_offset if follow else min(found_here.next_offset, ends[place])
            for record in found_here.records:
                if follow or record.offset < ends[place]:
                    yield record


async def _read_on(file: File, wants: list[Want], *, follow: bool) -> list[Found]:
    """Read once; when following, until there is something."""
    with file.watch.waiting([want.place.id for want in wants]) as news:
        while True:
            news.clear()
            found = await file.readers.run(
                partial(reading.read, wants=wants, max_records=_RECORDS, max_bytes=reading.MAX_BYTES)
            )
            for each in found:
                if each.lost is not None:
                    raise each.lost
            if not follow or any(each.records for each in found):
                return found
            await news.wait()
