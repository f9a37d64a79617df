"""`hookline`: the command line."""

import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from cli import logs
from cli.base import Installation
from cli.commands import COMMANDS
from cli.errors import CommandFailed
from cli.places import find
from cli.version import version

app = typer.Typer(
    name="hookline",
    help="Receive webhooks from AI-chat platforms, keep them in Kafka, and run Python handlers on them.",
    epilog="--config, --data and --log may stand anywhere. Start with `hookline dev`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _name, _command in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)

_GLOBAL = ("--config", "--data", "--log")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hookline {version()}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The configuration file; default ./hookline.toml.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder; default ./.hookline.")] = None,
    log: Annotated[logs.Format, typer.Option(help="How to log to stderr.")] = "auto",
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Find the configuration and the data folder, and set up logging."""
    logs.configure(log)
    context.obj = Installation(places=find(config, data, os.environ, Path.cwd()), log_format=log)


def main() -> None:
    """Run a command and end the process with its status: 0, 1 failed, 2 used wrongly or misconfigured."""
    try:
        status = app(args=hoisted(sys.argv[1:]), standalone_mode=False)
    except CommandFailed as error:
        sys.stderr.write(f"hookline: {error}\n")
        status = error.exit_status
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except BrokenPipeError:
        # The reader of our output went away, as with `| head`; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)


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
        elif argument.startswith(tuple(f"{name}=" for name in _GLOBAL)):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest
