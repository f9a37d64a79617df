"""Where to rewind an entry, as an operator writes it."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.commands.handlers_moves import _target
from cli.errors import Misconfigured
from cli.idle import require_consent
from schemas.record import TopicPartition
from schemas.topics import Topics

TOPICS = Topics()
OURS = "hookline.conversations"


@pytest.mark.parametrize(
    ("given", "target"),
    [
        (["earliest"], "earliest"),
        (["end"], "end"),
        (["2026-11-21T10:00+01:00"], datetime(2026, 11, 21, 9, tzinfo=UTC)),
        (["2026-11-21T10:00Z"], datetime(2026, 11, 21, 10, tzinfo=UTC)),
        (["conversations/0@17"], {TopicPartition(OURS, 0): 17}),
        ([f"{OURS}/1@4", "contacts/2@0"], {TopicPartition(OURS, 1): 4, TopicPartition("hookline.contacts", 2): 0}),
    ],
)
def test_what_can_be_said(given: list[str], target: object) -> None:
    """A topic with its prefix or without."""
    assert _target(given, TOPICS) == target


def test_so_long_ago() -> None:
    """Counted from now."""
    found = _target(["2h"], TOPICS)
    assert isinstance(found, datetime)
    assert timedelta(0) <= datetime.now(UTC) - found - timedelta(hours=2) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "given",
    [
        ["yesterday"],
        ["2026-11-21T10:00"],
        ["0001-01-01T00:00+14:00"],
        ["99999999999d"],
        ["conversations@17"],
        ["earliest", "end"],
        ["earliest", "conversations/0@17"],
    ],
)
def test_what_cannot_be_meant_is_refused(given: list[str]) -> None:
    """With what can be written."""
    with pytest.raises(Misconfigured, match="conversations/0@17"):
        _target(given, TOPICS)


def test_nobody_is_asked_where_nobody_can_answer() -> None:
    """A script says what it means."""
    assert require_consent("Forget it?", yes=True)
    with pytest.raises(Misconfigured, match=r"Forget it\? Nobody can be asked here: say --yes"):
        require_consent("Forget it?", yes=False)
