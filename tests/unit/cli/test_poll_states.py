"""What `doctor` tells of polled sources."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.poll_states import findings
from cli.settings import Settings
from store.polls import Polled

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTINGS = Settings.model_validate(
    {"sources": {"docs": {"platform": "customgpt"}, "shop": {"platform": "standard", "verify": "none"}}}
)


@pytest.mark.parametrize(
    ("ago", "state", "words"),
    [
        (None, "degraded", "it was never polled: start `hookline poll`"),
        (timedelta(seconds=20), "ok", "polled 20 s ago"),
        (timedelta(minutes=5), "ok", "polled 300 s ago"),
        (timedelta(hours=2), "failing", "polled 7,200 s ago, and it should be every 0:00:30"),
    ],
)
def test_how_old_the_news_is(ago: timedelta | None, state: str, words: str) -> None:
    """Only polled sources are told of; one is behind after five intervals or minutes."""
    known = {} if ago is None else {"docs": Polled(source="docs", cursor="{}", polled_at=NOW - ago)}
    (found,) = findings(SETTINGS, known, NOW)
    assert (found.name, found.state, words in found.detail) == ("polling docs", state, True)
