"""Which entries do nothing more because attempts of theirs do not end."""

import pytest

from dispatcher.hanging import Hanging
from dispatcher.metrics import Load

STUCK = Load(running=1, lanes=1, buffered=3, ahead=3, stuck=1)


def test_an_entry_that_only_hangs_is_given_up_after_a_while() -> None:
    """Not at once: its position may not be committed yet, and more may be read."""
    hanging = Hanging(5)
    assert [hanging.look({"h": STUCK}, now) for now in (0.0, 4.9, 5.0)] == [frozenset(), frozenset(), {"h"}]


def test_what_it_settles_meanwhile_begins_the_wait_anew() -> None:
    """Other lanes go on."""
    hanging = Hanging(5)
    hanging.look({"h": Load(running=1, lanes=2, buffered=4, ahead=4, stuck=1)}, 0)
    assert [hanging.look({"h": STUCK}, now) for now in (4.0, 8.0, 9.0)] == [frozenset(), frozenset(), {"h"}]


@pytest.mark.parametrize(
    "load",
    [Load(running=1, lanes=1), Load(running=2, lanes=2, stuck=1), Load(running=1, lanes=2, waiting=1, stuck=1), Load()],
)
def test_who_may_go_on_is_waited_for(load: Load) -> None:
    """A slow attempt, another beside the one that is stuck, a lane that is tried again, nothing at all."""
    hanging = Hanging(5)
    assert [hanging.look({"h": load}, now) for now in (0.0, 60.0)] == [frozenset(), frozenset()]
