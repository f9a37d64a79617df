"""The pending timers of a partition, and the gate before they fire."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from dispatcher.timers import Gate, TimerKey, Timers, key_of, parts_of, text_of
from schemas.record import TopicPartition
from store.schedule import TimerRow, firing_id

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def row(name: str = "ask", *, due: int = 10, offset: int = 5, setter: str | None = None) -> TimerRow:
    key = TimerKey("support", "c1", name)
    made = TimerRow(
        source=key.source,
        key=key.key,
        name=name,
        due=minute(due),
        platform="mygptassistants",
        conversation_id="c1",
        received_at=NOON,
        handler="h",
        at=TopicPartition("t", 0),
        setter_offset=offset,
        setter_id=setter or f"e{offset}",
        firing="",
    )
    return replace(made, firing=firing_id("h", made, made.setter_id))


def loaded(*rows: TimerRow, new_from: int = 0) -> Timers:
    timers = Timers(new_from=new_from)
    timers.load(rows)
    return timers


def test_timers_come_due_in_order() -> None:
    """The earliest first, and none before its time."""
    timers = loaded(row("late", due=20), row("soon", due=10))
    assert timers.next_due() == minute(10)
    assert timers.due(minute(9)) == []
    assert [each.name for each in timers.due(minute(30))] == ["soon", "late"]


def test_a_timer_comes_due_once() -> None:
    """While it is on its way it is not told again, and still pending."""
    timers = loaded(first := row())
    assert timers.due(minute(10)) == [first]
    assert timers.due(minute(99)) == []
    assert timers.pending(first)


def test_a_newer_event_moves_a_timer() -> None:
    """The old firing is void, the new one comes at its own time."""
    timers = loaded(old := row(due=10, offset=5))
    timers.set(new := row(due=20, offset=6))
    assert timers.pending(old) is False
    assert timers.due(minute(10)) == []
    assert timers.due(minute(20)) == [new]


def test_a_timer_can_be_moved_while_it_is_on_its_way() -> None:
    """It came due, and an event that was read before it fires sets it anew: it comes due once more."""
    timers = loaded(old := row(due=10, offset=5))
    assert timers.due(minute(10)) == [old]
    timers.set(new := row(due=11, offset=6))
    assert timers.due(minute(11)) == [new]


def test_an_older_event_moves_nothing() -> None:
    """An event that is delivered again does not undo what a later one did."""
    timers = loaded(row(due=20, offset=6))
    timers.set(row(due=10, offset=5))
    assert timers.cancel(TimerKey("support", "c1", "ask"), offset=5) is False
    assert timers.next_due() == minute(20)


def test_the_same_event_again_changes_nothing() -> None:
    """A repeated settlement does not make a second firing."""
    timers = loaded(first := row())
    timers.set(row())
    assert timers.due(minute(10)) == [first]
    timers.set(row())
    assert timers.due(minute(10)) == []


def test_a_cancelled_timer_is_gone() -> None:
    """A newer event cancels it, also while it is on its way."""
    timers = loaded(first := row(offset=5))
    timers.due(minute(10))
    assert timers.cancel(key_of(first), offset=6) is True
    assert (timers.pending(first), len(timers), timers.next_due()) == (False, 0, None)


def test_a_firing_ends_its_timer() -> None:
    """When its firing is settled the timer is over."""
    timers = loaded(first := row())
    timers.fired(first)
    assert (timers.pending(first), len(timers)) == (False, 0)


def test_a_firing_that_set_its_timer_anew_does_not_end_it() -> None:
    """A handler that asks again in ten minutes from its own timer is asked again."""
    timers = loaded(first := row(due=10, offset=5))
    timers.due(minute(10))
    timers.set(again := row(due=20, offset=5, setter=first.firing))
    timers.fired(first)
    assert timers.due(minute(20)) == [again]


def test_an_event_that_may_have_been_handled_before_leaves_doubt() -> None:
    """The store may have refused what a redelivered event did; it is asked before the timer fires."""
    timers = loaded(new_from=100)
    timers.set(row(offset=99))
    assert timers.doubtful == {TimerKey("support", "c1", "ask")}
    timers.set(row(offset=100))
    assert timers.doubtful == set()


def test_a_doubtful_timer_that_the_store_does_not_have_is_gone() -> None:
    """A later event had cancelled it, or it had fired."""
    timers = loaded(new_from=100)
    timers.set(first := row(offset=99))
    timers.reconcile(timers.ask(), [])
    assert (timers.pending(first), timers.doubtful) == (False, set())


def test_a_doubtful_timer_is_as_the_store_has_it() -> None:
    """A later event had moved it."""
    timers = loaded(new_from=100)
    timers.set(row(due=10, offset=98))
    timers.reconcile(timers.ask(), [moved := row(due=30, offset=99)])
    assert (timers.due(minute(10)), timers.due(minute(30))) == ([], [moved])


def test_a_timer_written_beyond_doubt_meanwhile_stays() -> None:
    """What was read from the store may be older than what has happened since."""
    timers = loaded(new_from=100)
    timers.set(row(due=10, offset=99))
    asked = timers.ask()
    timers.set(new := row(due=20, offset=101))
    timers.reconcile(asked, [])
    assert timers.due(minute(20)) == [new]


def test_a_doubtful_timer_set_while_the_store_was_read_is_not_lost() -> None:
    """An event cancels, the store is read, a later one sets; both are redelivered, so both leave doubt."""
    timers = loaded(new_from=100)
    timers.cancel(TimerKey("support", "c1", "ask"), offset=97)
    asked = timers.ask()
    timers.set(new := row(due=10, offset=99))
    timers.reconcile(asked, [])
    assert (timers.pending(new), timers.doubtful) == (True, {key_of(new)})
    timers.reconcile(timers.ask(), [new])
    assert (timers.due(minute(10)), timers.doubtful) == ([new], set())


def test_a_timer_that_fired_while_the_store_was_read_stays_over() -> None:
    """What was read still has it; it is asked again before anything comes of that."""
    timers = loaded(new_from=100)
    timers.set(first := row(offset=99))
    asked = timers.ask()
    timers.fired(first)
    timers.reconcile(asked, [first])
    assert not timers.pending(first)


def test_a_replayed_event_leaves_doubt_that_an_older_answer_does_not_end() -> None:
    """Newer events may have had their say about its timers, which only a later reading tells."""
    timers = loaded(first := row())
    asked = timers.ask()
    timers.doubt([key_of(first)])
    timers.reconcile(asked, [])
    assert timers.doubtful == {key_of(first)}


def test_moved_timers_do_not_fill_the_memory() -> None:
    """A timer that every message moves keeps one entry, not one for each message."""
    timers = Timers()
    for offset in range(10_000):
        timers.set(row(due=offset, offset=offset))
    assert len(timers._heap) < 1_100
    assert [each.setter_offset for each in timers.due(minute(20_000))] == [9_999]


def test_the_gate_opens_when_the_partition_has_been_read() -> None:
    """A timer waits for all that was in the partition when it came due."""
    gate = Gate()
    gate.enter([first := row("a")], end=7)
    gate.enter([second := row("b")], end=9)
    assert (gate.leave(6), gate.leave(7), len(gate)) == ([], [first], 1)
    assert (gate.free(9), gate.leave(9), gate.leave(9)) == ([second], [second], [])


def test_a_doubtful_timer_stays_behind_the_gate() -> None:
    """It goes on when the store was asked; others of its partition do not wait for it."""
    gate = Gate()
    gate.enter([first := row("a"), second := row("b")], end=7)
    assert (gate.leave(7, {key_of(first)}), len(gate)) == ([second], 1)
    assert (gate.leave(7), len(gate)) == ([first], 0)


@pytest.mark.parametrize("conversation", [None, "", "conv_1", "\x1etimer:[1]"])
@pytest.mark.parametrize("data", [{}, {"contact": "u1", "n": 3, "nested": {"x": [None]}}])
def test_conversation_and_data_come_back(conversation: str | None, data: dict[str, JsonValue]) -> None:
    """They share one column of the store, whatever a platform's ids look like."""
    assert parts_of(text_of(conversation, data)) == (conversation, data)


def test_a_timer_without_data_keeps_a_plain_conversation() -> None:
    """What people look up in the store is readable."""
    assert text_of("conv_1", {}) == "conv_1"
