"""Whatever a plugin logs, its line is valid JSON of bounded length, and ours says whose it is."""

import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
import structlog

from cli import logs
from cli.log_values import MAX_TRACEBACK, fields


class Colour(Enum):
    RED = "red"


class Nasty:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


def refuse(text: str) -> None:
    raise json.JSONDecodeError(text, "", 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (7, 7),
        (10**30, "a number of 100 bits"),
        (b"\x00secret", "b'\\x00secret'"),
        (ValueError("a visitor's words"), "ValueError"),
        (Nasty(), "a Nasty that cannot be shown"),
        (Colour.RED, "red"),
        (timedelta(seconds=5), "0:00:05"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00"),
        ({1: float("inf"), "b": (2, {3})}, {"1": "inf", "b": [2, [3]]}),
        (nested(9), [[[["…"]]]]),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("x" * 1_001, "x" * 999 + "…"),
        (range(3), "range(0, 3)"),
    ],
)
def test_a_value_is_made_safe(value: object, shown: object) -> None:
    """And the line is JSON to a reader that is strict."""
    made = fields({"value": value})
    assert made == {"value": shown}
    json.loads(json.dumps(made), parse_constant=refuse)


def test_a_number_that_python_refuses_to_print_is_told() -> None:
    """More than 4,300 digits raise an error where they become text."""
    assert fields({"value": 10**9999}) == {"value": "a number of 33216 bits"}


def test_a_long_list_is_cut() -> None:
    """Fifty say enough."""
    assert len(fields({"many": list(range(1000))})["many"]) == 50


def test_a_traceback_keeps_its_end() -> None:
    """There stands what happened; an escape in it reaches no terminal."""
    shown = fields({"exception": "x" * 20_000 + "\n\x1b[2JValueError"})["exception"]
    assert len(shown) < MAX_TRACEBACK + 10
    assert shown.endswith("x\n\\x1b[2JValueError")


def test_a_line_with_it_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Through the whole of the logging."""
    logs.configure("json")
    structlog.get_logger().info("visitor.scored", value=float("nan"), who={"a": {1}})
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line, parse_constant=refuse)
    assert (told["value"], told["who"]) == ("nan", {"a": [1]})
