"""Rules of the house that a linter does not know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.telemetry import LOG_EVENTS

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "hookline",
    "cli",
    "console",
    "receiver",
    "dispatcher",
    "simulator",
    "handlers",
    "clients",
    "eventlog",
    "store",
    "schemas",
)
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def test_every_log_event_is_in_the_list() -> None:
    """An operator greps for names that `schemas/telemetry.py` explains."""
    unknown = [
        f"{path}:{node.lineno} {node.args[0].value}"
        for path, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOG_METHODS
        and isinstance(node.func.value, ast.Name | ast.Attribute)
        and (node.func.value.id if isinstance(node.func.value, ast.Name) else node.func.value.attr)
        in {"log", "_log", "logger"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value not in LOG_EVENTS
    ]
    assert unknown == []


def test_log_events_are_noun_verbed() -> None:
    """The names are all of one form."""
    assert [name for name in LOG_EVENTS if not re.fullmatch(r"[a-z]+\.[a-z]+", name)] == []


def test_only_cli_reads_the_environment() -> None:
    """Everything else is told by its caller."""
    packages = [package for package in PACKAGES if package != "cli"]
    readers = [
        f"{path}:{node.lineno}"
        for path, tree in sources(*packages)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert readers == []


def test_except_exception_stands_in_two_places() -> None:
    """A handler's attempt and the receiver's last resort; elsewhere what can happen is named."""
    broad = {
        str(path)
        for path, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    }
    assert broad == {"dispatcher/attempt.py", "receiver/app.py"}


def test_digests_are_compared_in_constant_time() -> None:
    """`==` on a digest or a token tells an attacker how much of it was right."""
    suspects = [
        f"{path}:{node.lineno}"
        for path, tree in sources("receiver", "schemas")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        and any(
            isinstance(side, ast.Call)
            and isinstance(side.func, ast.Attribute)
            and side.func.attr in {"digest", "hexdigest", "b64encode"}
            for side in (node.left, *node.comparators)
        )
    ]
    assert suspects == []


@pytest.mark.parametrize("package", PACKAGES)
def test_one_name_on_every_floor(package: str) -> None:
    """What concerns a platform has the platform's name in every package that knows it."""
    aliases = {"mga", "my_gpt_assistants", "yourgpt_ai", "custom_gpt", "gpt_bots"}
    assert {path.stem for path, _ in sources(package)} & aliases == set()
