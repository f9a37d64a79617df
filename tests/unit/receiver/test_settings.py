"""`[receiver]` and `[sources.NAME]`."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.settings import Rate, ReceiverSettings, SourceSettings


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/s", Rate(deliveries=20, seconds=1)),
        ("500/m", Rate(deliveries=500, seconds=60)),
        (" 1000 / h ", Rate(deliveries=1000, seconds=3600)),
        (None, None),
    ],
)
def test_rate_is_written_in_words(text: str | None, rate: Rate | None) -> None:
    """A number and a unit."""
    assert SourceSettings.model_validate({"platform": "standard", "rate": text}).rate == rate


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": "many"},
        {"rate": "0/s"},
        {"rate": "5/d"},
        {"verify": "nothing"},
        {"public_url": "ftp://x"},
        {"public_url": "https://x/in?a=1"},
        {"body_limit": 0},
        {"body_limit": 17 * 1024 * 1024},
        {"ack_budget": "0s"},
        {"ack_budget": "99ms"},
        {"ack_budget": "\u0661\u0660s"},
        {"rate": "\u0661\u0660/s"},
        {"dedupe_window": "a week"},
        {"dedupe_window": "367d"},
        {"dedupe_window": "99999999d"},
        {"hashed_window": "99999999d"},
        {"ack_budget": "25h"},
        {"poll": {"lookback": "99999999d"}},
        {"status": 301},
        {"secret": "x"},
        {"on_invalid": "ignore"},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """A mistake is found when the configuration is read."""
    with pytest.raises(ValidationError):
        SourceSettings.model_validate({"platform": "standard", **wrong})


def test_errors_do_not_quote_secrets() -> None:
    """A secret in the wrong place is not told to the terminal."""
    with pytest.raises(ValidationError) as caught:
        SourceSettings.model_validate({"platform": "standard", "secrets": {"canary-7531": "canary-7531"}})
    assert "canary-7531" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    """A source's settings can be printed."""
    shown = repr(SourceSettings.model_validate({"platform": "p", "secrets": ["canary-7531"], "token": "canary-7531"}))
    assert "canary-7531" not in shown


def test_the_documented_defaults() -> None:
    """The port, the limit of a body, the answer within three seconds, the week of dedupe."""
    source = SourceSettings(platform="standard")
    assert (ReceiverSettings().port, ReceiverSettings().body_limit) == (8787, 1024 * 1024)
    assert (source.ack_budget, source.dedupe_window) == (timedelta(seconds=3), timedelta(days=7))
    assert source.hashed_window == timedelta(minutes=15)
