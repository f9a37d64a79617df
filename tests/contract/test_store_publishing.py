"""What an event has to publish is written down with what it changed, on both databases."""

from store.store import Store
from tests.contract.stores import DAY, NOW, minute, person

ANN = person("u1")
ANN_MAIL = person("ann", source="newsletter")


async def test_a_change_is_owed_until_it_is_published(store: Store) -> None:
    """The event that is delivered again after a crash is told that it changed something."""
    first = await store.contacts.save(ANN, at=NOW, now=NOW, name="Ann", cause="e1")
    again = await store.contacts.save(ANN, at=NOW, now=NOW, name="Ann", cause="e1")
    assert (first.changed, again.changed) == (True, True)
    assert await store.contacts.unpublished("e1") == {first.contact.id}
    await store.contacts.published("e1", [first.contact.id])
    assert (await store.contacts.save(ANN, at=NOW, now=NOW, name="Ann", cause="e1")).changed is False
    assert await store.contacts.unpublished("e1") == frozenset()


async def test_what_changes_nothing_owes_nothing(store: Store) -> None:
    """Most messages name a contact that is known."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")
    assert (await store.contacts.save(ANN, at=minute(2), now=NOW, name="Ann", cause="e2")).changed is False
    assert await store.contacts.unpublished("e2") == frozenset()


async def test_each_change_tells_all_that_is_owed(store: Store) -> None:
    """So nobody has to ask again what an event is to publish."""
    one = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")
    two = await store.contacts.save(ANN_MAIL, at=minute(1), now=NOW, cause="e1")
    again = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")
    other = await store.contacts.save(ANN, at=minute(2), now=NOW, name="Ann", cause="e2")
    first, both = frozenset({one.contact.id}), frozenset({one.contact.id, two.contact.id})
    assert (one.owed, two.owed, again.owed, other.owed) == (first, both, both, frozenset())
    merged = await store.contacts.merge(one.contact.id, two.contact.id, at=minute(3), now=NOW, cause="e1")
    assert merged.owed == both


async def test_what_came_too_late_still_owes_what_it_changed_before(store: Store) -> None:
    """The event is tried again when a newer one has taken the identity away: its tombstone is not forgotten."""
    saved = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")
    await store.contacts.delete(ANN, at=minute(2), now=NOW, cause="e2")
    again = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")
    assert (again.contact.id, again.owed) == (saved.contact.id, frozenset({saved.contact.id}))


async def test_events_owe_apart(store: Store) -> None:
    """Two lanes changed one person: each publishes, each crosses out its own."""
    contact = (await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", cause="e1")).contact
    await store.contacts.save(ANN, at=minute(2), now=NOW, phone="1", cause="e2")
    await store.contacts.published("e2", [contact.id])
    assert await store.contacts.unpublished("e1") == {contact.id}


async def test_absorbed_ids_are_owed_too(store: Store) -> None:
    """Their tombstones must reach the log."""
    old = (await store.contacts.save(ANN, at=minute(1), now=minute(1), email="a@x.org", email_verified=True)).contact
    young = (await store.contacts.save(ANN_MAIL, at=minute(1), now=minute(2))).contact
    for _ in range(2):
        saved = await store.contacts.save(
            ANN_MAIL, at=minute(3), now=minute(3), email="a@x.org", email_verified=True, cause="e3"
        )
        assert (saved.changed, saved.absorbed) == (True, (young.id,))
    assert await store.contacts.unpublished("e3") == {old.id, young.id}
    await store.contacts.published("e3", [old.id])
    saved = await store.contacts.save(
        ANN_MAIL, at=minute(3), now=minute(3), email="a@x.org", email_verified=True, cause="e3"
    )
    assert (saved.changed, saved.absorbed) == (False, (young.id,))


async def test_a_merge_by_hand_owes_both(store: Store) -> None:
    """Also when it is done again."""
    one = (await store.contacts.save(ANN, at=NOW, now=NOW)).contact
    two = (await store.contacts.save(ANN_MAIL, at=NOW, now=NOW)).contact
    for _ in range(2):
        merged = await store.contacts.merge(one.id, two.id, at=NOW, now=NOW, cause="e")
        assert (merged.changed, merged.absorbed) == (True, (two.id,))


async def test_a_delete_owes_the_tombstone(store: Store) -> None:
    """Delivered again it still names the id, until it is published."""
    saved = (await store.contacts.save(ANN, at=minute(1), now=NOW)).contact
    first = await store.contacts.delete(ANN, at=minute(2), now=NOW, cause="d")
    again = await store.contacts.delete(ANN, at=minute(2), now=NOW, cause="d")
    assert first == again
    assert first is not None
    assert (first.id, first.version) == (saved.id, 2)
    await store.contacts.published("d", [saved.id])
    assert await store.contacts.delete(ANN, at=minute(2), now=NOW, cause="d") is None


async def test_a_delete_that_leaves_others_owes_the_snapshot(store: Store) -> None:
    """The contact has one identity less, which readers must see."""
    one = (await store.contacts.save(ANN, at=minute(1), now=NOW)).contact
    two = (await store.contacts.save(ANN_MAIL, at=minute(1), now=NOW)).contact
    await store.contacts.merge(one.id, two.id, at=minute(2), now=NOW)
    first = await store.contacts.delete(ANN, at=minute(3), now=NOW, cause="d")
    again = await store.contacts.delete(ANN, at=minute(3), now=NOW, cause="d")
    assert first == again
    assert await store.contacts.unpublished("d") == {one.id}


async def test_debts_of_long_ago_are_forgotten(store: Store) -> None:
    """Their events are dead."""
    await store.contacts.save(ANN, at=NOW, now=NOW, cause="e1")
    await store.contacts.save(ANN_MAIL, at=NOW, now=NOW + 2 * DAY, cause="e2")
    assert await store.contacts.expire(NOW + DAY) == 1
    assert await store.contacts.unpublished("e1") == frozenset()
    assert await store.contacts.unpublished("e2") != frozenset()
