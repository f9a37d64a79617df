"""Contacts: rows change, their snapshots follow, whoever writes at the same time and whoever crashes in between."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dispatcher.contacts import EntryContacts
from handlers.api import Context, handler
from schemas.contacts import Contact, Identity
from schemas.envelope import decode
from schemas.events import ContactSnapshot, Event, MessageCreated
from tests.contract.dispatchers import NOW, Rig, message, on_sqlite, until

ADA = Identity(source="support", platform="mygptassistants", id="ada")
ADA_TOO = Identity(source="crm", platform="mygptassistants", id="ada-crm")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


def contacts(rig: Rig, number: int = 0) -> EntryContacts:
    """What an attempt at an event is given."""
    equipment = rig.equipment()
    return EntryContacts(
        contacts=rig.store.contacts,
        log=equipment.log,
        topics=rig.topics,
        clock=equipment.clock,
        entry="sync",
        event=message(number),
        require_under_way=lambda: None,
    )


async def latest(rig: Rig) -> Mapping[str, ContactSnapshot | None]:
    """What a compacted topic would keep: the last record of each key."""
    found: dict[str, ContactSnapshot | None] = {}
    for record in await rig.records("contacts.state"):
        data = None if record.value is None else decode(record).data
        assert data is None or isinstance(data, ContactSnapshot)
        found[(record.key or b"").decode()] = data
    return found


async def test_a_snapshot_tells_the_contact(rig: Rig) -> None:
    """Its key is our own id, its fields are the row's."""
    mine = contacts(rig)
    saved = await mine.save(ADA, at=NOW, name="Ada", email="ada@example.org", attributes={"plan": "pro"})
    await mine.publish(saved.id)
    assert await latest(rig) == {
        saved.id: ContactSnapshot(
            contact_id=saved.id,
            name="Ada",
            email="ada@example.org",
            attributes={"plan": "pro"},
            identities=(ADA,),
            version=1,
        )
    }


async def ids(rig: Rig) -> list[str | None]:
    """The ids of the snapshots in the log; None for tombstones."""
    return [None if each.value is None else decode(each).id for each in await rig.records("contacts.state")]


async def test_a_snapshots_id_names_the_version(rig: Rig) -> None:
    """What was acknowledged is not published again, by whichever event."""
    mine = contacts(rig)
    saved = await mine.save(ADA, at=NOW, name="Ada")
    await mine.publish(saved.id)
    await mine.publish(saved.id)
    await contacts(rig).publish(saved.id)
    await contacts(rig, 1).publish(saved.id)
    assert await ids(rig) == [f"contact.snapshot:{saved.id}:1"]


async def test_events_that_changed_one_person_publish_the_latest_once(rig: Rig) -> None:
    """A message, its conversation and its contact tell of somebody at once: one snapshot says it all."""
    lanes = [contacts(rig, number) for number in range(3)]
    for number, each in enumerate(lanes[1:]):
        await each.save(ADA, at=NOW, attributes={f"fact {number}": number})
    saved = await lanes[0].save(ADA, at=NOW, name="Ada")
    for lane in lanes:
        assert await lane.changed() == {saved.id}
        await lane.publish(saved.id)
    assert await ids(rig) == [f"contact.snapshot:{saved.id}:3"]


async def test_an_id_that_never_had_a_snapshot_gets_no_tombstone(rig: Rig) -> None:
    """Somebody made and merged away within one event was never told of."""
    mine = contacts(rig)
    kept = await mine.save(ADA, at=NOW, name="Ada")
    gone = await mine.save(ADA_TOO, at=NOW, name="Ada")
    await mine.merge(kept.id, gone.id, at=NOW)
    for contact_id in sorted(await mine.changed()):
        await mine.publish(contact_id)
    await mine.settle()
    assert await ids(rig) == [f"contact.snapshot:{kept.id}:2"]
    assert await mine.changed() == frozenset()


