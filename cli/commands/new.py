"""`hookline new handler NAME`: a plugin and its test, which passes."""

import ast
import re
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandFailed, Misconfigured

app = typer.Typer(no_args_is_help=True, help="Write a new plugin.")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

_HANDLER = '''\
"""Say in one line what this handler is for: `hookline handlers list` shows it."""

from pydantic import BaseModel, ConfigDict

from hookline import Context, Event, MessageCreated, handler


class Config(BaseModel):
    """The settings of `[handlers.{name}]`."""

    model_config = ConfigDict(extra="forbid")

    greeting: str = "hello"


@handler("{name}", on=MessageCreated, config=Config, timeout="20s")
async def {function}(event: Event[MessageCreated], ctx: Context[Config]) -> None:
    """Log a greeting for every message of a visitor."""
    if event.data.role != "user":
        return
    ctx.log.info("visitor.greeted", greeting=ctx.config.greeting, conversation=event.key)
'''

_TEST = '''\
"""The test of {name}; run it with: pytest {path}"""

import asyncio

from {module} import {function}

from hookline import MessageCreated
from hookline.testing import Done, event_of, run_once


def test_it_is_done_with_a_message() -> None:
    """A visitor's message is handled without an error."""
    message = MessageCreated(message_id="m1", conversation_id="c1", role="user", content="Hello?")
    attempt = asyncio.run(run_once({function}, event_of(message)))
    assert attempt.outcome == Done()
'''


@app.callback()
def group() -> None:
    """Write a new plugin."""


@app.command("handler")
def handler(
    name: Annotated[str, typer.Argument(help="The handler's name, such as thank-you.")],
    folder: Annotated[Path, typer.Option(help="The folder of plugins, as in [handlers] path.")] = Path("plugins"),
) -> None:
    """Write plugins/NAME.py and plugins/test_NAME.py."""
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} is no handler name: write small letters, digits, - and _, at most 63")
    module = name.replace("-", "_")
    if not module.isidentifier():
        raise Misconfigured(f"{name!r} cannot be a Python file's name: begin it with a letter")
    plugin, test = folder / f"{module}.py", folder / f"test_{module}.py"
    for file in (plugin, test):
        if file.exists():
            raise CommandFailed(f"{file} exists already: choose another name, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    for file, template in ((plugin, _HANDLER), (test, _TEST)):
        text = template.format(name=name, module=module, function=module, path=test)
        ast.parse(text)
        file.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {plugin} and {test}")
    typer.echo(f'next: add path = ["./{folder}"] to [handlers] in hookline.toml, then: hookline handlers list')
