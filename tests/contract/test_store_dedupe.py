"""Accepted ids, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from store.dedupe import Dedupe, Entry
from store.errors import StoreDamaged, StoreMisconfigured
from tests.contract.stores import DAY, NOW, minute, modes, rows

WEEK = 7 * DAY


@pytest.fixture
async def dedupe(store_url: str) -> AsyncIterator[Dedupe]:
    """Started on each database in turn."""
    started = Dedupe.open(store_url, deadline=timedelta(seconds=15))
    await started.start()
    yield started
    await started.stop()


async def days(url: str) -> dict[str, object]:
    """Names of the day tables → what the catalogue counts."""
    found = await rows(url, "SELECT day, rows FROM dedupe_days ORDER BY day")
    tables = "SELECT name FROM sqlite_master" if url.startswith("sqlite") else "SELECT tablename FROM pg_tables"
    names = sorted(str(row[0]) for row in await rows(url, tables) if str(row[0]).startswith("dedupe_2"))
    assert len(names) == len(found), "catalogue and tables differ"
    return dict(zip(names, (row[1] for row in found), strict=True))


async def test_what_was_remembered_is_known(dedupe: Dedupe) -> None:
    """And nothing else: an id means something in its source only."""
    await dedupe.remember([("support", "1", NOW + WEEK), Entry("support", "2\x00\ud800", NOW + WEEK)], NOW)
    asked = [("support", "1"), ("sales", "1"), ("support", "2\x00\ud800"), ("support", "3")]
    assert await dedupe.known(asked, NOW) == {("support", "1"), ("support", "2\x00\ud800")}


async def test_nothing_is_known_at_first(dedupe: Dedupe) -> None:
    """Not even nothing."""
    assert await dedupe.known([("support", "1")], NOW) == set()
    assert await dedupe.known([], NOW) == set()
    await dedupe.remember([], NOW)


async def test_ids_expire_to_the_minute(dedupe: Dedupe) -> None:
    """Also those whose table lives on until midnight."""
    await dedupe.remember([("s", "hashed", minute(15)), ("s", "named", NOW + WEEK)], NOW)
    asked = [("s", "hashed"), ("s", "named")]
    assert await dedupe.known(asked, minute(14)) == set(asked)
    assert await dedupe.known(asked, minute(15)) == {("s", "named")}
    assert await dedupe.known(asked, NOW + WEEK) == set()


async def test_remembering_again_extends(dedupe: Dedupe) -> None:
    """On the same day and beyond it; never shortens."""
    await dedupe.remember([("s", "1", minute(15))], NOW)
    await dedupe.remember([("s", "1", minute(40))], minute(20))
    await dedupe.remember([("s", "1", minute(35))], minute(20))
    assert await dedupe.known([("s", "1")], minute(39)) == {("s", "1")}
    await dedupe.remember([("s", "1", NOW + WEEK)], minute(30))
    assert await dedupe.known([("s", "1")], NOW + DAY) == {("s", "1")}


async def test_an_id_twice_in_one_batch_has_the_later_expiry(dedupe: Dedupe) -> None:
    """In whichever order they stand."""
    await dedupe.remember([("s", "1", minute(30)), ("s", "1", minute(15)), ("s", "2", minute(9))], NOW)
    assert await dedupe.known([("s", "1")], minute(20)) == {("s", "1")}


@pytest.mark.parametrize("count", [1, 8, 9, 500, 501, 1_700])
async def test_batches_of_any_size(dedupe: Dedupe, count: int) -> None:
    """Half of what is asked for is known."""
    ids = [("s", str(number)) for number in range(2 * count)]
    await dedupe.remember([(source, name, NOW + WEEK) for source, name in ids[:count]], NOW)
    assert await dedupe.known(ids, NOW) == set(ids[:count])


async def test_one_table_per_day_of_expiry(dedupe: Dedupe, store_url: str) -> None:
    """In UTC, with its number of ids."""
    late = NOW.replace(hour=23, minute=59, second=59)
    await dedupe.remember([("s", str(n), late + n * timedelta(seconds=1)) for n in range(3)], NOW)
    assert await days(store_url) == {"dedupe_20261121": 1, "dedupe_20261122": 2}


async def test_a_day_that_is_over_is_dropped_whole(dedupe: Dedupe, store_url: str) -> None:
    """By the first that remembers something on the next day."""
    await dedupe.remember([("s", "1", NOW), ("s", "2", minute(1)), ("s", "3", NOW + DAY)], NOW - DAY)
    await dedupe.remember([("s", "4", NOW + WEEK)], NOW + DAY)
    assert await days(store_url) == {"dedupe_20261122": 1, "dedupe_20261128": 1}
    assert await dedupe.known([("s", "3"), ("s", "4")], NOW) == {("s", "3"), ("s", "4")}


async def test_beyond_the_bound_the_next_to_expire_goes(store_url: str) -> None:
    """Ids are forgotten early rather than the disk filled."""
    dedupe = Dedupe.open(store_url, max_rows=100)
    await dedupe.start()
    try:
        for day in range(1, 5):
            await dedupe.remember([("s", f"{day}/{n}", NOW + day * DAY) for n in range(40)], NOW)
        assert await days(store_url) == {"dedupe_20261124": 40, "dedupe_20261125": 40}
    finally:
        await dedupe.stop()


async def test_two_receivers_make_the_tables_at_once(store_url: str) -> None:
    """The first day, the first id: neither fails, nothing is lost."""
    both = [Dedupe.open(store_url, deadline=timedelta(seconds=15)) for _ in range(2)]
    try:
        await asyncio.gather(*(each.start() for each in both))
        ids = [("s", str(number)) for number in range(60)]
        await asyncio.gather(
            *(
                each.remember([(*key, NOW + day * DAY) for key in order], NOW)
                for each, order in zip(both, (ids, ids[::-1]), strict=True)
                for day in range(1, 4)
            )
        )
        assert await both[0].known(ids, NOW) == set(ids)
        assert list(await days(store_url)) == ["dedupe_20261122", "dedupe_20261123", "dedupe_20261124"]
    finally:
        for each in both:
            await each.stop()


async def test_looking_up_while_another_drops(store_url: str) -> None:
    """A table that goes between reading the catalogue and asking it is no error."""
    reader, dropper = (Dedupe.open(store_url, deadline=timedelta(seconds=15)) for _ in range(2))
    try:
        await reader.start()
        for day in range(1, 30):
            await dropper.remember([("s", str(day), NOW + day * DAY)], NOW)

        async def look() -> None:
            for _ in range(40):
                assert await reader.known([("s", "29")], NOW) == {("s", "29")}

        async def drop() -> None:
            for day in range(2, 28):
                await dropper.expire(NOW + day * DAY)

        await asyncio.gather(look(), look(), drop())
        assert list(await days(store_url)) == ["dedupe_20261218", "dedupe_20261219", "dedupe_20261220"]
    finally:
        await reader.stop()
        await dropper.stop()


async def test_starting_again_keeps_what_is_known(dedupe: Dedupe, store_url: str) -> None:
    """A restart of the receiver forgets nothing."""
    await dedupe.remember([("s", "1", NOW + WEEK)], NOW)
    again = Dedupe.open(store_url)
    await again.start()
    try:
        assert await again.known([("s", "1")], NOW) == {("s", "1")}
    finally:
        await again.stop()


async def test_the_file_is_private(tmp_path: Path) -> None:
    """Ids are strangers' business."""
    dedupe = Dedupe.open(f"sqlite:///{tmp_path}/dedupe.db")
    await dedupe.start()
    try:
        await dedupe.remember([("s", "1", NOW + WEEK)], NOW)
        found = modes(tmp_path)
    finally:
        await dedupe.stop()
    assert found == {"dedupe.db": 0o600, "dedupe.db-wal": 0o600, "dedupe.db-shm": 0o600}


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """Before the first delivery."""
    with pytest.raises(StoreMisconfigured, match="Its folder must exist"):
        await Dedupe.open(f"sqlite:///{tmp_path}/nowhere/dedupe.db").start()