async def test_what_an_event_changed_stays_known_until_it_is_done(rig: Rig) -> None:
    """A crash between writing the row and publishing loses no snapshot: the next attempt is told again."""
    first = contacts(rig)
    saved = await first.save(ADA, at=NOW, name="Ada")
    again = contacts(rig)
    assert (await again.save(ADA, at=NOW, name="Ada")).version == 1
    assert await again.changed() == {saved.id}
    await again.publish(saved.id)
    assert await contacts(rig).changed() == {saved.id}
    await again.settle()
    assert await contacts(rig).changed() == frozenset()


async def test_what_a_save_has_told_is_not_asked_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most messages are of somebody who is known: one call says that there is nothing to publish."""
    asked: list[str] = []
    unpublished = rig.store.contacts.unpublished

    async def ask(cause: str) -> frozenset[str]:
        asked.append(cause)
        return await unpublished(cause)

    monkeypatch.setattr(rig.store.contacts, "unpublished", ask)
    saved = await contacts(rig).save(ADA, at=NOW, name="Ada")
    second = contacts(rig, 1)
    await second.save(ADA, at=NOW + timedelta(seconds=1), name="Ada")
    assert (await second.changed(), asked) == (frozenset(), [])
    await second.delete(ADA, at=NOW + timedelta(seconds=1))
    assert (await second.changed(), asked) == (frozenset({saved.id}), [second.cause])


async def test_an_event_that_changes_nothing_has_nothing_to_publish(rig: Rig) -> None:
    """A second event with the same facts is silent."""
    first = contacts(rig, 0)
    await first.save(ADA, at=NOW, name="Ada")
    second = contacts(rig, 1)
    await second.save(ADA, at=NOW, name="Ada")
    assert await second.changed() == frozenset()


async def test_a_merged_contact_leaves_a_tombstone(rig: Rig) -> None:
    """Readers of the compacted topic forget the id that is an alias now."""
    mine = contacts(rig)
    kept = await mine.save(ADA, at=NOW, email="ada@example.org", email_verified=True)
    gone = await mine.save(ADA_TOO, at=NOW, name="Ada")
    await mine.publish(kept.id)
    await mine.publish(gone.id)
    merged = await mine.merge(kept.id, gone.id, at=NOW)
    for contact_id in await mine.changed():
        await mine.publish(contact_id)
    state = await latest(rig)
    assert state[gone.id] is None
    snapshot = state[merged.id]
    assert snapshot is not None
    assert snapshot.identities == (ADA_TOO, ADA)


async def test_a_deleted_contact_leaves_a_tombstone(rig: Rig) -> None:
    """When its last identity is taken away."""
    mine = contacts(rig)
    saved = await mine.save(ADA, at=NOW, name="Ada")
    await mine.publish(saved.id)
    await mine.delete(ADA, at=NOW)
    assert await mine.changed() == {saved.id}
    await mine.publish(saved.id)
    assert await latest(rig) == {saved.id: None}


class Slow:
    """The event log, whose appends wait for a word."""

    def __init__(self, rig: Rig) -> None:
        self._log = rig.log
        self.waiting: list[asyncio.Event] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, record: Any) -> Any:
        appending = self._log.append(record)
        word = asyncio.Event()
        self.waiting.append(word)

        class Waits:
            async def offset(self) -> int:
                await word.wait()
                return await appending.offset()

        return Waits()


async def test_a_change_during_the_append_is_published_too(rig: Rig) -> None:
    """The row is read again after the acknowledgement: another lane has changed it meanwhile."""
    mine, slow = contacts(rig), Slow(rig)
    saved = await mine.save(ADA, at=NOW, name="Ada")
    mine.log = slow  # type: ignore[assignment]  # the log, but slower
    publishing = asyncio.create_task(mine.publish(saved.id))
    await until(lambda: len(slow.waiting) == 1, "it is being appended")
    await contacts(rig, 1).save(ADA, at=NOW, name="Ada Lovelace")
    slow.waiting[0].set()
    await until(lambda: len(slow.waiting) == 2, "it is being appended again")
    slow.waiting[1].set()
    await publishing
    snapshot = (await latest(rig))[saved.id]
    assert snapshot is not None
    assert (snapshot.name, snapshot.version) == ("Ada Lovelace", 2)


class Rough:
    """The event log, whose appends take their time, and which may not answer, before or after it has written."""

    def __init__(self, rig: Rig, seed: str) -> None:
        self._log = rig.log
        self._random = Random(seed)  # noqa: S311 - a seeded order, not a secret

    def append(self, record: Any) -> Any:
        async def offset() -> int:
            await self._wait()
            found: int = await self._log.append(record).offset()
            await self._wait()
            return found

        return SimpleNamespace(offset=offset)

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(8)):
            await asyncio.sleep(0.001)
        if self._random.random() < 0.15:
            raise ConnectionError


async def test_an_older_version_that_came_late_is_made_good_after_a_crash(rig: Rig) -> None:
    """Its worker died behind the append, so the log ends with it: its event is told of the newer one again."""
    mine, word = contacts(rig), asyncio.Event()
    saved = await mine.save(ADA, at=NOW, name="Ada")

    async def late() -> int:
        await word.wait()
        await rig.log.append(appended[0]).offset()
        raise ConnectionError

    appended: list[Any] = []

    def append(record: Any) -> Any:
        appended.append(record)
        return SimpleNamespace(offset=late)

    mine.log = cast("Any", SimpleNamespace(append=append))
    publishing = asyncio.create_task(mine.publish(saved.id))
    await until(lambda: bool(appended), "it is being appended")
    await contacts(rig, 1).save(ADA, at=NOW, name="Ada Lovelace")
    await contacts(rig, 1).publish(saved.id)
    word.set()
    with pytest.raises(ConnectionError):
        await publishing
    await contacts(rig).publish(saved.id)
    snapshot = (await latest(rig))[saved.id]
    assert snapshot is not None
    assert (snapshot.name, snapshot.version) == ("Ada Lovelace", 2)


@pytest.mark.parametrize("seed", range(6))
async def test_the_log_ends_with_what_the_store_has(rig: Rig, seed: int) -> None:
    """Lanes that change, merge and delete a person at once, over appends that are slow, late or not answered."""
    random = Random(seed)  # noqa: S311 - a seeded order, not a secret
    one, other = (Identity(source=source, platform="p", id="x") for source in ("support", "crm"))

    async def lane(number: int) -> None:
        while True:
            mine = contacts(rig, number)
            mine.log = cast("Any", Rough(rig, f"{seed}/{number}/{random.random()}"))
            at = NOW + timedelta(seconds=number)
            try:
                if number == 3:
                    await mine.delete(other, at=at)
                else:
                    who, email = (one, other)[number % 2], "x@example.org" if number > 1 else None
                    await mine.save(who, at=at, attributes={str(number): 1}, email=email, email_verified=True)
                for contact_id in sorted(await mine.changed()):
                    await mine.publish(contact_id)
                await mine.settle()
            except ConnectionError:
                continue
            return

    order = random.sample(range(6), 6)
    await asyncio.gather(*map(lane, order))
    for contact_id, snapshot in (await latest(rig)).items():
        state = await rig.store.contacts.get(contact_id)
        assert state is not None
        assert (snapshot and snapshot.version) == (state.version if isinstance(state, Contact) else None)
    for who in (one, other):
        found = await rig.store.contacts.find(identity=who)
        assert found is None or found.id in await latest(rig)


async def test_many_lanes_that_write_one_person_leave_the_latest_snapshot(rig: Rig) -> None:
    """Thirty conversations of one person at once: the log ends with the version the store has."""

    @handler("sync", on=MessageCreated)
    async def sync(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.contacts.save(ADA, at=event.time, attributes={event.key: event.data.message_id})
        for contact_id in await ctx.contacts.changed():
            await ctx.contacts.publish(contact_id)

    await rig.append(*(message(number, key=f"c{number}") for number in range(30)))
    await rig.settle(sync)
    stored = await rig.store.contacts.find(identity=ADA)
    assert stored is not None
    snapshot = (await latest(rig))[stored.id]
    assert snapshot is not None
    assert snapshot.version == stored.version == 30
    assert snapshot.attributes == {f"c{number}": f"m{number}" for number in range(30)}
