"""What `hookline dev` says when a handler fails."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from cli.screen import Screen
from clients.errors import PlatformDown
from dispatcher.attempt import AttemptTimedOut
from dispatcher.errors import EffectUncertain
from dispatcher.observers import AttemptBegan, AttemptEnded, HandlerStopped, Happening, TimerChanged
from dispatcher.outcome import Dead, Done, Outcome, Retry
from handlers.api import GiveUp, RetryLater
from receiver.diagnosis.hint import Hint
from receiver.reports import Answered
from schemas.record import TopicPartition


def failed(
    outcome: Outcome,
    error: BaseException | None = None,
    *,
    event_id: str = "message.created:m1",
    entry: str = "h",
) -> AttemptEnded:
    return AttemptEnded(
        entry=entry,
        event_id=event_id,
        event_type="message.created",
        source="support",
        key="c1",
        at=TopicPartition("t", 0),
        offset=0,
        attempt=1,
        outcome=outcome,
        took=timedelta(milliseconds=3),
        error=error or ValueError("broken"),
    )


def said(capsys: pytest.CaptureFixture[str], *happened: Happening) -> list[str]:
    screen = Screen((".venv/bin/hookline", "--data", "/data/a b"))
    for each in happened:
        screen.happened(each)
    return capsys.readouterr().out.splitlines()


START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_what_was_received_before_the_start_is_not_shown_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """But for failures: an entry that is new to a log of weeks would fill the terminal before one's own first event."""
    screen = Screen(since=START)
    happened: list[tuple[int, Outcome]] = [(-3, Done()), (-2, Done()), (-1, DEAD), (1, Done())]
    for number, (seconds, outcome) in enumerate(happened):
        ended = failed(outcome, event_id=f"message.created:m{number}")
        screen.happened(dataclasses.replace(ended, received_at=START + timedelta(seconds=seconds)))
    screen.happened(failed(Done(), event_id="hookline.timer:t1"))
    shown = capsys.readouterr().out
    assert shown.count("handles what was received before this start: only failures of that are shown") == 1
    assert [name in shown for name in ("m0", "m1", "m2", "m3", "t1")] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("seconds", "level", "shown"), [(-1, "info", False), (-1, "warning", True), (1, "info", True), (None, "info", True)]
)
def test_what_a_handler_logs_for_an_event_of_before_is_not_shown(
    seconds: int | None, level: str, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for warnings and errors; it is a line of this attempt alone, and the log is not given it either."""
    screen, received = Screen(since=START), None if seconds is None else START + timedelta(seconds=seconds)
    screen.happened(AttemptBegan(entry="h", event_id="e1", source="support", received_at=received))
    for handler in ("h", "other"):
        entry = {"event": f"pushed by {handler}", "handler": handler, "event_id": "e1", "source": "support"}
        assert screen.logged(level, entry | {"attempt": 1})
    lines = capsys.readouterr().out
    assert ("pushed by h" in lines, "pushed by other" in lines) == (shown, True)
    screen.happened(dataclasses.replace(failed(Done(), event_id="e1"), received_at=received))
    assert screen.logged(level, {"event": "later", "handler": "h", "event_id": "e1", "source": "support", "attempt": 1})
    assert "later" in capsys.readouterr().out


RETRY = Retry(timedelta(seconds=2), "ValueError")
DEAD = Dead("rejected", "no such plan")
REPLAY = "    .venv/bin/hookline --data '/data/a b' dead replay message.created:m1 --handler h"


def raised(text: str) -> ValueError:
    try:
        raise ValueError(text)  # noqa: TRY301 - it needs a traceback
    except ValueError as error:
        return error


def test_each_failure_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """With the error's own words and its place; nothing is dead yet, so nothing can be replayed."""
    lines = said(capsys, failed(RETRY), failed(RETRY, raised("other")))
    assert lines[0].endswith("h               retry in 2 s  3 ms  message.created  m1  c1")
    assert lines[1] == "    ValueError: broken"
    assert lines[3].startswith("    ValueError: other  at test_screen.py:")


def test_a_new_failure_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """One of another type or place; the same again would hide everything else."""
    errors = [raised("one"), raised("one")]
    lines = said(capsys, *(failed(RETRY, error) for error in errors), failed(RETRY, errors[0], entry="other"))
    assert [line.strip() for line in lines if "raise ValueError" in line] == [
        "raise ValueError(text)  # noqa: TRY301 - it needs a traceback"
    ] * 2


@pytest.mark.parametrize(
    ("outcome", "error", "told"),
    [
        (Dead("rejected", "no plan"), GiveUp("no plan"), "    GiveUp: no plan"),
        (Dead("exhausted", "…"), AttemptTimedOut("no result within 2 s"), "    no result within 2 s"),
        (Dead("uncertain", "the effect 'a' may have happened; x"), None, "    the effect 'a' may have happened; x"),
        (RETRY, PlatformDown("desk: send: 503"), f"    PlatformDown: desk: send: 503. {PlatformDown.advice}"),
    ],
)
def test_what_says_all_needs_no_traceback(
    outcome: Outcome, error: BaseException | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler that gave up, a timeout, an effect that is uncertain, a platform's refusal."""
    lines = said(capsys, failed(outcome, error))
    assert lines[1] == told
    assert not [line for line in lines if "File" in line]


def test_a_retry_that_was_asked_for_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """Its reason stands on its line."""
    [line] = said(capsys, failed(RETRY, RetryLater("the shop is closed")))
    assert line.endswith("retry in 2 s: the shop is closed  3 ms  message.created  m1  c1")


def test_a_delivery_and_its_handlers_show_the_same_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the type it begins with; a long one is cut the same way; names longer than the column stand apart."""
    screen, long = Screen(), "message.created:" + "m" * 30
    screen.fit(["support", "refund-requested-by-mail"])
    screen.arrived(
        Answered(
            source="support",
            platform=None,
            status=202,
            outcome="accepted",
            ids=(long, "conversation.created:c1"),
            types=("message.created", "conversation.created"),
        )
    )
    screen.happened(failed(Done(), event_id=long, entry="refund-requested-by-mail"))
    screen.happened(TimerChanged(entry="h", name="ask", source="support", key="c1", due=None))
    lines = [line[10:].split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["support", "message.created,", "conversation.created", "m" * 23 + "…"],
        ["refund-requested-by-mail", "done", "3", "ms", "message.created", "m" * 23 + "…", "c1"],
        ["h", "timer", "ask", "cancelled", "c1"],
    ]


def test_a_refusal_shows_why(capsys: pytest.CaptureFixture[str]) -> None:
    """And the id of its request, for `hookline explain`."""
    hint = Hint("clock", "the signed time is 7,203 seconds behind our clock, and 300 seconds are allowed")
    refused = {"status": 401, "outcome": "unauthenticated", "reason": "timestamp-stale", "hints": (hint,)}
    Screen().arrived(Answered(request="3f9a1c-8d02b7e6a4", source="support", platform=None, **refused))
    first, second = capsys.readouterr().out.splitlines()
    assert first[10:].split() == ["support", "401", "unauthenticated", "timestamp-stale", "3f9a1c-8d02b7e6a4"]
    assert second == f"    {hint.text}"


def test_an_event_that_nobody_maps_shows_the_platforms_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Its type says only that it is unknown; what is mapped is called by its type."""
    types, names = ("unknown", "unknown", "message.created"), ("issues.opened", None, "comment")
    answered = Answered(source="github", platform="github", status=202, outcome="accepted", ids=("d1",), types=types)
    Screen().arrived(dataclasses.replace(answered, names=names))
    shown = capsys.readouterr().out[10:].split()
    assert shown == ["github", "unknown", "(issues.opened),", "unknown,", "message.created", "d1"]


def test_a_dead_letter_shows_the_command_that_replays_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The command stands on a line of its own, as a shell takes it; the traceback was shown before."""
    lines = said(capsys, failed(RETRY), failed(DEAD))
    assert lines[4:] == [
        "    mend the handler, then replay the event from a second terminal:",
        REPLAY,
    ]


def test_an_uncertain_effect_shows_both_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """A plain replay would meet the same doubt: a person looks whether it happened, and says so."""
    lines = said(capsys, failed(Dead("uncertain", "the effect 'a' may have happened; x"), EffectUncertain("a", "x")))
    assert lines[2:] == [
        "    look at the platform. If the effect did not happen:",
        f"{REPLAY} --redo-effects",
        "    if it did:",
        "    .venv/bin/hookline --data '/data/a b' dead discard message.created:m1 --handler h",
    ]


def test_what_has_no_id_is_found_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that is no event; its place is not known before it is written."""
    lines = said(capsys, failed(Dead("undecodable", "no id"), event_id=""))
    assert (
        lines[-1] == "    .venv/bin/hookline --data '/data/a b' dead list shows its place, by which it can be replayed"
    )


def test_each_dead_letter_shows_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What it is for is said once for each entry."""
    lines = said(capsys, failed(DEAD), failed(DEAD), failed(DEAD, entry="other"))
    assert [line.rsplit(maxsplit=1)[-1] for line in lines if "dead replay" in line] == ["h", "h", "other"]
    assert len([line for line in lines if "mend the handler" in line]) == 2


OF_A_HANDLER = {"handler": "h", "event_id": "e1", "source": "support", "attempt": 1}


@pytest.mark.parametrize(
    ("level", "entry", "line"),
    [
        ("info", {"event": "followup.sent", "account": "support"}, "followup.sent  account=support"),
        ("warning", {"event": "odd\x1b", "why": "a\nb"}, "odd\\x1b  why=a\\nb"),
    ],
)
def test_what_a_handler_logs_is_shown(
    level: str, entry: dict[str, object], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """So a timer that sent something and one that declined are told apart."""
    assert Screen().logged(level, entry | OF_A_HANDLER)
    assert capsys.readouterr().out[10:].strip() == f"h               {line}"


def test_the_traceback_of_a_log_entry_is_left_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """`ctx.log.exception`: the line is shown, the rest is written."""
    assert not Screen().logged("error", {"event": "odd", "exc_info": True} | OF_A_HANDLER)
    assert "odd" in capsys.readouterr().out


@pytest.mark.parametrize(("event", "shown"), [("attempt.failed", True), ("event.dead", True), ("log.full", False)])
def test_a_log_entry_that_has_a_line_is_not_written_too(
    event: str, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody shows is left to the log."""
    assert Screen().logged("error", {"event": event, "handler": "h"}) is shown
    assert capsys.readouterr().out == ""


def test_why_the_log_is_away_is_told_once() -> None:
    """Until it is back: each handler meets the same in several ways. What is something else is told."""
    screen, why = Screen(), "nothing listens on kafka:9092"
    entries = [
        {"event": "commit.failed", "cause": "kafka:9092 does not answer in time"},
        {"event": "log.lost", "log": "kafka", "cause": why},
        {"event": "log.lost", "handler": "h", "cause": f"Kafka is away: {why}"},
        {"event": "commit.failed", "cause": f"Kafka is away: {why}"},
        {"event": "timers.delayed", "handler": "h", "cause": "the store does not answer"},
        {"event": "log.connected", "log": "kafka"},
        {"event": "commit.failed", "cause": why},
        {"event": "log.lost", "log": "kafka", "cause": why},
    ]
    hidden = [number for number, entry in enumerate(entries) if screen.logged("warning", entry)]
    assert hidden == [2, 3]


def test_a_handler_that_stopped_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """And what to do."""
    assert said(capsys, HandlerStopped(entry="h", reason="no topics: make them")) == ["h stopped: no topics: make them"]


def test_a_terminal_line_is_cut_at_its_edge(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapped one would hide the order of things."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    [line] = said(capsys, failed(Retry(timedelta(seconds=2), ""), entry="h"))[:1]
    assert len(line) == 40
    assert line.endswith("…")


def test_a_traceback_begins_in_the_handler(capsys: pytest.CaptureFixture[str]) -> None:
    """What of hookline called it tells its author nothing."""
    called = {"__name__": "dispatcher.attempt"}
    exec("def call(handler): handler()", called)  # noqa: S102 - a frame of another module, as one is called

    def broken() -> None:
        raise ValueError("broken here")

    with pytest.raises(ValueError, match="broken here") as caught:
        called["call"](broken)  # type: ignore[operator]  # a function, made above
    error = caught.value
    # The test's own frame stands before the caller's, where there is none in a worker.
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    lines = said(capsys, dataclasses.replace(failed(RETRY), error=error))
    assert [line.split(", in ")[1] for line in lines if "  File " in line] == ["broken"]
