"""Three writers of one person at once, statement by statement, on both databases.

Whatever the order, the end must be one that some order of whole calls gives too (serial, on another store), and on the
way nothing a reader can see may go back.
"""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.contacts import Contacts, Tombstone
from store.store import Store
from tests.contract.interleaving import SteppedDatabase, Turns
from tests.contract.store_watch import Watch, clear
from tests.contract.stores import check_promises, minute, opened, person

X, Y, Z = (person(name) for name in "xyz")
SEEDS = {"sqlite": range(2), "postgres": range(9)}

Ids = dict[str, str]
Writer = Callable[[Contacts, Ids], Awaitable[Any]]


def save(who: Any, at: int, **fields: Any) -> Writer:
    """A save; `verified=` is a verified address."""
    if "verified" in fields:
        fields |= {"email": fields.pop("verified"), "email_verified": True}
    return lambda contacts, _: contacts.save(who, at=minute(at), now=minute(at), **fields)


def delete(who: Any, at: int) -> Writer:
    return lambda contacts, _: contacts.delete(who, at=minute(at), now=minute(at))


def merge(into: str, other: str, at: int) -> Writer:
    return lambda contacts, ids: contacts.merge(ids[into], ids[other], at=minute(at), now=minute(at))


@dataclass(frozen=True)
class Scene:
    """Contacts that are there, by label, and three who write at once."""

    there: dict[str, Writer]
    writers: tuple[Writer, Writer, Writer]


SCENES = {
    "merge by e-mail, another field, delete of the absorbed": Scene(
        {"a": save(X, 0, name="A"), "b": save(Y, 1, verified="e@x.org")},
        (save(X, 13, verified="e@x.org"), save(X, 12, phone="1"), delete(Y, 14)),
    ),
    "merge by e-mail, another field, delete of the survivor": Scene(
        {"a": save(X, 0, name="A"), "b": save(Y, 1, verified="e@x.org")},
        (save(X, 13, verified="e@x.org"), save(X, 12, phone="1"), delete(X, 14)),
    ),
    "merge by e-mail, a field of the other, its delete": Scene(
        {"a": save(X, 0, name="A"), "b": save(Y, 1, verified="e@x.org")},
        (save(X, 13, verified="e@x.org"), save(Y, 12, phone="1", attributes={"k": 1}), delete(Y, 14)),
    ),
    "nobody is there yet": Scene(
        {},
        (save(X, 13, verified="e@x.org"), save(Y, 12, verified="e@x.org", name="A"), save(X, 11, phone="1")),
    ),
    "each claims the other's address": Scene(
        {"a": save(X, 0, verified="a@x.org"), "b": save(Y, 1, verified="b@x.org")},
        (save(X, 13, verified="b@x.org"), save(Y, 13, verified="a@x.org"), save(X, 12, phone="1")),
    ),
    "three become one in a ring": Scene(
        {"a": save(X, 0, name="A"), "b": save(Y, 1, name="B"), "c": save(Z, 2, verified="e@x.org")},
        (merge("a", "b", 13), save(X, 12, verified="e@x.org"), merge("b", "c", 14)),
    ),
    "three writers of three fields": Scene(
        {"a": save(X, 0, name="A")},
        (save(X, 13, phone="1"), save(X, 12, email="e@x.org"), save(X, 11, attributes={"k": 1}, name="B")),
    ),
    "one of two identities is taken away and comes back": Scene(
        {"a": save(X, 0, verified="e@x.org"), "also a": save(Y, 1, verified="e@x.org")},
        (save(X, 14, phone="1"), delete(X, 13), save(Y, 12, name="A")),
    ),
    "a new identity joins while the contact is deleted": Scene(
        {"a": save(X, 0, verified="e@x.org")},
        (save(Y, 13, verified="e@x.org"), delete(X, 12), save(Y, 14, phone="1")),
    ),
}


async def ending(contacts: Contacts, ids: Ids, store: Store) -> Any:
    """How it stands, with labels in the place of ids."""
    labels = {contact_id: label for label, contact_id in ids.items()}
    living = []
    for contact_id in await known_ids(store):
        state = await contacts.get(contact_id)
        if not isinstance(state, Tombstone) and state is not None:
            shown = state.model_dump(mode="json", exclude={"id", "version", "updated_at"})
            living.append((labels.get(contact_id, "new"), str(shown)))
    former = {}
    for label, contact_id in ids.items():
        state = await contacts.get(contact_id)
        if isinstance(state, Tombstone):
            former[label] = None if state.into is None else labels.get(state.into, "new")
    return sorted(living), former


async def known_ids(store: Store) -> list[str]:
    async def work(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(text("SELECT id FROM contacts"))).scalars())

    return await store._database.read(work)


async def set_up(store: Store, scene: Scene) -> Ids:
    return {label: (await writer(store.contacts, {})).contact.id for label, writer in scene.there.items()}


async def serial_endings(folder: Path, scene: Scene) -> list[Any]:
    """The endings of the six orders in which the calls can be made one after another."""
    endings = []
    for number, order in enumerate(itertools.permutations(scene.writers)):
        async with opened(f"sqlite:///{folder}/serial-{number}.db") as store:
            ids = await set_up(store, scene)
            for writer in order:
                await writer(store.contacts, ids)
            endings.append(await ending(store.contacts, ids, store))
    return endings


@pytest.mark.parametrize("name", SCENES)
async def test_three_writers_end_as_if_one_came_after_another(
    store: Store, store_url: str, tmp_path: Path, name: str
) -> None:
    """No lost update, one contact per person, unique identities, growing versions, whatever the interleaving."""
    scene = SCENES[name]
    endings = await serial_endings(tmp_path, scene)
    for seed in SEEDS["sqlite" if store_url.startswith("sqlite") else "postgres"]:
        await clear(store)
        ids = await set_up(store, scene)
        turns = Turns(seed)
        watch = Watch(store)
        databases = [SteppedDatabase(store_url, str(number), turns) for number in range(3)]
        try:
            await turns.conduct(
                {
                    str(number): writer(Contacts(database), ids)
                    for number, (writer, database) in enumerate(zip(scene.writers, databases, strict=True))
                },
                watch.look,
            )
        finally:
            for database in databases:
                await database.stop()
        await check_promises(store_url)
        assert await ending(store.contacts, ids, store) in endings, f"seed {seed}"
        assert watch.steps > 15
