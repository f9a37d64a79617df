"""`hookline`: the command line."""

import errno
import logging
import os
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated

import typer

from cli.base import Format, Installation
from cli.commands import COMMANDS, Command
from cli.errors import CommandFailed
from cli.garbage import collect_less
from cli.invocation import pasted
from cli.places import find
from cli.version import version

# What these do for hours is logged; the others tell what they have to say.
ROLES = frozenset({"run", "receive", "work", "poll"})
# These go on when the log does not answer; every other command ends with an error that tells why.
_STAYING = ROLES | {"dev", "simulate", "tail"}
_GLOBAL = ("--config", "--data", "--log")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hookline {version()}")
        raise typer.Exit


def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The configuration file; default ./hookline.toml.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder; default ./.hookline.")] = None,
    log: Annotated[Format, typer.Option(help="How to log to stderr.")] = "auto",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log everything, each accepted delivery too.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Find the configuration and the data folder, and set up logging."""
    from cli import logs  # noqa: PLC0415 - `--help` writes no log

    usual = logging.INFO if context.invoked_subcommand in ROLES else logging.WARNING
    level = logging.DEBUG if verbose else usual
    logs.configure(log, level=level, onlooker=None if context.invoked_subcommand in _STAYING else logs.told_by_error)
    places = find(config, data, os.environ, Path.cwd())
    command = context.invoked_subcommand or ""
    called = COMMANDS.get(command)
    if command != "dev" and (places.dev is not None or (called and called.follows)):
        from cli.following import followed  # noqa: PLC0415 - the others need no pydantic for it

        places = followed(places)
    elif called and called.ignores_dev:
        from cli.following import tell_of_dev  # noqa: PLC0415 - as above

        tell_of_dev(places)
    context.obj = Installation(places=places, log_format=log, log_level=level)


def app(arguments: list[str], *, whole: bool = False) -> typer.Typer:
    """The command line, with the command that is called imported. The others have only a name and a summary.

    Args:
        arguments: what stands behind `hookline`.
        whole: import all of them, to look at them; the arguments then name none.
    """
    made = typer.Typer(
        name="hookline",
        help="Receive webhooks from AI-chat platforms, keep them in Kafka, and run Python handlers on them.",
        epilog="--config, --data, --log and --verbose may stand anywhere. Start with `hookline dev`.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        result_callback=_end,
    )
    made.callback()(options)
    called = _called(arguments)
    for name in COMMANDS if called is None else (called,):
        _add(made, name, COMMANDS[name], imported=whole or called is not None)
    return made


def _called(arguments: list[str]) -> str | None:
    """The command among arguments whose global options stand first."""
    words = iter(arguments)
    for word in words:
        if word in _GLOBAL:
            next(words, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
    return None


def _add(group: typer.Typer, name: str, command: Command, *, imported: bool) -> None:
    if not imported:
        group.command(name, help=command.summary)(_named_only)
        return
    found = resolve_name(command.target)
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name, short_help=command.summary)
    else:
        group.command(name, short_help=command.summary)(found)


def _named_only() -> None:
    """Stands for a command in the help; one that is called is imported."""


def main() -> None:
    """Run a command and end the process with its status: 0, 1 failed, 2 used wrongly or misconfigured."""
    collect_less()
    arguments = hoisted(sys.argv[1:])
    try:
        app(arguments)(args=arguments)
    except CommandFailed as error:
        sys.stderr.write(f"hookline: {pasted(str(error), sys.argv[0])}\n")
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # Our reader went away, as with `| head`.
        _flush_nowhere()
    except OSError as error:
        # Any file a command writes may meet it; everything else is a fault of ours.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or "what it writes to"
        sys.stderr.write(f"hookline: no space is left on the disk of {where}: free some, then call it again\n")
        _flush_nowhere()
        sys.exit(CommandFailed.exit_status)


def _flush_nowhere() -> None:
    """What is not written yet cannot be: Python would complain once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(status: object, **_options: object) -> None:
    """What a command returns is the exit status of the process."""
    if isinstance(status, int):
        raise typer.Exit(status)


def hoisted(arguments: list[str]) -> list[str]:
    """The arguments with the global options first, so that they may stand anywhere before a `--`."""
    first: list[str] = []
    rest: list[str] = []
    queue = list(arguments)
    while queue:
        argument = queue.pop(0)
        if argument == "--":
            return [*first, *rest, argument, *queue]
        if argument in _GLOBAL and queue:
            first += [argument, queue.pop(0)]
        elif argument == "--verbose" or argument.startswith(tuple(f"{name}=" for name in _GLOBAL)):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest
