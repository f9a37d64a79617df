"""How far sources were polled, on both databases."""

from datetime import timedelta

import pytest

from store.errors import PollNotHeld
from store.polls import Conversation, Held, Polled
from store.store import Store
from tests.contract.stores import DAY, NOW

MINE = Held(source="help", holder="one")
OTHER = Held(source="help", holder="two")
LATER = NOW + timedelta(minutes=1)


async def claim(store: Store, held: Held = MINE, *, minutes: int = 0) -> Polled | None:
    now = NOW + timedelta(minutes=minutes)
    return await store.polls.claim(held, now=now, until=now + timedelta(minutes=2))


async def numbers(store: Store, *, watched: int = 10, since: timedelta = timedelta(0)) -> list[tuple[int, int | None]]:
    waiting = await store.polls.waiting("help", since=NOW + since, watched=watched)
    return [(one.number, one.mark) for one in waiting]


def seen(number: int, mark: int | None = None, address: str | None = "s") -> Conversation:
    return Conversation(number=number, address=address and f"{address}{number}", mark=mark)


async def test_one_holds_a_source(store: Store) -> None:
    """Another stands by, until the lease ends or is given back; whoever has it keeps it."""
    assert await claim(store) == Polled(source="help", cursor=None, polled_at=None)
    assert await claim(store, OTHER, minutes=1) is None
    assert await claim(store, minutes=1) is not None
    assert await claim(store, OTHER, minutes=2) is None
    assert await claim(store, OTHER, minutes=3) is not None
    assert await claim(store, minutes=3) is None
    await store.polls.release(OTHER)
    assert await claim(store, minutes=3) is not None


async def test_sources_are_held_apart(store: Store) -> None:
    """Each source has a lease of its own."""
    await claim(store)
    assert await claim(store, Held(source="other", holder="two")) is not None


async def test_what_was_found_waits(store: Store) -> None:
    """Lists are read up to the cursor, and what they showed waits to be read, known or not."""
    await claim(store)
    await store.polls.found(MINE, [seen(1), seen(2, mark=5)], cursor='{"a":1}', now=NOW)
    assert await numbers(store) == [(1, None), (2, 5)]
    assert (await store.polls.states())[0].cursor == '{"a":1}'


async def test_a_mark_moves(store: Store) -> None:
    """What was read does not wait any more, and keeps its mark when news of it are found."""
    await claim(store)
    await store.polls.found(MINE, [seen(1)], cursor="{}", now=NOW)
    await store.polls.read(MINE, seen(1, mark=7), pending=False, active_at=None)
    assert await numbers(store, watched=0) == []
    assert await numbers(store) == [(1, 7)]
    await store.polls.found(MINE, [seen(1)], cursor="{}", now=NOW)
    assert await numbers(store, watched=0) == [(1, 7)]


async def test_the_latest_are_watched(store: Store) -> None:
    """Of those without known news, only so many, and only those of late."""
    await claim(store)
    for number in (1, 2, 3):
        await store.polls.found(MINE, [seen(number)], cursor="{}", now=NOW + number * DAY)
        await store.polls.read(MINE, seen(number), pending=False, active_at=None)
    assert await numbers(store, watched=2) == [(3, None), (2, None)]
    assert await numbers(store, since=3 * DAY) == [(3, None)]
    await store.polls.read(MINE, seen(1), pending=False, active_at=NOW + 9 * DAY)
    assert await numbers(store, since=4 * DAY) == [(1, None)]


async def test_what_has_no_address_is_not_read(store: Store) -> None:
    """A conversation that could not be found is known, and not looked for each time."""
    await claim(store)
    await store.polls.found(MINE, [seen(1, address=None)], cursor="{}", now=NOW)
    assert await numbers(store) == []
    assert await store.polls.known("help", {1, 2}) == {1: seen(1, address=None)}


async def test_a_lost_lease_writes_nothing(store: Store) -> None:
    """A process that was frozen for too long changes nothing of what another does."""
    await claim(store)
    await store.polls.found(MINE, [seen(1)], cursor="{}", now=NOW)
    await claim(store, OTHER, minutes=9)
    with pytest.raises(PollNotHeld, match="polled by another process"):
        await store.polls.found(MINE, [seen(2)], cursor="bad", now=NOW)
    with pytest.raises(PollNotHeld):
        await store.polls.read(MINE, seen(1, mark=9), pending=False, active_at=None)
    with pytest.raises(PollNotHeld):
        await store.polls.finished(MINE, NOW)
    await store.polls.release(MINE)
    assert await numbers(store) == [(1, None)]
    assert [(one.cursor, one.polled_at) for one in await store.polls.states()] == [("{}", None)]
    assert await claim(store, minutes=9) is None


async def test_rounds_are_noted(store: Store) -> None:
    """The end of the last round that went well tells how old the news is."""
    await claim(store)
    await store.polls.finished(MINE, LATER)
    assert [one.polled_at for one in await store.polls.states()] == [LATER]


async def test_quiet_conversations_expire(store: Store) -> None:
    """All but those that wait to be read."""
    await claim(store)
    await store.polls.found(MINE, [seen(1), seen(2)], cursor="{}", now=NOW)
    await store.polls.read(MINE, seen(1), pending=False, active_at=None)
    assert await store.polls.expire(NOW) == 0
    assert await store.polls.expire(LATER) == 1
    assert await store.polls.known("help", {1, 2}) == {2: seen(2)}
