"""The code blocks of README.md and docs/ are right: they parse, type-check, validate, name what exists, and run."""

import ast
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from cli.base import Installation
from cli.places import Places
from cli.plugins import loaded
from cli.roles import DRAIN
from cli.settings import Settings, load
from cli.wiring import CLOSING
from dispatcher.registry import GROUP
from receiver.settings import ReceiverSettings
from receiver.sources.opening import open_sources
from store.settings import StoreSettings
from tests.conventions.fences import PAGES, ROOT, Fence, fences
from tests.conventions.reference.commands import complaint
from tests.conventions.variables import unknown_variables

LANGUAGES = {"python", "toml", "sh", "json", "yaml", "text", ""}
# What a plugin may import beside the standard library: what comes with hookline, and is not ours.
IMPORTS = {"hookline", "pydantic", "aiohttp"} | set(sys.stdlib_module_names)
# Programs of others that a reader is told to call.
PROGRAMS = {
    "cd", "curl", "export", "install", "kcat", "openssl", "pip", "python", "python3", "sed", "sqlite3", "systemctl",
    "useradd",
}  # fmt: skip
KEY = base64.b64encode(bytes(range(32))).decode()
# Variables whose values must be of another form than a webhook's secret.
VALUES = {
    "DATABASE_URL": "postgresql://hookline@localhost/hookline",
    "GPTBOTS_PATH_TOKEN": "path-token-0123456789",
    "PAYMENTS_PUBLIC_KEY": f"whpk_{KEY}",
    "VOICEFLOW_PATH_TOKEN": "path-token-0123456789",
    "SHOP_PATH_TOKEN": "path-token-0123456789",
    "YOURGPT_PATH_TOKEN": "path-token-0123456789",
}


def each(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", fences(*languages), ids=str)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every Python block as a file: those that name one, in that place."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "plugins").mkdir()
    for number, block in enumerate(fences("python")):
        (folder / (block.file or f"block_{number}.py")).write_text(block.text, encoding="utf-8")
    return folder


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    """A block in another language would be checked by nobody."""
    others = re.compile(r"^ *```(\w+)$", re.MULTILINE)
    assert {name for page in PAGES for name in others.findall(page.read_text(encoding="utf-8"))} - LANGUAGES == set()


@each("json")
def test_json_parses(block: Fence) -> None:
    """A reader may paste it."""
    json.loads(block.text)


@each("python")
def test_python_imports_only_the_public_name(block: Fence) -> None:
    """Plugins import from `hookline`, the standard library and pydantic."""
    tree = ast.parse(block.text)
    own = {Path(one.file).stem for one in fences("python") if one.file}
    assert {name.partition(".")[0] for name in imported(tree)} - IMPORTS - own == set()


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def test_python_type_checks(plugins: Path) -> None:
    """The strict mypy takes every block, as it will take what a reader makes of it."""
    files = sorted(plugins.rglob("*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", *files],
        cwd=ROOT,
        env={"MYPYPATH": f"{plugins / 'plugins'}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert (done.returncode, done.stdout) == (0, f"Success: no issues found in {len(files)} source files\n")


def test_the_tests_of_the_docs_pass(plugins: Path) -> None:
    """The test files among the blocks run, and find the plugins beside them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "plugins"],
        cwd=plugins,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout


@each("toml")
def test_toml_is_a_configuration_that_works(block: Fence, plugins: Path) -> None:
    """Keys, secrets, sources, accounts and handlers are checked as `hookline check` checks them."""
    raw = tomllib.loads(block.text)
    if "project" in raw:
        assert list(raw["project"]["entry-points"]) == [GROUP]
        return
    file = plugins / "hookline.toml"
    file.write_text(block.text, encoding="utf-8")
    names = re.findall(r'"env:(\w+)"', block.text)
    environ = {name: VALUES.get(name, f"whsec_{KEY}") for name in names}
    settings = load(Places(config=file, data=plugins / "data", environ=environ))
    open_sources(settings.sources, settings.receiver, settings.catalogue())
    assert handler_problems(file, settings) == []


def handler_problems(file: Path, settings: Settings) -> list[str]:
    here = Installation(Places(config=file, data=file.parent / "data", environ={}), "auto", given=settings)
    return loaded(here).problems


@each("sh")
def test_shell_names_what_exists(block: Fence) -> None:
    """Commands, options, targets of make and variables are there."""
    assert list(shell_problems(block.text)) == []
    assert unknown_variables(re.findall(r"\bHOOKLINE_[A-Z0-9_]+\b", block.text)) == []


def shell_problems(text: str) -> Iterator[str]:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for program, *words in simple_commands(text):
        if Path(program).name == "hookline":
            yield from filter(None, [complaint(words)])
        elif program == "make":
            yield from (f"make {word}" for word in words if word not in targets and "=" not in word)
        elif Path(program).name not in PROGRAMS and not re.match("[A-Z]+=", program):
            yield f"{program} is no program a reader is expected to have"


def simple_commands(text: str) -> Iterator[list[str]]:
    """The commands of a block, each as its words; `&&`, `|`, `;` and the end of a line part them."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True  # else an address ends at its colon
        for parts, words in groupby(lexer, lambda word: set(word) <= set(";&|")):
            if not parts:
                yield list(words)


@each("sh")
def test_settings_in_the_shell_are_valid(block: Fence, tmp_path: Path) -> None:
    """What is exported can be loaded, beside a configuration that has nothing else."""
    words = [word for _, *words in simple_commands(block.text) for word in words]
    settings = dict(word.split("=", 1) for word in words if re.match(r"HOOKLINE_\w+__\w+=", word))
    named = re.findall(r"env:(\w+)", " ".join(settings.values()))
    environ = settings | dict.fromkeys(named, f"whsec_{KEY}")
    part = '[sources.support]\nplatform = "standard"\nverify = "none"\n' if named else ""
    file = tmp_path / "hookline.toml"
    file.write_text(part, encoding="utf-8")
    load(Places(config=file, data=tmp_path, environ=environ))


@each("yaml")
def test_yaml_calls_the_roles_as_they_are(block: Fence) -> None:
    """A container's arguments are taken by the command line; its variables are checked with those of the text."""
    calls = re.findall(r"^ +args: \[(.+)\]$", block.text, re.MULTILINE)
    assert calls
    assert [said for call in calls if (said := complaint(call.split(", ")))] == []


def test_the_grace_period_is_longer_than_a_stop() -> None:
    """Kubernetes kills what is not over by then: drains, the closing of log and store, and `preStop` must fit in."""
    for block in fences("yaml"):
        [grace] = re.findall(r"^terminationGracePeriodSeconds: (\d+)$", block.text, re.MULTILINE)
        before = sum(map(int, re.findall(r'\[sleep, "(\d+)"\]', block.text)))
        closing = CLOSING + 2 * StoreSettings().deadline
        drains = DRAIN if "args: [work" in block.text else ReceiverSettings().drain
        assert (drains + closing).total_seconds() + before < int(grace)
