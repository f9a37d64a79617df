"""Log lines: what is written, and what happens when it cannot be."""

import io
import json
import logging

import pytest
import structlog

from cli import logs


class Full(io.RawIOBase):
    """A file on a disk without room."""

    def writable(self) -> bool:
        return True

    def write(self, _data: object) -> int:
        raise OSError(28, "No space left on device")


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Each event is one line on stderr."""
    logs.configure("json")
    structlog.get_logger().info("role.started", role="receive")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["role"] == "receive"


def test_a_full_disk_under_the_log_is_no_failure() -> None:
    """What cannot be written is dropped, and nothing is left in a buffer that would fail later."""
    stream = io.TextIOWrapper(io.BufferedWriter(Full()), encoding="utf-8")
    lines = logs.Lines(stream)
    assert lines.write("{}\n") == 0
    stream.flush()


def test_a_reader_that_went_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """EPIPE of `2>&1 | head` ends in nothing."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("sys.stderr", Gone())
    logs.configure("json")
    structlog.get_logger().error("log.lost", cause="x")


def test_text_that_the_terminal_cannot_show_is_escaped() -> None:
    """An encoding that lacks a character costs the character, not the line."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding="ascii")  # type: ignore[arg-type]  # BytesIO will do
    logs.Lines(stream).msg("Grüße")
    assert raw.getvalue() == b"Gr\\xfc\\xdfe\n"


def test_a_stream_closed_behind_our_back_is_no_failure() -> None:
    """Whoever replaced stderr and closed it loses the line, nobody else loses anything."""
    stream = io.StringIO()
    lines = logs.Lines(stream)
    stream.close()
    assert lines.write("{}\n") == 0


def test_an_onlooker_sees_more_than_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`dev` shows what handlers log, and its own log stays quiet: what was shown is not written too."""
    seen: list[str] = []

    def look(level: str, entry: structlog.typing.EventDict) -> bool:
        seen.append(f"{level} {entry['event']}")
        return entry["event"] == "shown"

    logs.configure("json", level=logging.WARNING, onlooker=look)
    for event in ("shown", "written"):
        structlog.get_logger().debug(event)
        structlog.get_logger().info(event)
        structlog.get_logger().error(event)
    assert seen == ["info shown", "error shown", "info written", "error written"]
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["written"]
