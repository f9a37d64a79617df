"""What waits for entries that are not configured is told when a role starts."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from dispatcher.leftovers import Leftovers
from dispatcher.metrics import Metrics
from store.entry_rows import EntryRows
from store.errors import StoreUnavailable
from tests.contract.dispatchers import on_sqlite
from tests.contract.test_store_entry_rows import fill


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
            "waiting": "5 timers, 2 parked events, 1 replays, 1 stops, 4 effects",
            "advice": "configure it again; if it has another name now, `hookline handlers rename gone NEW`; if nobody "
            "needs it, `hookline handlers forget gone`",
        },
        {"event": "leftovers.unknown", "log_level": "warning", "cause": "it does not answer"},
    ]
