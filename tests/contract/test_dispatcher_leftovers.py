"""What waits for nobody is told when a role starts: of entries that are not configured, in topics they read no more."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from dispatcher.clock import SystemClock
from dispatcher.forgetting import Forgetting
from dispatcher.leftovers import Leftovers
from dispatcher.metrics import Metrics
from handlers.api import Context, handler
from schemas.events import ContactUpdated, Event
from store.entry_rows import EntryRows
from store.errors import StoreUnavailable
from tests.contract.dispatchers import on_sqlite, quick, until
from tests.contract.stores import AT, LOG, NOW
from tests.contract.test_store_entry_rows import fill, timer
from tests.contract.test_store_parked import to_park
from tests.contract.test_store_replay_jobs import job_order
from tests.contract.test_store_replays import order


async def test_what_waits_for_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log, with what to do, and as a metric that goes when it has gone; while the store is away it stays."""
    registry = CollectorRegistry()

    def timers() -> float | None:
        return registry.get_sample_value("hookline_left_rows", {"handler": "gone", "kind": "timers"})

    async def away(*_: object) -> None:
        raise StoreUnavailable("it does not answer")

    async with on_sqlite(tmp_path) as rig:
        await fill(rig.store, "gone")
        await fill(rig.store, "there")
        metrics = Metrics(registry)

        async def look(*configured: str) -> None:
            await Leftovers(rig.equipment(configured=frozenset(configured), metrics=metrics)).look()

        with capture_logs() as logs:
            await look("there")
            with monkeypatch.context() as patched:
                patched.setattr(EntryRows, "left", away)
                await look("there")
            assert timers() == 5
            await look("there", "gone")
            assert timers() is None
    assert logs == [
        {
            "event": "entry.missing",
            "log_level": "warning",
            "handler": "gone",
            "waiting": "5 timers, 2 parked events, 1 replays, 1 sets of events to replay, 1 stops, 4 effects",
            "advice": "configure it again; if it has another name now, `hookline handlers rename gone NEW`; if nobody "
            "needs it, `hookline handlers forget gone`",
        },
        {"event": "leftovers.unknown", "log_level": "warning", "cause": "it does not answer"},
    ]


async def test_a_replay_of_another_log_is_told(tmp_path: Path) -> None:
    """Of an entry that runs: it would read on for ever, and nobody would know why."""
    async with on_sqlite(tmp_path) as rig:
        here = await rig.log.identity()
        for handler_, log in (("h", LOG), ("h", here), ("other", LOG)):
            await rig.store.replay_jobs.start(job_order(handler_, log=log), NOW)
        with capture_logs() as logs:
            await Leftovers(rig.equipment(configured=frozenset({"h", "other"})), lambda: {"h": ()}).look()
    [told] = [line for line in logs if line["event"] == "replay.elsewhere"]
    assert (told["handler"], told["replay"]) == ("h", 1)
    assert told["advice"].endswith("`hookline replay cancel 1`")


@handler("turned", on=ContactUpdated)
async def turned(event: Event[ContactUpdated], ctx: Context) -> None:
    """It had other events, of conversations, when it parked some and set timers."""


async def test_what_waits_in_topics_that_are_read_no_more_is_told_and_can_be_given_up(tmp_path: Path) -> None:
    """Else it would stay for ever, for nobody owns its partition; it becomes dead letters, and the entry goes on."""
    registry = CollectorRegistry()

    def timers() -> float | None:
        return registry.get_sample_value("hookline_left_rows", {"handler": "turned", "kind": "timers"})

    async with on_sqlite(tmp_path) as rig:
        epoch = (await rig.store.owners.claim("turned", [AT], LOG))[AT]
        await rig.store.schedule.settle("turned", AT, epoch, offset=1, event_id="e1", now=NOW, set=[timer(1)])
        row = to_park(7)
        plain = replace(row, record=replace(row.record, headers=()))
        await rig.store.parked.park("turned", AT, epoch, [plain], {}, bound=10, now=NOW)
        await rig.store.replays.ask([order(0, handler="turned")], NOW)
        reads = [rig.topics.name("contacts")]
        with capture_logs() as logs:
            metrics = Metrics(registry)
            async with rig.running(quick(turned), configured=frozenset({"turned"}), metrics=metrics):
                await until(lambda: timers() == 1, "it is told")
        [told] = [line for line in logs if line["event"] == "rows.unread"]
        assert (told["topics"], told["waiting"]) == ([AT.topic], "1 timers, 1 parked events, 1 replays")
        assert "`hookline handlers forget turned --unread`" in told["advice"]
        forgetting = Forgetting(log=rig.log, store=rig.store, topics=rig.topics, clock=SystemClock(), version="1.2.3")
        done = await forgetting.release("turned", reads)
        assert (done.letters, done.rows, len(await rig.records("dead"))) == (2, 1, 2)
        assert await rig.store.entry_rows.unread({"turned": reads}) == {}
        assert await rig.store.entry_rows.began("turned")
