"""Timers of which only the next are in memory: each comes due once, in order, whatever changes meanwhile."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatcher.timers import Timers
from schemas.record import TopicPartition
from store.schedule import START, Place, TimerKey, TimerRow

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FOREVER = NOON + timedelta(days=1)
PAGE = 2
NUMBERS = range(16)
# Timers that are set to a minute, or cancelled.
Changes: TypeAlias = list[tuple[int, int | None]]
CHANGES = st.lists(st.tuples(st.sampled_from(NUMBERS), st.integers(0, 30) | st.none()), max_size=4)


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def row(number: int, due: int, firing: str = "") -> TimerRow:
    """Timer `number`, whose row has that id."""
    return TimerRow(
        id=number,
        source="support",
        key=f"c{number}",
        name="ask",
        due=minute(due),
        platform="p",
        conversation_id=None,
        received_at=NOON,
        handler="h",
        at=TopicPartition("t", 0),
        setter_offset=0,
        setter_id="e",
        firing=firing or f"{number} at {due}",
    )


def page_of(rows: dict[int, TimerRow], after: Place | None, page: int) -> list[TimerRow]:
    """What the store answers."""
    return sorted((each for each in rows.values() if each.place > (after or START)), key=lambda each: each.place)[:page]


def fed(timers: Timers, rows: dict[int, TimerRow]) -> None:
    """Load until nothing more is wanted."""
    while timers.hungry:
        timers.ask()
        answer = page_of(rows, timers.reach, timers.page)
        timers.load(answer, answer[-1].place if len(answer) == timers.page else None)


@dataclass(frozen=True)
class Written:
    """A transaction of which the worker has not heard yet."""

    now: dict[TimerKey, TimerRow | None]
    fired: TimerRow | None = None


class PagingMachine(RuleBasedStateMachine):
    """A store, what a worker holds of it, and the lanes: what concerns one timer comes one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers(page=PAGE, reach=START)
        self.rows: dict[int, TimerRow] = {}
        self.unheard: dict[int, Written] = {}
        self.came: dict[int, list[TimerRow]] = {number: [] for number in NUMBERS}
        self.asked = False
        self.now = 0
        self.serial = 0

    @initialize(dues=st.lists(st.integers(0, 30), min_size=len(NUMBERS), max_size=len(NUMBERS)))
    def some(self, dues: list[int]) -> None:
        self.rows = {number: row(number, due) for number, due in enumerate(dues)}

    def free(self, number: int) -> bool:
        return number not in self.unheard

    def write(self, number: int, due: int | None, fired: TimerRow | None = None) -> None:
        self.serial += 1
        self.rows.pop(number, None)
        if due is not None:
            self.rows[number] = row(number, due, f"firing {self.serial}")
        now = {} if fired and due is None else {row(number, 0).called: self.rows.get(number)}
        self.unheard[number] = Written(now, fired)

    @rule(number=st.sampled_from(NUMBERS), due=st.integers(0, 30) | st.none())
    def change(self, number: int, due: int | None) -> None:
        if self.free(number):
            self.write(number, due)

    @rule(number=st.sampled_from(NUMBERS), due=st.none() | st.integers(0, 30))
    def fire(self, number: int, due: int | None) -> None:
        if not self.free(number) or not self.came[number]:
            return
        first = self.came[number].pop(0)
        if self.timers.pending(first):
            assert self.rows[number] == first
            self.write(number, due, first)

    @precondition(lambda self: self.unheard)
    @rule(which=st.integers(0, 20))
    def hear(self, which: int) -> None:
        written = self.unheard.pop(list(self.unheard)[which % len(self.unheard)])
        if written.fired is not None:
            self.timers.fired(written.fired)
        self.timers.learn(written.now)

    @precondition(lambda self: self.timers.hungry)
    @rule(before=CHANGES, between=CHANGES, heard=st.booleans(), fails=st.booleans())
    def load(self, before: Changes, between: Changes, *, heard: bool, fails: bool) -> None:
        """A page is asked for, read and here; other things happen meanwhile, and may be heard of only afterwards."""
        self.timers.ask()
        self.change_some(before, heard=heard)
        answer = page_of(self.rows, self.timers.reach, PAGE)
        self.change_some(between, heard=heard)
        if not fails:
            self.timers.load(answer, answer[-1].place if len(answer) == PAGE else None)
        self.asked = fails

    def change_some(self, changes: Changes, *, heard: bool) -> None:
        for number, due in changes:
            self.change(number, due)
            if heard and number in self.unheard:
                self.hear(list(self.unheard).index(number))

    @rule(minutes=st.integers(0, 4))
    def pass_time(self, minutes: int) -> None:
        self.now += minutes
        self.come()

    def come(self) -> None:
        found = self.timers.due(minute(self.now))
        assert found == sorted(found, key=lambda each: each.place)
        for each in found:
            self.came[each.id].append(each)

    @invariant()
    def little_is_held(self) -> None:
        # after a failure more is asked for at once, and till then what is learned is kept
        if not self.asked:
            assert len(self.timers) - len(self.timers._leaving) <= 3 * PAGE

    def teardown(self) -> None:
        """At the end every timer that is set comes due, and no other is believed to be."""
        while self.unheard:
            self.hear(0)
        self.now = 99
        while True:
            self.come()
            if not self.timers.hungry:
                break
            fed(self.timers, self.rows)
        held = {each.id: each for lane in self.came.values() for each in lane if self.timers.pending(each)}
        assert held == self.rows
        assert len(self.timers) == len(self.rows)


PagingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50)
TestPaging: type = PagingMachine.TestCase
"""None is lost, none comes twice, and none comes that was moved or cancelled."""


def test_few_are_held() -> None:
    """However many are set, one after another."""
    timers = Timers(page=100)
    rows = {number: row(number, number) for number in range(5_000)}
    for each in reversed(rows.values()):
        timers.learn({each.called: each})
        assert len(timers) <= 300
    assert [each.id for each in timers.due(minute(99))] == list(range(100))
    assert timers.reach == rows[252].place


def test_all_of_one_moment_come_in_the_order_of_their_rows() -> None:
    """A page ends among timers that are due at the same time."""
    timers = Timers(page=10, reach=START)
    rows = {number: row(number, 5) for number in range(35)}
    found: list[TimerRow] = []
    fed(timers, rows)
    while due := timers.due(FOREVER):
        found += due
        for each in due:
            timers.fired(each)
            del rows[each.id]
        fed(timers, rows)
    assert [each.id for each in found] == list(range(35))


def test_no_more_are_loaded_while_many_are_on_their_way() -> None:
    """After a downtime all are due at once; the lanes hold ten pages of them."""
    timers = Timers(page=10, reach=START)
    rows = {number: row(number, 0) for number in range(500)}
    for _ in range(30):
        fed(timers, rows)
        timers.due(FOREVER)
    assert len(timers) == 100
    assert not timers.hungry
    timers.fired(rows.pop(0))
    assert timers.hungry


@pytest.mark.parametrize(("due", "known"), [(3, True), (30, False)])
def test_what_is_set_while_a_page_is_loaded_is_kept_as_far_as_it_reaches(due: int, *, known: bool) -> None:
    """The store answered before it was written."""
    timers = Timers(page=2)
    timers.load([row(1, 1)], row(1, 1).place)
    timers.ask()
    answer = [row(2, 2), row(3, 5)]
    new = row(4, due)
    timers.learn({new.called: new})
    timers.load(answer, answer[-1].place)
    assert timers.pending(new) is known


def test_nothing_is_left_out_between_what_is_held_and_the_page_that_comes() -> None:
    """Much is set meanwhile, more than is held: none of it is left to the store before the page is here."""
    timers = Timers(page=1)
    timers.load([row(1, 10)], row(1, 10).place)
    timers.ask()
    for number in range(2, 6):
        timers.learn({row(number, 1).called: row(number, 1)})
    timers.load([row(9, 11)], row(9, 11).place)
    rows = {number: row(number, due) for number, due in ((1, 10), (2, 1), (3, 1), (4, 1), (5, 1), (9, 11))}
    found: list[TimerRow] = []
    while due := timers.due(FOREVER):
        found += due
        fed(timers, rows)
    assert [each.id for each in found] == [2, 3, 4, 5, 1, 9]


def test_what_is_moved_while_a_page_is_loaded_stays_moved() -> None:
    """The answer is of before."""
    timers = Timers(page=2)
    timers.load([row(1, 1)], row(1, 1).place)
    timers.ask()
    moved = replace(row(2, 40), firing="new")
    timers.learn({moved.called: moved, row(3, 0).called: None})
    timers.load([row(2, 2), row(3, 3)], row(3, 3).place)
    assert [each.id for each in timers.due(FOREVER)] == [1]
