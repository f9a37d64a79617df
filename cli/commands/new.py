"""`hookline new handler NAME`: a plugin and its test, which passes."""

import ast
import keyword
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli import invocation
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.following import shown
from cli.new_package import files_of
from cli.settings import read
from dispatcher.registry import GROUP

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
"""The test of {name}."""

import asyncio
{paths}
from structlog.testing import capture_logs

from hookline import MessageCreated
{loaded}


def test_it_counts_a_visitors_words() -> None:
    """Three words are long where three are."""
    message = MessageCreated(message_id="m1", conversation_id="c1", role="user", content="Is anybody there?")
    with capture_logs() as lines:
        attempt = asyncio.run(run_once(plugin.{function}, event_of(message), config={{"long": 3}}))
    assert attempt.outcome == Done()
    assert [(line["words"], line["long"]) for line in lines if line["event"] == "visitor.wrote"] == [(3, True)]
'''

# How a test comes by its handler: a file of a plugin folder, or an installed package.
_OF_FILE = {
    "paths": "from pathlib import Path\n",
    "loaded": "from hookline.testing import Done, event_of, load_plugin, run_once\n\n"
    'plugin = load_plugin(Path(__file__).with_name("{module}.py"))',
}
_OF_PACKAGE = {
    "paths": "",
    "loaded": "from hookline.testing import Done, event_of, run_once\n\nimport {module} as plugin",
}

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
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The handler's name, such as thank-you.")],
    folder: Annotated[Path, typer.Option(help="The folder of plugins, as in [handlers] path.")] = Path("plugins"),
    package: Annotated[bool, typer.Option("--package", help="Write a distribution, in the folder NAME.")] = False,
) -> None:
    """Write plugins/NAME.py and plugins/test_NAME.py, or a distribution to be installed."""
    if package:
        write_package(name)
    else:
        write(installation(context), name, folder)


def write(here: Installation, name: str, folder: Path) -> None:
    """Write the files, and tell what comes next."""
    module = _module(name)
    plugin, test = folder / f"{module}.py", folder / f"test_{module}.py"
    for file in (plugin, test):
        if file.exists():
            raise CommandFailed(f"{file} exists already: choose another name, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    for file, template in ((plugin, _HANDLER), (test, _TEST)):
        text = _filled(template, name, module, _OF_FILE)
        ast.parse(text)
        file.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {plugin} and {test}")
    if find_spec("pytest_asyncio") is not None and not any(Path(each).exists() for each in _PYTEST_FILES):
        Path("pytest.ini").write_text(_PYTEST_INI, encoding="utf-8")
        typer.echo("wrote pytest.ini")
    for line in _next(here, name, folder, test):
        typer.echo(line)


def write_package(name: str) -> None:
    """Write a distribution whose entry point is the handler, and tell what comes next."""
    module, folder = _module(name), Path(name)
    if folder.exists():
        raise CommandFailed(f"{folder} exists already: choose another name, or remove it first")
    handler, test = (_filled(template, name, module, _OF_PACKAGE) for template in (_HANDLER, _TEST))
    for path, text in files_of(name, module, handler, test).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    typer.echo(f"wrote {folder}")
    if find_spec("pytest") is None:
        typer.echo(f"get:   {_python()} -m pip install pytest")
    typer.echo(f"put:   {_python()} -m pip install --editable ./{folder}")
    typer.echo(f"test:  {_python()} -m pytest {folder}")


def _filled(template: str, name: str, module: str, way: Mapping[str, str]) -> str:
    words = {"name": name, "module": module, "function": module}
    return template.format(**words, **{word: text.format(**words) for word, text in way.items()})


def _next(here: Installation, name: str, folder: Path, test: Path) -> Iterator[str]:
    """What to do next, in the order to do it."""
    file = here.places.config
    if not _is_loaded(here, folder):
        yield f'add:   path = ["./{folder}"] to [handlers] in {shown(file) if file else "a hookline.toml"}'
    if find_spec("pytest") is None:
        yield f"get:   {_python()} -m pip install pytest"
    yield f"test:  {_python()} -m pytest {test}"
    program = shlex.join((*invocation.program(sys.argv[0]), *invocation.options(here.places, Path.cwd())))
    yield f"run:   {program} dev --only {name}    # shows what it makes of each event, and takes up changes"
    yield (
        "In production a new handler begins with the oldest event in the log. To begin with new events only, put this "
        f'into hookline.toml before it first runs:\n  [handlers.{name}]\n  start = "now"'
    )


def _is_loaded(here: Installation, folder: Path) -> bool:
    """Whether the configuration names the folder; without one `dev` takes ./plugins by itself."""
    if here.places.config is None:
        return folder.absolute() == Path.cwd() / "plugins"
    try:
        path = read(here.places).settings.handlers.get("path", [])
    except CommandFailed:
        return False
    paths = [path] if isinstance(path, str) else path
    return isinstance(paths, list) and folder.resolve() in [(here.base / str(one)).resolve() for one in paths]


def _python() -> str:
    """The Python that has hookline, as it is typed here."""
    own = Path(sys.executable)
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _module(name: str) -> str:
    """The name of the handler's module and function.

    Raises:
        Misconfigured: the name is no handler's, or cannot be a module beside what there is.
    """
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} is no handler name: write small letters, digits, - and _, at most 63")
    if name in {point.name for point in entry_points(group=GROUP)}:
        raise Misconfigured(f"the name {name} is taken by a handler that is installed: choose another")
    module = name.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise Misconfigured(f"{name!r} cannot be a Python module's name: begin it with a letter, and take no keyword")
    if module == "handler" or module in sys.builtin_module_names or find_spec(module) is not None:
        raise Misconfigured(f"{module}.py would hide a module or a name that its test imports: choose another name")
    return module
