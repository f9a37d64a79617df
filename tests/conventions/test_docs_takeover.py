"""The takeover times that `docs/operations.md` tells are those of the code."""

import re

from eventlog.kafka_settings import KafkaSettings
from eventlog.sqlite_member import LeaseSettings
from tests.conventions.reference.pages import ROOT


def row(log: str) -> str:
    """The line on an event log in the table of takeover times."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^\| {log} \| .* s \| .*$", text, re.MULTILINE)
    return str(found)


def seconds(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"(\d+) s\b", text)]


def test_kafka() -> None:
    """The session and a heartbeat are settings; together they lie within the span that is told."""
    settings = KafkaSettings()
    session, beat = settings.session_timeout.total_seconds(), settings.heartbeat.total_seconds()
    assert seconds(row("Kafka")) == [40, session, beat]
    assert f"| {session:g} to 40 s |" in row("Kafka")
    assert session + 2 * beat <= 40


def test_the_embedded_log() -> None:
    """The lease, and how often it is looked at."""
    settings = LeaseSettings()
    lasts, beat = settings.lasts.total_seconds(), settings.heartbeat.total_seconds()
    assert seconds(row("embedded")) == [lasts + beat, lasts, beat]
    assert f"| {lasts:g} to {lasts + beat:g} s |" in row("embedded")
