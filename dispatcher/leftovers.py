"""Tells of rows that wait for entries which are not configured: nobody will ever take them."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from dispatcher.equipment import Equipment
from dispatcher.errors import describe
from store.errors import StoreError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Of one process's configuration."""

    equipment: Equipment

    async def look(self) -> None:
        """Look for them, and tell; nothing is told while the store is away, or nobody said what is configured."""
        configured = self.equipment.configured
        if configured is None:
            return
        try:
            found = await self.equipment.store.entry_rows.left(configured)
        except StoreError as error:
            log.warning("leftovers.unknown", cause=describe(error))
            return
        self.equipment.metrics.left(found)
        for entry, kept in found.items():
            log.warning("entry.missing", handler=entry, waiting=told(kept), advice=advice(entry))


def told(kept: Mapping[str, int]) -> str:
    """What waits, in words."""
    return ", ".join(f"{count:,} {word}" for word, count in kept.items())


def advice(entry: str) -> str:
    """What to do about an entry that is not configured, in a sentence for people."""
    return (
        f"configure it again; if it has another name now, `hookline handlers rename {entry} NEW`; if nobody needs it, "
        f"`hookline handlers forget {entry}`"
    )
