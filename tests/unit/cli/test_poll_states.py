"""What `doctor` tells of polled sources."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.poll_states import findings, unpolled
from cli.settings import Settings
from store.polls import Polled

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTINGS = Settings.model_validate(
    {"sources": {"docs": {"platform": "customgpt"}, "shop": {"platform": "standard", "verify": "none"}}}
)


@pytest.mark.parametrize(
    ("ago", "state", "words"),
    [
        (None, "degraded", "it was never polled, so its events do not come: start `hookline poll`"),
        (timedelta(seconds=20), "ok", "polled 20 s ago"),
        (timedelta(minutes=5), "ok", "polled 300 s ago"),
        (timedelta(hours=2), "failing", "polled 7,200 s ago, and it should be every 30 s: start `hookline poll`"),
    ],
)
def test_how_old_the_news_is(ago: timedelta | None, state: str, words: str) -> None:
    """Only polled sources are told of; one is behind after five intervals or minutes."""
    known = {} if ago is None else {"docs": Polled(source="docs", cursor="{}", polled_at=NOW - ago)}
    (found,) = findings(SETTINGS, known, NOW, "`hookline poll`")
    assert (found.name, found.state, words in found.detail) == ("polling docs", state, True)


@pytest.mark.parametrize(
    ("polled_at", "held_until", "nobody"),
    [
        (None, None, True),
        (None, NOW + timedelta(minutes=1), False),
        (NOW - timedelta(hours=2), NOW - timedelta(seconds=1), True),
        (NOW - timedelta(hours=2), NOW + timedelta(minutes=1), False),
        (NOW - timedelta(minutes=1), None, False),
    ],
)
def test_whether_anybody_asks(polled_at: datetime | None, held_until: datetime | None, nobody: bool) -> None:
    """Somebody who has the right to ask, or asked a while ago, does; a source that posts is asked by nobody."""
    known = {"docs": Polled(source="docs", cursor=None, polled_at=polled_at, held_until=held_until)}
    assert unpolled(SETTINGS, known, NOW) == (frozenset({"docs"}) if nobody else frozenset())


def test_a_first_round_that_takes_long_is_no_trouble() -> None:
    """It is told as what it is, and as nothing that an operator could do."""
    known = {"docs": Polled(source="docs", cursor=None, polled_at=None, held_until=NOW + timedelta(minutes=1))}
    (found,) = findings(SETTINGS, known, NOW, "`hookline poll`")
    assert (found.state, found.detail) == ("ok", "its first round is under way")
