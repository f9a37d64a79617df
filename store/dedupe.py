"""Which (source, id) pairs were accepted already, for as long as their window lasts.

Ids are kept as 16-byte hashes in one table per day of expiry. A table whose day is over is dropped whole, and so is the
one that expires next while there are more rows than the bound: forgetting early costs at most an event twice, and the
disk stays bounded. On SQLite this is a file of its own, so that its writes wait for nobody's. A damaged file is set
aside and a new one begun: nothing in it is worth stopping for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog

from store import dedupe_days as days
from store.addresses import SqliteAddress, address
from store.database import DEADLINE, Database
from store.digests import fingerprint
from store.errors import StoreDamaged, StoreError
from store.files import ready_file, set_aside
from store.foreign import is_missing_table

log = structlog.get_logger()

MAX_ROWS = 20_000_000
"""About 500 MB in SQLite, twice that in PostgreSQL."""
BATCH = 500
"""Ids per statement."""
# The bound is looked at when this part of it was written since.
_CHECKS = 50


class Entry(NamedTuple):
    """An id to remember; a plain tuple of the three will do."""

    source: str
    id: str
    expires: datetime


class Dedupe:
    """The ids of accepted events. Make it with `open`, then `await start()`."""

    def __init__(self, make: Callable[[], Database], *, max_rows: int = MAX_ROWS) -> None:
        self._make = make
        self._database = make()
        self._max_rows = max_rows
        # The days that have a table, as far as we know.
        self._days: frozenset[date] = frozenset()
        # The file was found damaged: the next to write begins anew.
        self._damage: StoreDamaged | None = None
        # The day of the last look at what is over, and the ids written since.
        self._checked: date | None = None
        self._unchecked = 0

    @classmethod
    def open(cls, url: str, *, deadline: timedelta = DEADLINE, max_rows: int = MAX_ROWS) -> "Dedupe":
        """Not started yet; no I/O.

        Args:
            url: a SQLite file of its own, or the store's PostgreSQL database.
            deadline: every call is over by then; wrap a call in `asyncio.timeout` for less.
            max_rows: how many ids to keep at most, give or take a day's.

        Raises:
            StoreMisconfigured: the url cannot be read.
        """
        return cls(partial(Database, address(url), deadline=deadline), max_rows=max_rows)

    async def start(self) -> None:
        """Make what is missing of its tables; it has no migrations, for nothing in it is worth keeping.

        A damaged file is set aside, and a new one begun.

        Raises:
            StoreMisconfigured: the database cannot be used.
            StoreUnavailable: it does not answer. Start again, or do without: `known` and `remember` will say the same.
        """
        try:
            await self._prepare()
        except StoreDamaged as damage:
            await self._begin_anew(damage)

    async def stop(self) -> None:
        """Close the connections. Ends within the deadline in any case."""
        await self._database.stop()

    async def known(self, keys: Sequence[tuple[str, str]], now: datetime) -> set[tuple[str, str]]:
        """Those of the (source, id) pairs that are remembered and not expired.

        Raises:
            StoreError: the database failed or did not answer: take them for new.
        """
        by_hash = {fingerprint(source, name): (source, name) for source, name in keys}
        found: set[tuple[str, str]] = set()
        with self._noting_damage():
            for batch in _batches(list(by_hash)):
                found.update(by_hash[each] for each in await self._look_up(batch, now))
        return found

    async def remember(self, entries: Sequence[tuple[str, str, datetime]], now: datetime) -> None:
        """Remember ids until they expire, and forget what is over or beyond the bound. May be repeated.

        Args:
            entries: (source, id, when it expires), in any number.
            now: the time.

        Raises:
            StoreError: the database failed; some of them may be remembered.
        """
        if self._damage is not None:
            await self._begin_anew(self._damage)
        with self._noting_damage():
            for day, found in sorted(_by_day(entries, now).items()):
                for batch in _batches(sorted(found)):
                    chosen = {each: found[each] for each in batch}
                    await self._database.write(partial(days.write, day=day, entries=chosen))
                self._unchecked += len(found)
        if self._checked != _day(now) or self._unchecked * _CHECKS >= self._max_rows:
            await self.expire(now)

    async def expire(self, now: datetime) -> int:
        """Drop the tables whose day is over, and the next to expire while there are too many rows; returns how many.

        Raises:
            StoreError: the database failed.
        """
        rows = await self._database.read(days.row_counts)
        dropped = 0
        for day in surplus(rows, _day(now), self._max_rows):
            dropped += await self._database.write(partial(days.drop, day=day))
        self._checked, self._unchecked = _day(now), 0
        return dropped

    async def _look_up(self, hashes: list[bytes], now: datetime) -> list[bytes]:
        postgres = not isinstance(self._database.address, SqliteAddress)
        while True:
            try:
                found = await self._database.column(
                    *days.look_up(postgres=postgres, days=self._days, hashes=hashes, now=now)
                )
                if None not in found:
                    return [bytes(each) for each in found]
            except StoreError as error:
                # Dropped since, by this process or another.
                if error.__cause__ is None or not is_missing_table(error.__cause__):
                    raise
            self._days = frozenset(await self._database.read(days.row_counts))

    async def _prepare(self) -> None:
        if isinstance(self._database.address, SqliteAddress):
            ready_file(self._database.address.path)
        await self._database.write(days.make_catalogue)

    async def _begin_anew(self, damage: StoreDamaged) -> None:
        place = self._database.address
        if not isinstance(place, SqliteAddress):
            raise damage
        await self._database.stop()
        aside = set_aside(place.path, datetime.now(UTC))
        log.error("dedupe.replaced", file=str(place.path), aside=aside.name, cause=str(damage.__cause__))
        self._database, self._days, self._damage = self._make(), frozenset(), None
        await self._prepare()

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except StoreDamaged as damage:
            self._damage = damage
            raise


def surplus(rows: Mapping[date, int], today: date, max_rows: int) -> list[date]:
    """The days to drop, the first to expire first.

    Args:
        rows: day of expiry → ids in its table.
        today: what expires today or later is still of use.
        max_rows: drop useful days too while more ids than this are kept, except the last.
    """
    order = sorted(rows)
    left = sum(rows.values())
    chosen: list[date] = []
    for day in order:
        if day >= today and (left <= max_rows or day == order[-1]):
            break
        chosen.append(day)
        left -= rows[day]
    return chosen


def _by_day(entries: Iterable[tuple[str, str, datetime]], now: datetime) -> dict[date, dict[bytes, datetime]]:
    found: dict[date, dict[bytes, datetime]] = {}
    for source, name, expires in entries:
        if expires > now:
            of_day = found.setdefault(_day(expires), {})
            key = fingerprint(source, name)
            of_day[key] = max(expires, of_day.get(key, expires))
    return found


def _batches(hashes: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(hashes), BATCH):
        yield hashes[start : start + BATCH]


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
