"""`hookline new handler NAME`: a plugin and its test, which passes."""

import ast
import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandFailed, Misconfigured

app = typer.Typer(no_args_is_help=True, help="Write a new plugin.")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

_HANDLER = '''\
"""The handler {name}, and its settings."""

from pydantic import BaseModel, ConfigDict

from hookline import Context, Event, MessageCreated, handler


class Config(BaseModel):
    """The settings of `[handlers.{name}]`."""

    model_config = ConfigDict(extra="forbid")

    # A message of so many words is long.
    long: int = 20


@handler("{name}", on=MessageCreated, config=Config, timeout="20s")
async def {function}(event: Event[MessageCreated], ctx: Context[Config]) -> None:
    """Log how many words a visitor wrote."""  # `hookline handlers list` shows this line
    if event.data.role != "user":
        return
    words = len(event.data.content.split())
    ctx.log.info("visitor.wrote", words=words, long=words >= ctx.config.long)
'''

_TEST = '''\
"""The test of {name}; run it with: pytest {path}"""

import asyncio

from {module} import {function}
from structlog.testing import capture_logs

from hookline import MessageCreated
from hookline.testing import Done, event_of, run_once


def test_it_counts_a_visitors_words() -> None:
    """Three words are long where three are."""
    message = MessageCreated(message_id="m1", conversation_id="c1", role="user", content="Is anybody there?")
    with capture_logs() as lines:
        attempt = asyncio.run(run_once({function}, event_of(message), config={{"long": 3}}))
    assert attempt.outcome == Done()
    assert [(line["words"], line["long"]) for line in lines if line["event"] == "visitor.wrote"] == [(3, True)]
'''

_PYTEST_INI = """\
[pytest]
# pytest-asyncio asks for it
asyncio_default_fixture_loop_scope = function
"""
# Where pytest looks for its settings.
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", "pyproject.toml", "tox.ini", "setup.cfg")


@app.callback()
def group() -> None:
    """Write a new plugin."""


@app.command("handler")
def handler(
    name: Annotated[str, typer.Argument(help="The handler's name, such as thank-you.")],
    folder: Annotated[Path, typer.Option(help="The folder of plugins, as in [handlers] path.")] = Path("plugins"),
) -> None:
    """Write plugins/NAME.py and plugins/test_NAME.py."""
    module = _module(name)
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
    if find_spec("pytest_asyncio") is not None and not any(Path(each).exists() for each in _PYTEST_FILES):
        Path("pytest.ini").write_text(_PYTEST_INI, encoding="utf-8")
        typer.echo("wrote pytest.ini")
    typer.echo(f'next: add path = ["./{folder}"] to [handlers] in hookline.toml, then: hookline handlers list')
    typer.echo(
        "It begins with the oldest event the log still holds. To begin with new ones, add before it first runs:\n"
        f'  [handlers.{name}]\n  start = "now"'
    )


def _module(name: str) -> str:
    """The name of the handler's module and function.

    Raises:
        Misconfigured: the name is no handler's, or cannot be a module beside what there is.
    """
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} is no handler name: write small letters, digits, - and _, at most 63")
    module = name.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise Misconfigured(f"{name!r} cannot be a Python module's name: begin it with a letter, and take no keyword")
    if module == "handler" or module in sys.builtin_module_names or find_spec(module) is not None:
        raise Misconfigured(f"{module}.py would hide a module or a name that its test imports: choose another name")
    return module
