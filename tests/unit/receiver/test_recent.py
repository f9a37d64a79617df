"""The newest refusals are kept, within bounds, and of a flood the other sources keep theirs."""

from datetime import timedelta
from typing import Any

from receiver.diagnosis.hint import KINDS, Hint
from receiver.recent import IN_ALL, OF_A_SOURCE, Recent
from receiver.reports import Answered, Sender
from tests.unit.receiver.parts import NOW


def refused(number: int, source: str | None = "shop", **more: Any) -> Answered:
    fields = {"status": 401, "outcome": "unauthenticated", "reason": "signature-wrong", **more}
    return Answered(request=f"abc-{number}", source=source, platform=None, **fields)


def test_refusal_is_kept_with_what_to_do() -> None:
    """As JSON has it, for `hookline explain --json`."""
    recent = Recent("abc", lambda: NOW)
    sender = Sender(remote="192.0.2.7", agent="curl/8.5.0")
    recent(refused(1, hints=(Hint("clock", "7 s"),), fields=("data.role",), sender=sender))
    assert recent.found("abc-1") == {
        "request_id": "abc-1",
        "at": "2023-11-14T22:13:20.000+00:00",
        "source": "shop",
        "platform": None,
        "status": 401,
        "problem": "unauthenticated",
        "reason": "signature-wrong",
        "fields": ["data.role"],
        "path": "",
        "remote": "192.0.2.7",
        "agent": "curl/8.5.0",
        "quarantined": None,
        "hints": [{"kind": "clock", "text": "7 s", "means": KINDS["clock"].means, "do": KINDS["clock"].do}],
    }


def test_what_is_accepted_is_not_kept() -> None:
    """It has its record."""
    recent = Recent("abc", lambda: NOW)
    for outcome in ("accepted", "duplicate", "handshake"):
        recent(refused(1, outcome=outcome, status=202))
    assert (recent.found("abc-1"), recent.newest()) == (None, [])


def test_newest_come_first() -> None:
    """Of all sources, or of one."""
    recent = Recent("abc", lambda: NOW)
    for number in range(6):
        recent(refused(number, "shop" if number % 2 else None))
    assert [one["request_id"] for one in recent.newest(limit=3)] == ["abc-5", "abc-4", "abc-3"]
    assert [one["request_id"] for one in recent.newest(source="shop")] == ["abc-5", "abc-3", "abc-1"]


def test_flood_of_one_source_costs_no_other_its_refusals() -> None:
    """Of each so many are kept."""
    recent = Recent("abc", lambda: NOW)
    recent(refused(0, "help"))
    for number in range(1, OF_A_SOURCE + 11):
        recent(refused(number))
    assert recent.found("abc-0") is not None
    assert (recent.found("abc-10"), recent.state()["kept"]) == (None, OF_A_SOURCE + 1)
    assert recent.found("abc-11") is not None


def test_all_together_are_bounded() -> None:
    """However many sources there are, the oldest go."""
    recent = Recent("abc", lambda: NOW)
    for number in range(IN_ALL + 5):
        recent(refused(number, f"s{number % 20}"))
    assert recent.state()["kept"] == IN_ALL
    assert (recent.found("abc-4"), recent.found("abc-5") is None) == (None, False)
    for number in range(IN_ALL + 5, IN_ALL + 5 + 3 * OF_A_SOURCE):
        recent(refused(number, "s1"))
    assert len(recent.newest(source="s1", limit=IN_ALL)) == OF_A_SOURCE


def test_state_tells_why_one_may_be_missing() -> None:
    """Whose ids it knows, and from when on."""
    times = iter([NOW, NOW + timedelta(minutes=1)])
    recent = Recent("abc", lambda: next(times))
    assert recent.state()["oldest"] is None
    recent(refused(1))
    assert recent.state() == {
        "receiver": "abc",
        "since": "2023-11-14T22:13:20+00:00",
        "oldest": "2023-11-14T22:14:20+00:00",
        "kept": 1,
    }
