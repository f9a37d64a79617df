"""Asking for a replay of many events, with a real log and store."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.base import Installation
from cli.places import Places
from cli.replay_orders import Asked, begin
from cli.wiring import opened_log, opened_store, store_url
from schemas.record import Record
from schemas.topics import TopicSettings
from store.migrations import migrate
from tests.unit.cli.dead_cases import letter

HANDLER = "sync-contact"


async def test_who_replays_uncertain_letters_is_warned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, where programs that read what was begun do not stumble over it."""
    here = Installation(Places(config=None, data=tmp_path, environ={}), "auto")
    here.make_data()
    await migrate(store_url(here))
    async with opened_log(here) as log, opened_store(here) as store:
        await log.create({"hookline.dead": TopicSettings(partitions=1)})
        one = letter("e1", handler=HANDLER).record
        headers = (*one.headers, ("x-dlq-reason", b"uncertain"))
        fresh = int(datetime.now(UTC).timestamp() * 1000)  # retention looks at it
        await log.append(Record(topic=one.topic, key=b"c", value=b"{}", headers=headers, timestamp=fresh)).offset()
        assert await begin(here, log, store, Asked(handler=HANDLER)) == 1
        assert capsys.readouterr().err.startswith("hookline: 1 of them died as uncertain: each dies again at once")
        assert await begin(here, log, store, Asked(handler=HANDLER, redo_effects=True)) == 2
        assert capsys.readouterr().err == ""
