"""Dead letters of an entry that was renamed, as the commands read them from the log and the store."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.base import Installation
from cli.dead_desk import desk, newest
from cli.errors import Misconfigured
from cli.places import Places
from cli.wiring import opened_log, opened_store, store_url
from schemas.record import Record
from schemas.topics import TopicSettings
from store.migrations import migrate
from tests.unit.cli.dead_cases import letter

RENAMED = datetime(2026, 11, 21, 13, tzinfo=UTC)
BEFORE, AFTER = "2026-11-21T12:00:00Z", "2026-11-21T14:00:00Z"


@pytest.fixture
async def here(tmp_path: Path) -> Installation:
    """An entry gave up two events, was renamed, and gave up another; the letters of before keep its old name."""
    found = Installation(Places(config=None, data=tmp_path, environ={}), "auto")
    found.make_data()
    await migrate(store_url(found))
    async with opened_store(found) as store:
        await store.entry_rows.rename("lab", "lab-two", RENAMED)
    async with opened_log(found) as log:
        await log.create({"hookline.dead": TopicSettings(partitions=2)})
        for number, (handler, failed_at) in enumerate([("lab", BEFORE), ("lab", BEFORE), ("lab-two", AFTER)]):
            one = letter(f"e{number}", handler=handler, failed_at=failed_at).record
            fresh = int(datetime.now(UTC).timestamp() * 1000)  # retention looks at it
            kept = Record(topic=one.topic, key=one.key, value=b"{}", headers=one.headers, timestamp=fresh)
            await log.append(kept).offset()
    return found


async def test_they_are_those_of_its_new_name(here: Installation) -> None:
    """Of every command: there is one rule."""
    listed = await newest(here, lambda one: one.handler == "lab-two", 10, handler="lab-two")
    assert [(case.letter.id, case.row()["handler"]) for case in listed] == [(f"e{n}", "lab-two") for n in range(3)]
    async with desk(here, lambda one: one.is_called("e0")) as at:
        assert (await at.one("e0", "lab-two")).letter.handler == "lab-two"


async def test_its_old_name_is_refused_by_its_new_one(here: Installation) -> None:
    """Whoever lists nothing would take it for mended."""
    why = "--handler lab: it is called lab-two now, and has its dead letters"
    with pytest.raises(Misconfigured, match=why):
        await newest(here, lambda one: one.handler == "lab", 10, handler="lab")
    async with desk(here, lambda one: one.is_called("e0")) as at:
        with pytest.raises(Misconfigured, match=why):
            await at.one("e0", "lab")
