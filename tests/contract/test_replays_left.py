"""What is told of replays before their log is left, and after."""

from dataclasses import replace
from pathlib import Path

import pytest

from cli.base import Installation
from cli.places import Places
from cli.replay_waits import standing
from cli.replays_left import elsewhere, embedded, placed, unfinished
from cli.wiring import opened_log, opened_store, store_url
from store.migrations import migrate
from tests.contract.stores import NOW
from tests.contract.test_store_replay_jobs import job_order


@pytest.fixture
async def here(tmp_path: Path) -> Installation:
    """One with a log and a store, and three replays: two of its log, one of another."""
    made = Installation(Places(config=tmp_path / "hookline.toml", data=tmp_path / "data", environ={}), "auto")
    (tmp_path / "hookline.toml").touch()
    made.make_data()
    await migrate(store_url(made))
    async with opened_log(made) as log, opened_store(made) as store:
        for handler, identity in (("h", await log.identity()), ("h", "elsewhere"), ("other", await log.identity())):
            await store.replay_jobs.start(job_order(handler, log=identity), NOW)
    return made


def on_kafka(here: Installation) -> Installation:
    """The same when the configuration names a broker."""
    return replace(here, places=replace(here.places, environ={"HOOKLINE_EVENTLOG__URL": "kafka://127.0.0.1:1"}))


async def test_a_replay_that_is_not_over_is_left(here: Installation) -> None:
    """Of an entry that runs here, and of this log."""
    [line] = await unfinished(here, ["h"])
    assert line.startswith("h: its replay 1 is not over: let `hookline work` run until `hookline replay")


async def test_a_replay_of_another_log_is_warned_of(here: Installation) -> None:
    """With what to do."""
    [one] = await elsewhere(here)
    assert (one.name, one.state) == ("replay 2", "degraded")
    assert one.detail == (
        "it is of h, and has not read its events yet, of another event log: it goes on when [eventlog] url names that "
        "log again; if its events are to be left there, `hookline replay cancel 2`"
    )


async def test_replays_of_the_embedded_log_are_found_without_a_broker(here: Installation) -> None:
    """`check` connects to nothing; and with the embedded log they go on."""
    assert [one.name for one in await embedded(on_kafka(here))] == ["replay 1", "replay 3"]
    assert await embedded(here) == []


async def test_without_a_broker_nothing_is_said_of_other_logs(here: Installation) -> None:
    """That it is away is told by others."""
    assert await elsewhere(on_kafka(here)) == []


async def test_replays_stand_elsewhere_when_their_log_is_not_read(
    here: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the log is away nobody can tell, and it is told why."""
    async with opened_store(here) as store:
        found = [await standing(store, number) for number in (1, 2)]
    assert [each.state for each in await placed(here, found)] == ["reading", "elsewhere"]
    assert [each.home for each in await placed(on_kafka(here), found)] == ["unknown", "unknown"]
    assert capsys.readouterr().err.startswith("hookline: whether these replays read this event log or another one is ")
