"""Asking for a replay of many events, with a real log and store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from cli import dead_replays
from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from cli.idle import require_consent
from cli.places import Places
from cli.replay_orders import Asked, begin
from cli.replay_waits import advice, standing
from cli.wiring import opened_log, opened_store, store_url
from eventlog.log import EventLog
from schemas.record import Record
from schemas.topics import TopicSettings
from store.migrations import migrate
from store.stops import Stop
from store.store import Store
from tests.unit.cli.dead_cases import case, letter

HANDLER = "sync-contact"


@dataclass(frozen=True)
class At:
    """An installation with letters of reason `uncertain`."""

    here: Installation
    log: EventLog
    store: Store

    async def bury(self, *ids: str) -> None:
        for event_id in ids:
            one = letter(event_id, handler=HANDLER).record
            headers = (*one.headers, ("x-dlq-reason", b"uncertain"))
            fresh = int(datetime.now(UTC).timestamp() * 1000)  # retention looks at it
            record = Record(topic=one.topic, key=b"c", value=b"{}", headers=headers, timestamp=fresh)
            await self.log.append(record).offset()


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[At]:
    """With one letter."""
    here = Installation(Places(config=None, data=tmp_path, environ={}), "auto")
    here.make_data()
    await migrate(store_url(here))
    async with opened_log(here) as log, opened_store(here) as store:
        await log.create({"hookline.dead": TopicSettings(partitions=1)})
        one = At(here, log, store)
        await one.bury("e1")
        yield one


async def test_who_replays_uncertain_letters_is_warned(at: At, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, where programs that read what was begun do not stumble over it."""
    assert await begin(at.here, at.log, at.store, Asked(handler=HANDLER)) == 1
    assert capsys.readouterr().err.startswith("hookline: 1 of them died as uncertain: each dies again at once")
    assert await begin(at.here, at.log, at.store, Asked(handler=HANDLER, redo_effects=True)) == 2
    assert capsys.readouterr().err == ""


async def test_what_nobody_agrees_to_is_not_begun(at: At) -> None:
    """Where nobody can be asked it must be said before, as for `handlers rewind`."""
    every = Asked(handler=HANDLER, redo_effects=True)
    with pytest.raises(CommandFailed, match="nothing was begun"):
        await begin(at.here, at.log, at.store, every, lambda _question: False)
    with pytest.raises(Misconfigured, match=r"Give sync-contact again 1 event, .* Nobody can be asked here: say --yes"):
        await begin(at.here, at.log, at.store, every, partial(require_consent, yes=False))
    assert await begin(at.here, at.log, at.store, every, partial(require_consent, yes=True)) == 1


async def test_that_the_entry_stands_still_is_told_to_who_begins(at: At) -> None:
    """A worker that runs takes none of it."""
    assert await begin(at.here, at.log, at.store, Asked(handler=HANDLER)) == 1
    begun = await standing(at.store, 1)
    assert (await advice(at.store, begun)).startswith(f"a worker of {HANDLER} begins within about a second")
    now = datetime.now(UTC)
    await at.store.stops.stop(Stop(handler=HANDLER, reason="dead-letters", detail="20 died", by="ops", at=now))
    told = await advice(at.store, begun)
    assert told.startswith(f"it waits: {HANDLER} is stopped since")
    assert f"then `hookline handlers resume {HANDLER}`" in told


async def test_who_asks_for_a_letter_again_is_told_that_effects_are_run_anew(at: At) -> None:
    """The replay waits since it was asked for without that."""
    one = case(letter("e1", handler=HANDLER))
    begun = await dead_replays.ask(at.store, one)
    assert begun.remark == ""
    again = await dead_replays.ask(at.store, one, redo_effects=True)
    assert again == (begun.id, "it was asked for before, and runs effects anew now")
