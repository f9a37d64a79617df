"""Looks at the contacts from outside while others write them."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.store import Store


class Watch:
    """Looks at the tables between the steps: versions only grow, and grow with every visible change."""

    QUERY = (
        "SELECT id, version, coalesce(name, '') || '|' || coalesce(email, '') || '|' || coalesce(phone, '') AS seen"
        " FROM contacts UNION ALL SELECT id, version, 'former' FROM former_contacts"
    )

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[int, str]] = {}
        self.steps = 0

    async def look(self) -> None:
        async def work(connection: AsyncConnection) -> list[Any]:
            return list(await connection.execute(text(self.QUERY)))

        found = await self._store._database.read(work)
        now = {row.id: (row.version, row.seen) for row in found}
        assert len(now) == len(found), "an id lives and is a tombstone"
        for contact_id, (version, seen) in self._seen.items():
            assert contact_id in now, "an id vanished"
            later, shown = now[contact_id]
            assert later > version or (later, shown) == (version, seen), "a version went back or stood still"
            assert seen != "former" or shown == "former", "a tombstone came alive"
        self._seen = now
        self.steps += 1


async def clear(store: Store) -> None:
    async def work(connection: AsyncConnection) -> None:
        for table in ("unpublished", "identities", "former_contacts", "contacts"):
            await connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - the names above

    await store._database.write(work)
