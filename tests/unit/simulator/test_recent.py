"""The bounded log."""

from simulator.recent import Recent


def test_the_oldest_go_when_there_are_too_many() -> None:
    """The count is a bound."""
    recent = Recent[int](max_items=2, max_weight=100)
    for entry in (1, 2, 3):
        recent.append(entry, weight=1)
    assert list(recent) == [2, 3]


def test_the_oldest_go_when_they_weigh_too_much() -> None:
    """The weight is a bound."""
    recent = Recent[str](max_items=10, max_weight=5)
    for entry in ("aaa", "bb", "c"):
        recent.append(entry, weight=len(entry))
    assert list(recent) == ["bb", "c"]


def test_what_is_too_heavy_alone_is_not_kept() -> None:
    """One giant does not stay for ever."""
    recent = Recent[str](max_items=10, max_weight=5)
    recent.append("giant", weight=6)
    assert len(recent) == 0


def test_cleared_weight_is_free_again() -> None:
    """Forgetting gives the room back."""
    recent = Recent[str](max_items=10, max_weight=5)
    recent.append("a", weight=5)
    recent.clear()
    recent.append("b", weight=5)
    assert list(recent) == ["b"]
