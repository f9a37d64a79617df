"""What was under way when a worker crashed, on both databases."""

from store.store import Store
from tests.contract.stores import AT, LOG
from tests.contract.test_store_owners import OTHER


async def test_notes_are_found_by_the_next_owner(store: Store) -> None:
    """With how often each ended the process alone."""
    first = await store.owners.claim("h", [AT, OTHER], LOG)
    assert await store.suspects.note("h", first, {AT: {"record 1": 0, "record 2": 1}, OTHER: {"timer x": 0}}) == {
        AT,
        OTHER,
    }
    second = await store.owners.claim("h", [AT, OTHER], LOG)
    assert await store.suspects.found("h", second) == {AT: {"record 1": 0, "record 2": 1}, OTHER: {"timer x": 0}}


async def test_the_last_word_about_an_item_counts(store: Store) -> None:
    """It begins, ends, and begins again with another count."""
    epochs = await store.owners.claim("h", [AT], LOG)
    await store.suspects.note("h", epochs, {AT: {"record 1": 0, "record 2": 0}})
    await store.suspects.note("h", epochs, {AT: {"record 1": 2, "record 2": None, "record 3": None}})
    assert await store.suspects.found("h", epochs) == {AT: {"record 1": 2}}


async def test_all_that_was_under_way_is_found_by_its_entry(store: Store) -> None:
    """In the log that is asked for."""
    for handler, log, item in (("h", LOG, "record 1"), ("other", LOG, "replay 2"), ("h", "another log", "record 1")):
        epochs = await store.owners.claim(handler, [AT], log)
        await store.suspects.note(handler, epochs, {AT: {item: 3}})
    place = f"{AT.topic}/{AT.partition}"
    assert await store.suspects.all(LOG) == {"h": {f"{place} record 1": 3}, "other": {f"{place} replay 2": 3}}


async def test_who_lost_a_partition_notes_nothing_there(store: Store) -> None:
    """What it notes of the others counts."""
    former = await store.owners.claim("h", [AT, OTHER], LOG)
    present = await store.owners.claim("h", [AT], LOG)
    assert await store.suspects.note("h", former, {AT: {"record 1": 0}, OTHER: {"record 1": 0}}) == {OTHER}
    assert await store.suspects.found("h", present | {OTHER: former[OTHER]}) == {AT: {}, OTHER: {"record 1": 0}}


async def test_an_orderly_release_clears_the_partition(store: Store) -> None:
    """Of its own notes alone."""
    mine, other = [await store.owners.claim(handler, [AT], LOG) for handler in ("h", "other")]
    await store.suspects.note("h", mine, {AT: {"record 1": 0}})
    await store.suspects.note("other", other, {AT: {"record 1": 0}})
    await store.owners.release("h", mine)
    assert await store.suspects.found("h", await store.owners.claim("h", [AT], LOG)) == {AT: {}}
    assert await store.suspects.found("other", other) == {AT: {"record 1": 0}}


async def test_as_many_as_one_may_attempt_are_noted_at_once(store: Store) -> None:
    """No bound of a statement is met."""
    epochs = await store.owners.claim("h", [AT], LOG)
    items = {f"record {number}": 0 for number in range(1_000)}
    await store.suspects.note("h", epochs, {AT: items})
    assert await store.suspects.found("h", epochs) == {AT: items}
    await store.suspects.note("h", epochs, {AT: dict.fromkeys(items)})
    assert await store.suspects.found("h", epochs) == {AT: {}}
