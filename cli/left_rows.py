"""Rows of the store that nobody will ever take: of entries that are not configured, and in topics they read no more."""

from cli.base import Installation
from cli.entry_states import configured
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.plugins import loaded
from cli.wiring import opened_store
from dispatcher.leftovers import advice, told, unread_told
from dispatcher.worker import topics_of
from store.errors import StoreError


async def left_rows(here: Installation) -> list[Finding]:
    """A warning for each entry that has some; none while the store is away, which others tell."""
    plan, topics = loaded(here).plan, here.settings.topics.topics()
    try:
        async with opened_store(here) as store:
            left = await store.entry_rows.left(configured(plan))
            unread = await store.entry_rows.unread({entry.name: topics_of(entry, topics) for entry in plan.entries})
    except (StoreError, CommandFailed):
        return []
    whys = {
        name: f"it is not configured, and the store keeps for it {told(kept)}: {advice(name)}"
        for name, kept in left.items()
    }
    whys |= {name: unread_told(name, one) for name, one in unread.items()}
    return [Finding(f"entry {name}", "degraded", why) for name, why in whys.items()]
