"""What `hookline --help` says, of every command."""

import contextlib
import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer
from typer.testing import CliRunner

from cli.main import app, hoisted

# Columns of a help text; without it the width of the terminal would be in the page.
WIDTH = 110


def command_tree() -> Any:
    """The command line as Typer makes it, with every command."""
    return typer.main.get_command(app([], whole=True))


def command_names(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command by its words, `("dead", "list")`; a group stands before its own."""
    for name, command in group.commands.items():
        yield (*above, name)
        if hasattr(command, "commands"):
            yield from command_names(command, (*above, name))


def command_help(words: tuple[str, ...]) -> str:
    """What a command says about itself.

    Raises:
        AssertionError: it says nothing, but fails.
    """
    told = CliRunner().invoke(app([], whole=True), [*words, "--help"], prog_name="hookline", terminal_width=WIDTH)
    assert told.exit_code == 0, told.output
    return told.output.strip()


def blocks() -> dict[str, str]:
    """The help of `hookline`, then of each command, as sections of a page."""
    sections = [
        f"## hookline {' '.join(words)}\n\n{_fenced(command_help(words))}" for words in command_names(command_tree())
    ]
    return {"hookline": _fenced(command_help(())), "commands": "\n".join(sections)}


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```\n"


def complaint(words: list[str]) -> str:
    """What the command line says against being called like this; empty if it takes it. Nothing is run."""
    tree = _disarmed()
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = tree.main(args=hoisted(words), prog_name="hookline")
        except SystemExit as ended:
            status = ended.code
    return "" if not status else said.getvalue()


@cache
def _disarmed() -> Any:
    """The command line, whose commands do nothing."""
    tree = command_tree()
    _disarm(tree)
    return tree


def _disarm(command: Any) -> None:
    """Let a command and those below it parse, and do nothing."""
    command.callback = lambda **_: None
    for below in getattr(command, "commands", {}).values():
        _disarm(below)
