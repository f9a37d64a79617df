"""What is run carefully after a crash, and who is convicted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dispatcher.caution import Caution, convicted, item_of
from dispatcher.outcome import Dead
from dispatcher.work import Firing, Heading, Received, Replayed
from store.replay_rows import Replay
from tests.unit.dispatcher.test_dead import AT, RECORD, partition
from tests.unit.dispatcher.test_dead import FAILED as NOW
from tests.unit.dispatcher.test_timers import row


def received(offset: int) -> Received:
    return Received(partition(), replace(RECORD, offset=offset), Heading.of(RECORD))


def firing(due: datetime) -> Firing:
    return Firing(partition(), replace(row(), due=due, firing="f1"), offset=50)


def replayed(number: int) -> Replayed:
    replay = Replay(id=number, record=RECORD, log="sqlite:one", death=(), at=AT, offset=0)
    return Replayed(partition(), replay, Heading.of(RECORD))


def caution(**noted: int) -> Caution:
    return Caution(until=10, since=NOW, noted={name.replace("_", " "): count for name, count in noted.items()})


def test_records_are_covered_as_far_as_an_owner_can_have_read() -> None:
    """What lies behind was under way nowhere."""
    assert [caution().covers(received(offset)) for offset in (0, 9, 10)] == [True, True, False]


def test_timers_are_covered_that_were_due() -> None:
    """One that came due later did not run at the crash."""
    assert [caution().covers(firing(NOW + timedelta(seconds=late))) for late in (0, 1)] == [True, False]


def test_replays_are_covered() -> None:
    """However old they are."""
    assert caution().covers(replayed(7))


def test_items_have_the_same_name_in_every_process() -> None:
    """Or nobody would recognise them."""
    assert [item_of(each) for each in (received(5), firing(NOW), replayed(7))] == ["record 5", "timer f1", "replay 7"]


def test_a_suspect_is_suspected_until_it_is_cleared() -> None:
    """Who was under way at one crash only may have been beside it."""
    careful = caution(record_4=1, record_5=2)
    assert [careful.crashes(received(offset)) for offset in (3, 4, 5)] == [0, 1, 2]
    assert careful.suspects == 1
    careful.clear(received(5))
    assert (careful.crashes(received(5)), careful.suspects) == (0, 0)


@pytest.mark.parametrize(("crashes", "attempts", "dead"), [(4, 5, False), (5, 5, True), (2, 1, False), (3, 1, True)])
def test_crashes_that_convict(crashes: int, attempts: int, *, dead: bool) -> None:
    """Two beside others, and three alone, or as many alone as the entry has attempts."""
    found = convicted(crashes, attempts)
    assert (found is not None) is dead
    assert found is None or found.reason == "crashed"


def test_the_verdict_says_what_happened() -> None:
    """In words for whoever reads the dead letter."""
    assert convicted(5, 5) == Dead(
        "crashed", "the process ended 5 times while it was attempted, at last with nothing beside it"
    )
