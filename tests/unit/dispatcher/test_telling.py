"""An exception group weighs as much as the one of its leaves that says most."""

from datetime import timedelta
from typing import Any

import pytest

from clients.errors import PlatformDown, RateLimited
from dispatcher.effects import proves_nothing_happened
from dispatcher.errors import EffectUncertain
from dispatcher.telling import telling
from handlers.api import GiveUp, RetryLater, Unavailable
from schemas.record import TopicPartition
from store.errors import NotOwned


def later(seconds: float) -> RetryLater:
    return RetryLater("not yet", after=timedelta(seconds=seconds))


def limited(seconds: Any) -> RateLimited:
    return RateLimited("too many", retry_after=seconds)


# Each says more than those that follow it.
WEIGHTS = [
    NotOwned("h", TopicPartition("t", 0), 1),
    EffectUncertain("send", "no probe"),
    GiveUp("never"),
    PlatformDown("503"),
    limited(30),
    limited(5),
    limited(-5),
    later(900),
    later(1),
    ValueError("a typo"),
]


@pytest.mark.parametrize("heavy", range(len(WEIGHTS)))
def test_the_heaviest_leaf_decides(heavy: int) -> None:
    """Wherever it stands, at any depth."""
    most, rest = WEIGHTS[heavy], WEIGHTS[heavy + 1 :]
    assert telling(ExceptionGroup("g", [*rest, most])) is most
    assert telling(ExceptionGroup("g", [most, *rest])) is most
    assert telling(ExceptionGroup("g", [*rest, ExceptionGroup("in it", [most])])) is most


def test_what_the_handler_says_is_away_outweighs_a_mistake() -> None:
    """The mistake may come of it."""
    away = Unavailable("crm")
    assert telling(ExceptionGroup("g", [TypeError(), away, later(60)])) is away


def test_what_is_no_group_is_itself() -> None:
    """And so is nothing."""
    error = GiveUp("no")
    assert telling(error) is error
    assert telling(None) is None


def test_a_group_counts_at_any_depth() -> None:
    """A plugin cannot end its entry by how deep its groups are."""
    away = PlatformDown("503")
    error: Exception = away
    for _ in range(5_000):
        error = ExceptionGroup("g", [error])
    assert telling(error) is away


def test_a_group_that_hides_what_it_holds_is_looked_into() -> None:
    """Whatever a subclass says of itself, or raises when asked."""

    class Shy(ExceptionGroup[Exception]):
        @property
        def exceptions(self) -> tuple[Exception, ...]:
            raise RuntimeError("no")

    away = PlatformDown("503")
    assert telling(Shy("g", [away])) is away


def test_a_group_proves_that_nothing_happened_if_all_its_leaves_do() -> None:
    """One that may have done something is enough to ask."""
    refused = ExceptionGroup("g", [GiveUp("no"), ExceptionGroup("in it", [ConnectionRefusedError()])])
    assert proves_nothing_happened(refused)
    assert not proves_nothing_happened(ExceptionGroup("g", [refused, PlatformDown("503")]))
