"""Bytes that wait to be parsed: in turns, for so long in each turn of the loop."""

import asyncio
from collections.abc import Callable

import pytest

from receiver.turns import Turns


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def passing(self, seconds: float) -> Callable[[bytes], None]:
        """Parse something, which takes so long."""

        def parse(data: bytes) -> None:
            del data
            self.now += seconds

        return parse


class Sender:
    """A connection with so many pieces waiting, which take a while each."""

    def __init__(self, name: str, *, pieces: int, told: list[str], clock: Clock, takes: float = 0.0) -> None:
        self.name = name
        self.pieces = pieces
        self.told = told
        self.clock = clock
        self.takes = takes
        self.size = 1
        self.proved = False
        self.aborted = False

    @property
    def waiting(self) -> int:
        """Bytes."""
        return self.pieces * self.size

    def take_turn(self) -> bool:
        """Note that it was this one's turn."""
        self.told.append(self.name)
        self.clock.now += self.takes
        self.pieces -= 1
        return self.pieces > 0

    def abort(self) -> None:
        """Note that it is cut off."""
        self.aborted = True


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


async def loop_turns(count: int) -> None:
    """Let the loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_each_connection_has_a_piece_parsed_in_turn(clock: Clock) -> None:
    """However much one of them has sent."""
    told: list[str] = []
    turns = Turns(clock)
    for name, pieces in (("a", 3), ("b", 1), ("c", 2)):
        turns.join(Sender(name, pieces=pieces, told=told, clock=clock))
    await loop_turns(2)
    assert told == ["a", "b", "c", "a", "c", "a"]


async def test_a_turn_of_the_loop_ends_after_a_millisecond(clock: Clock) -> None:
    """What is left waits for the next one: everything else runs in between."""
    told: list[str] = []
    Turns(clock).join(Sender("a", pieces=5, told=told, clock=clock, takes=0.0006))
    seen = []
    for _ in range(4):
        await asyncio.sleep(0)
        seen.append(len(told))
    assert seen == [2, 4, 5, 5]


async def test_who_has_delivered_goes_first(clock: Clock) -> None:
    """Also before those that came earlier."""
    told: list[str] = []
    turns = Turns(clock)
    turns.join(Sender("stranger", pieces=1, told=told, clock=clock))
    known = Sender("known", pieces=2, told=told, clock=clock)
    known.proved = True
    turns.join(known)
    await loop_turns(2)
    assert told == ["known", "known", "stranger"]


async def test_who_holds_most_is_cut_off_when_too_much_waits(clock: Clock) -> None:
    """Of those that delivered nothing; the others have their turns."""
    told: list[str] = []
    turns = Turns(clock)
    small, large, known = (Sender(name, pieces=1, told=told, clock=clock) for name in ("small", "large", "known"))
    small.size, large.size, known.size = 3 * 2**20, 6 * 2**20, 8 * 2**20
    known.proved = True
    for one in (known, large, small):
        turns.join(one)
    await loop_turns(2)
    assert ([one.aborted for one in (small, large, known)], told) == ([False, True, False], ["known", "small"])


async def test_bytes_that_are_thrown_away_do_not_count_for_ever(clock: Clock) -> None:
    """Of a body that is refused while it waits: whoever comes later has room."""
    told: list[str] = []
    turns = Turns(clock)
    late = [Sender("late", pieces=1, told=told, clock=clock) for _ in range(4)]
    for one in late:
        one.size = 6 * 2**20
        turns.join(one)
        one.size = 0
        await loop_turns(2)
    assert [one.aborted for one in late] == [False] * 4


async def test_what_is_short_is_parsed_at_once_for_a_millisecond(clock: Clock) -> None:
    """Then no more in this turn of the loop; in the next one again."""
    turns = Turns(clock)
    parse = clock.passing(0.0006)
    assert [turns.at_once(parse, b"a") for _ in range(3)] == [True, True, False]
    assert clock.now == pytest.approx(0.0012)
    await loop_turns(1)
    assert turns.at_once(parse, b"a")
