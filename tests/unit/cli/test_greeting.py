"""What `hookline dev` invites to."""

from datetime import UTC, datetime

import pytest

from cli.greeting import FIRST, invitations
from cli.settings import Settings
from schemas.examples import example

SETTINGS = Settings.model_validate(
    {
        "sources": {
            "docs": {"platform": "customgpt"},
            "help": {"platform": "gptbots", "token": "a-token-of-the-path"},
            "repo": {"platform": "github", "secrets": ["a-secret-that-is-long-enough"]},
        }
    }
)


@pytest.mark.parametrize("platform", list(FIRST))
def test_what_it_invites_to_send_can_be_sent(platform: str) -> None:
    """There is an example of it."""
    assert example(platform, FIRST[platform], now=datetime(2026, 1, 1, tzinfo=UTC), unique="1").body


def test_it_invites_to_one_event_of_each_source() -> None:
    """Of those that post, and of whose platform an event is known."""
    assert invitations(SETTINGS, ["help", "repo"]) == ["help reply"]
