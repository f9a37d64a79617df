"""Lines of libraries are one structured line each, and show nobody's data."""

import json
import logging
from typing import Any

import pytest

from cli import logs
from cli.foreign_logs import Foreign
from dispatcher.errors import ContextMisused


def emit(name: str, text: str, *args: object, error: BaseException | None = None, level: int = logging.INFO) -> None:
    logs.configure("json", level=level)
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    Foreign().emit(logging.LogRecord(name, logging.ERROR, "file", 1, text, args, exc_info))


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_exception_is_one_line_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Its type and place; a traceback may hold a payload in its last line."""
    try:
        int("a visitor's words")
    except ValueError as error:
        emit("some.library", "It broke for %s", "c1", error=error)
    [line] = told(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("foreign.logged", "some.library", "error")
    assert line["text"] == "It broke for c1"
    assert line["cause"].startswith("ValueError at test_foreign_logs.py:")


def test_a_task_that_failed_is_told_with_the_line_of_a_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    """Not with that of a library it called; a text of ours holds no payload, and is told too."""
    try:
        json.loads("a visitor's words")
    except ValueError as error:
        emit("asyncio", "Task exception was never retrieved\nfuture: <Task>", error=error)
    emit("asyncio", "Task exception was never retrieved", error=ContextMisused("ctx.publish was used too late"))
    first, second = told(capsys)
    assert first["cause"].startswith("JSONDecodeError at test_foreign_logs.py:")
    assert first["cause"].endswith(" in test_a_task_that_failed_is_told_with_the_line_of_a_plugin")
    assert second["cause"] == "ctx.publish was used too late"


def test_asyncio_shows_no_exception_of_a_task(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the `repr` of the future, with the exception's text."""
    text = "Task exception was never retrieved\nfuture: <Task finished exception=ValueError('a visitor')>"
    emit("asyncio", text)
    emit("asyncio", "Exception in callback greet('a visitor')\nhandle: <Handle greet('a visitor')>")
    assert [line["text"] for line in told(capsys)] == [
        "Task exception was never retrieved",
        "Exception in callback greet",
    ]


@pytest.mark.parametrize(
    ("logger", "text"),
    [
        ("aiokafka.conn", "Unable connect to node with id 1: refused"),
        ("aiokafka.consumer.group_coordinator", "Heartbeat failed for group g because it is rebalancing"),
        ("asyncio", "socket.send() raised exception."),
    ],
)
def test_noise_is_told_at_debug_only(capsys: pytest.CaptureFixture[str], logger: str, text: str) -> None:
    """An event of ours tells what matters of it."""
    emit(logger, text)
    assert told(capsys) == []
    emit(logger, text, level=logging.DEBUG)
    assert [(line["level"], line["text"]) for line in told(capsys)] == [("debug", text)]


def test_arguments_that_do_not_fit_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A library's mistake is no failure of ours."""
    emit("some.library", "%d of %d", "x")
    assert [line["text"] for line in told(capsys)] == ["%d of %d"]
