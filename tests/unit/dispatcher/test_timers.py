"""The pending timers of a partition, and the gate before they fire."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dispatcher.timers import Gate, Timers
from schemas.record import TopicPartition
from store.schedule import TimerKey, TimerRow, firing_id

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def row(name: str = "ask", *, due: int = 10, offset: int = 5, setter: str | None = None, number: int = 1) -> TimerRow:
    key = TimerKey("support", "c1", name)
    made = TimerRow(
        id=number,
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


def loaded(*rows: TimerRow) -> Timers:
    timers = Timers()
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
    new = row(due=20, offset=6)
    timers.learn({new.called: new})
    assert timers.pending(old) is False
    assert timers.due(minute(10)) == []
    assert timers.due(minute(20)) == [new]


def test_a_timer_can_be_moved_while_it_is_on_its_way() -> None:
    """It came due, and an event that was read before it fires sets it anew: it comes due once more."""
    timers = loaded(old := row(due=10, offset=5))
    assert timers.due(minute(10)) == [old]
    new = row(due=11, offset=6)
    timers.learn({new.called: new})
    assert timers.due(minute(11)) == [new]


def test_what_the_store_kept_as_it_was_changes_nothing() -> None:
    """The store refused an event that is delivered again: the timer is not told a second time."""
    timers = loaded(first := row())
    assert timers.learn({first.called: first}) == []
    assert timers.due(minute(10)) == [first]
    assert timers.learn({first.called: first}) == []
    assert timers.due(minute(10)) == []


def test_a_timer_that_the_store_does_not_have_is_gone() -> None:
    """Also while it is on its way."""
    timers = loaded(first := row(offset=5))
    timers.due(minute(10))
    assert timers.learn({first.called: None}) == [first.called]
    assert (timers.pending(first), len(timers), timers.next_due()) == (False, 0, None)
    assert timers.learn({first.called: None}) == []


def test_a_firing_that_is_set_to_another_time_waits_for_that() -> None:
    """A firing that is replayed after the handler was changed sets its timer under the same id."""
    timers = loaded(first := row(due=10))
    later = replace(first, due=minute(20))
    timers.learn({later.called: later})
    assert (timers.due(minute(19)), timers.due(minute(20))) == ([], [later])


def test_a_firing_ends_its_timer() -> None:
    """When its firing is settled the timer is over."""
    timers = loaded(first := row())
    timers.fired(first)
    assert (timers.pending(first), len(timers)) == (False, 0)


def test_a_firing_that_set_its_timer_anew_does_not_end_it() -> None:
    """A handler that asks again in ten minutes from its own timer is asked again."""
    timers = loaded(first := row(due=10, offset=5))
    timers.due(minute(10))
    again = row(due=20, offset=5, setter=first.firing)
    timers.learn({again.called: again})
    timers.fired(first)
    assert timers.due(minute(20)) == [again]


def test_moved_timers_do_not_fill_the_memory() -> None:
    """A timer that every message moves keeps one entry, not one for each message."""
    timers = Timers()
    for offset in range(10_000):
        moved = row(due=offset, offset=offset)
        timers.learn({moved.called: moved})
    assert len(timers._heap) < 1_100
    assert [each.setter_offset for each in timers.due(minute(20_000))] == [9_999]


def test_the_gate_opens_when_the_partition_has_been_read() -> None:
    """A timer waits for all that was in the partition when it came due."""
    gate = Gate()
    gate.enter([first := row("a")], end=7)
    gate.enter([second := row("b")], end=9)
    assert (gate.leave(6), gate.leave(7), len(gate)) == ([], [first], 1)
    assert (gate.leave(9), gate.leave(9)) == ([second], [])
