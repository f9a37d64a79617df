"""What `hookline dev` says when a handler fails."""

from datetime import timedelta

import pytest

from cli.screen import Screen
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Outcome, Retry
from schemas.record import TopicPartition


def failed(outcome: Outcome, *, event_id: str = "message.created:m1", entry: str = "h") -> AttemptEnded:
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
        error=ValueError("broken"),
    )


def said(capsys: pytest.CaptureFixture[str], *happened: AttemptEnded) -> list[str]:
    screen = Screen((".venv/bin/hookline", "--data", "/data/a b"))
    for each in happened:
        screen.happened(each)
    return capsys.readouterr().out.splitlines()


RETRY = Retry(timedelta(seconds=2), "ValueError")


def test_the_first_failure_shows_its_traceback_and_the_command_that_replays_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command stands on a line of its own, as a shell takes it."""
    lines = said(capsys, failed(RETRY))
    assert lines[1:] == [
        "ValueError: broken",
        "    what happens next: retry in 2 s",
        "    if it ends as a dead letter: mend the handler, start this again, then replay the event with:",
        "    .venv/bin/hookline --data '/data/a b' dead replay message.created:m1 --handler h",
    ]


def test_a_dead_letter_is_one_already(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no if."""
    lines = said(capsys, failed(Dead("rejected", "no such plan")))
    assert "    mend the handler, start this again, then replay the event with:" in lines


def test_what_has_no_id_is_found_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that is no event; its place is not known before it is written."""
    lines = said(capsys, failed(Dead("undecodable", "no id"), event_id=""))
    assert (
        lines[-1] == "    .venv/bin/hookline --data '/data/a b' dead list shows its place, by which it can be replayed"
    )


def test_it_is_explained_once_for_each_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """A handler that always fails must not hide everything else."""
    lines = said(capsys, failed(RETRY), failed(RETRY), failed(RETRY, entry="other"))
    assert [line.rsplit(maxsplit=1)[-1] for line in lines if "dead replay" in line] == ["h", "other"]