def set_aside(folder: Path) -> list[Path]:
    """What was kept of files that were damaged."""
    return list(folder.glob("dedupe.db.damaged-*Z"))


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """The receiver starts, with a new one; the old one is kept for whoever wants to see it."""
    path = tmp_path / "dedupe.db"
    path.write_bytes(b"not what SQLite wrote" * 1_000)
    dedupe = Dedupe.open(f"sqlite:///{path}")
    with structlog.testing.capture_logs() as lines:
        await dedupe.start()
    try:
        await dedupe.remember([("s", "1", NOW + WEEK)], NOW)
        assert await dedupe.known([("s", "1")], NOW) == {("s", "1")}
    finally:
        await dedupe.stop()
    (aside,) = set_aside(tmp_path)
    assert aside.read_bytes().startswith(b"not what SQLite wrote")
    (line,) = lines
    assert (line["event"], line["log_level"], line["aside"]) == ("dedupe.replaced", "error", aside.name)


async def test_damage_while_running_is_mended_by_the_next_write(tmp_path: Path) -> None:
    """Until then it says so, and the receiver goes on without it."""
    path = tmp_path / "dedupe.db"
    first = Dedupe.open(f"sqlite:///{path}")
    await first.start()
    await first.remember([("s", str(number), NOW + WEEK) for number in range(2_000)], NOW)
    await first.stop()
    whole = path.read_bytes()
    # The page of the schema and the one of the catalogue stay.
    path.write_bytes(whole[:8192] + b"\xaa" * (len(whole) - 8192))
    dedupe = Dedupe.open(f"sqlite:///{path}")
    await dedupe.start()
    try:
        with pytest.raises(StoreDamaged):
            await dedupe.known([("s", "1")], NOW)
        await dedupe.remember([("s", "new", NOW + WEEK)], NOW)
        assert await dedupe.known([("s", "1"), ("s", "new")], NOW) == {("s", "new")}
    finally:
        await dedupe.stop()
    assert len(set_aside(tmp_path)) == 1
