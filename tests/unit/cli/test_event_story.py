"""What happened to an event, as it is shown: all that is known, and nothing that a terminal would obey."""

from datetime import UTC, datetime

import pytest

from cli.event_fates import Fate
from cli.event_story import as_object, print_story
from cli.event_traces import Kept, Story
from schemas.record import StoredRecord
from store.traces import EffectTrace, TimerTrace, Trace

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOSTILE = "e\x1b[2J\n1"


def record(offset: int = 17) -> StoredRecord:
    headers = {
        "ce_id": HOSTILE,
        "ce_type": "message.created",
        "ce_source": "/sources/support",
        "ce_subject": "c1",
    }
    return StoredRecord(
        topic="hookline.conversations",
        partition=3,
        offset=offset,
        key=b"c1",
        value=b'{"content":"private \\u001b[2J"}',
        headers=tuple((name, value.encode()) for name, value in headers.items()),
        timestamp=1_700_000_000_123,
    )


def timer(**more: str) -> TimerTrace:
    named = {"handler": "h", "name": "ask", "source": "support", "key": "c1", **more}
    return TimerTrace(**named, state="set", due=NOW, setter_id=HOSTILE, firing="f")


def effect(source: str, *, done: bool) -> EffectTrace:
    return EffectTrace(handler="h", source=source, name="tell\x1b", begun_at=NOW, done=done)


def story(trace: Trace | None) -> Story:
    fates = [Fate(handler="h", state="dead", detail="exhausted: \x1b[31m")]
    kept = Kept(trace=trace, stops={})
    return Story(record=record(), copies=[record(), record(19)], fates=fates, kept=kept, broken=["other"])


TRACE = Trace(
    effects=[effect("support", done=True), effect("support", done=False), effect("shop", done=True)],
    timers=[timer(), timer(key="c2")],
)


def test_a_program_is_told_all_but_what_the_event_says() -> None:
    """Of effects and timers those that are this event's: another source may have used its id."""
    told = as_object(story(TRACE))
    assert told["copies"] == [{"topic": "hookline.conversations", "partition": 3, "offset": 19}]
    assert told["handlers"] == [{"handler": "h", "state": "dead", "detail": "exhausted: \x1b[31m"}]
    assert [one["state"] for one in told["effects"]] == ["done", "uncertain"]
    assert told["timers"] == [
        {"handler": "h", "timer": "ask", "state": "set", "due": "2026-11-21T12:00:00.000Z", "firing": "f"}
    ]
    assert (told["headers"]["ce_id"], told["not_loaded"]) == (HOSTILE, ["other"])
    assert "private" not in str(told)


def test_a_silent_store_is_not_an_empty_one() -> None:
    """Nobody knows whether there are effects."""
    told = as_object(story(None))
    assert (told["effects"], told["timers"]) == (None, None)


def test_a_person_is_told_in_lines_that_no_stranger_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    """What a platform, or whoever writes into the log, put into an id is shown and not obeyed."""
    print_story(story(TRACE), None, "hookline.")
    said = capsys.readouterr().out
    assert "\x1b" not in said
    lines = said.splitlines()
    assert lines[0] == "message.created  e\\x1b[2J\\n1"
    assert lines[1] == "  conversations/3@17, conversations/3@19  received 2023-11-14T22:13:20.123Z"
    assert lines[-1] == "  not loaded, see `hookline check`: other"
    assert "private" not in said


def test_what_the_event_says_is_shown_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Its escapes are shown, too."""
    print_story(story(None), record(), "hookline.")
    said = capsys.readouterr().out
    assert '{"content": "private \\u001b[2J"}' in said
    assert "\x1b" not in said
