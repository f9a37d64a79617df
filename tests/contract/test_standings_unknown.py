"""What is known of entries while their log, or their store, does not answer."""

from pathlib import Path

from cli.base import Installation
from cli.entry_rows import rows
from cli.lags import unknown
from cli.places import Places
from cli.plugins import loaded
from cli.wiring import opened_store, store_url
from store.migrations import migrate
from tests.contract.test_store_stops import PAUSED

CONFIG = """
[handlers.h]
use = "sync-contact"
[handlers.i]
use = "sync-contact"
"""


async def test_a_pause_is_known_without_the_log(tmp_path: Path) -> None:
    """It stands in the store; of entries without one nothing is said, and nothing at all while the store is away."""
    (tmp_path / "hookline.toml").write_text(CONFIG)
    here = Installation(Places(config=tmp_path / "hookline.toml", data=tmp_path / "data", environ={}), "auto")
    here.make_data()

    async def shown() -> dict[str, tuple[object, ...]]:
        plugins = loaded(here)
        found = await unknown(here, plugins.plan.entries)
        listed = list(rows(plugins, here.settings.topics.topics(), found, {}))
        fields = ("state", "lag", "parked", "waiting")
        return {row["entry"]: tuple(row[name] for name in fields) for row in listed if row["entry"] in "hi"}

    unknown_ = ("", None, None, None)
    assert await shown() == {"h": unknown_, "i": unknown_}
    await migrate(store_url(here))
    async with opened_store(here) as store:
        await store.stops.stop(PAUSED)
    assert await shown() == {"h": ("paused", None, None, None), "i": unknown_}
