"""Long random walks of saves, merges and deletes, on both databases."""

from random import Random
from typing import Any

import pytest

from schemas.contacts import Identity
from store.errors import ContactUnknown
from store.store import Store
from tests.contract.store_watch import Watch, clear
from tests.contract.stores import check_promises, minute, person

PEOPLE = [person(name) for name in "wxyz"]
ADDRESSES = ["a@x.org", "B@x.org", "b@x.org", "none"]
SEEDS = range(8)
STEPS = 40


class Walk:
    """One walk, with what it has to find again."""

    def __init__(self, store: Store, seed: int) -> None:
        self._contacts = store.contacts
        self._random = Random(seed)  # noqa: S311 - a seeded walk, not a secret
        self._ids: list[str] = []
        # The newest event that named or took away each identity, and whether it is there then.
        self.there: dict[Identity, tuple[int, bool]] = {}

    async def step(self, number: int) -> None:
        choose = self._random.choices(["save", "verify", "delete", "merge"], [4, 3, 2, 1])[0]
        at = self._random.randrange(2 * STEPS)
        who = self._random.choice(PEOPLE)
        if choose == "merge" and self._ids:
            into, other = self._random.choice(self._ids), self._random.choice(self._ids)
            try:
                await self._contacts.merge(into, other, at=minute(at), now=minute(number))
            except ContactUnknown:
                return
        elif choose == "delete":
            await self._contacts.delete(who, at=minute(at), now=minute(number))
            self._named(who, at, there=False)
        else:
            fields: dict[str, Any] = {"name": str(number)} if choose == "save" else {}
            if choose == "verify":
                fields = {"email": self._random.choice(ADDRESSES), "email_verified": True}
            saved = await self._contacts.save(who, at=minute(at), now=minute(number), **fields)
            self._ids.append(saved.contact.id)
            self._named(who, at, there=True)

    def _named(self, who: Identity, at: int, *, there: bool) -> None:
        before, was = self.there.get(who, (-1, False))
        # Of one time the delete wins.
        if at > before or (at == before and was and not there):
            self.there[who] = (at, there)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_the_promises_hold(store: Store, store_url: str, seed: int) -> None:
    """Versions only grow, and at the end just those identities are there whose newest event says so."""
    await clear(store)
    walk, watch = Walk(store, seed), Watch(store)
    for number in range(STEPS):
        await walk.step(number)
        await watch.look()
    await check_promises(store_url)
    found = {who for who in PEOPLE if await store.contacts.find(identity=who) is not None}
    assert found == {who for who, (_, there) in walk.there.items() if there}
