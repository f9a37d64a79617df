"""`hookline new handler` writes what works: it type-checks, its test passes, it is found and can be configured."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.base import Installation
from cli.commands.new import write
from cli.errors import Misconfigured
from cli.places import Places, find
from cli.plugins import loaded
from tests.conventions.fences import ROOT, fences
from tests.e2e.processes import hookline, wait_for

# Each pytest would import every plugin that is installed here, which takes it longer than the test.
BARE = {"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def test_four_commands_lead_to_a_handler_that_runs(tmp_path: Path) -> None:
    """Those of the page, in an empty folder: it is written, its test passes, and `dev` shows what it does."""
    first, *_ = [one for one in fences("sh") if one.page.name == "write-a-handler.md"]
    commands = [shlex.split(line, comments=True) for line in first.text.splitlines()]
    assert [command[0] for command in commands] == ["pip", "hookline", "python", "hookline"]
    modules = {"pip": ["pip"], "hookline": ["hookline"], "python": []}
    *before, dev = [[*modules[first], *rest] for first, *rest in commands]
    ran = [run(tmp_path, *[word for word in words if word != "-m"]) for words in before]
    assert [done.returncode for done in ran] == [0, 0, 0], ran
    assert "1 passed" in ran[-1].stdout
    with hookline(tmp_path) as at:
        role = at.start(*dev[1:], "--port", "0", "--admin-port", "0", "--simulator-port", "0")
        wait_for(lambda: "thank-you       visitor.wrote  words=" in role.printed(), seconds=60, what="its line")
        plugin = tmp_path / "plugins" / "thank_you.py"
        right = plugin.read_text(encoding="utf-8")
        plugin.write_text("def pasted(:\n" + right, encoding="utf-8")
        wait_for(lambda: "the version before runs on: thank-you" in role.printed(), seconds=20, what="the old version")
        assert "plugins/thank_you.py:1: SyntaxError" in role.printed()
        plugin.write_text(right.replace('"visitor.wrote"', '"visitor.said"'), encoding="utf-8")
        wait_for(lambda: "thank_you.py changed: thank-you runs anew" in role.printed(), seconds=20, what="the new one")
        wait_for(lambda: "thank-you       visitor.said  words=" in role.printed(), seconds=30, what="its new line")
        plugin.unlink()
        wait_for(lambda: "thank_you.py is gone: thank-you ended" in role.printed(), seconds=20, what="its end")
        assert role.stop() == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which the command was run."""
    found = tmp_path_factory.mktemp("new")
    done = run(found, "hookline", "new", "handler", "thank-you")
    assert done.returncode == 0, done.stderr
    return found


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=folder, env=BARE | environ, capture_output=True, text=True, check=False, timeout=110
    )


def test_it_writes_a_plugin_and_its_test(folder: Path) -> None:
    """Two files, and one that keeps pytest-asyncio from complaining where it is installed."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sorted(str(path.relative_to(folder)) for path in files) == [
        "plugins/test_thank_you.py",
        "plugins/thank_you.py",
        "pytest.ini",
    ]


def test_its_test_passes(folder: Path) -> None:
    """As a user runs it: plain pytest, with whatever plugins of pytest's are there, and without a warning."""
    done = run(folder, "pytest", "-p", "no:cacheprovider", PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "Warning" not in done.stdout + done.stderr


@pytest.mark.parametrize("settings", ["", ROOT], ids=["empty", "importlib"])
def test_the_command_it_prints_passes_its_test(tmp_path: Path, settings: Path | str) -> None:
    """In an empty folder, and in one whose settings of pytest import no test by its folder, as this repository's do."""
    environ = BARE
    if settings:
        environ = {"PATH": ""}  # its settings are those of plugins
        shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    wrote = run(tmp_path, "hookline", "new", "handler", "thank-you").stdout
    [command] = re.findall(r"^test:  (.+)$", wrote, re.MULTILINE)
    for place, words in ((tmp_path, shlex.split(command)), (tmp_path / "plugins", [sys.executable, "-m", "pytest"])):
        done = subprocess.run(words, cwd=place, env=environ, capture_output=True, text=True, check=False, timeout=50)
        assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "folder", "says"),
    [
        (None, "plugins", ""),
        (None, "ours", 'path = ["./ours"] to [handlers] in a hookline.toml'),
        ('[handlers]\npath = ["./plugins"]\n', "plugins", ""),
        ('[handlers]\npath = ["./plugins"]\n', "ours", 'path = ["./ours"] to [handlers] in hookline.toml'),
        ("", "plugins", 'path = ["./plugins"] to [handlers] in hookline.toml'),
    ],
)
def test_it_says_what_is_left_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: str | None,
    folder: str,
    says: str,
) -> None:
    """Nothing that is done already, and how to see it run."""
    monkeypatch.chdir(tmp_path)
    if settings is not None:
        (tmp_path / "hookline.toml").write_text(settings, encoding="utf-8")
    write(here(tmp_path), "thank-you", Path(folder))
    said = capsys.readouterr().out
    assert re.findall(r"^add:   (.*)$", said, re.MULTILINE) == ([says] if says else [])
    assert re.search(r"^run:   .* dev ", said, re.MULTILINE)


def test_a_name_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two handlers of one name cannot be loaded."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match="the name sync-contact is taken"):
        write(here(tmp_path), "sync-contact", Path("plugins"))
    assert list(tmp_path.iterdir()) == []


def here(folder: Path) -> Installation:
    return Installation(find(None, None, {}, folder), "auto")


@pytest.mark.parametrize("name", ["class", "store", "json", "handler", "hookline", "pydantic"])
def test_a_name_that_would_hide_another_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python looks there first while tests run: its `store.py` would be everybody's `store`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match="name"):
        write(here(tmp_path), name, Path("plugins"))
    assert list(tmp_path.iterdir()) == []


def test_it_tells_that_a_new_handler_is_given_old_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Adding one to a running installation must not answer last year's visitors."""
    monkeypatch.chdir(tmp_path)
    write(here(tmp_path), "thank-you", Path("plugins"))
    assert '[handlers.thank-you]\n  start = "now"' in capsys.readouterr().out


def test_it_type_checks(folder: Path) -> None:
    """The strict mypy finds nothing, so that what is found later is the author's."""
    files = [str(path) for path in sorted((folder / "plugins").glob("*.py"))]
    config = str(ROOT / "pyproject.toml")
    done = run(ROOT, "mypy", "--strict", "--config-file", config, *files, MYPYPATH=f"{folder / 'plugins'}:{ROOT}")
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 2 source files\n")


def test_it_is_found_and_runs_without_a_section(folder: Path) -> None:
    """`[handlers] path` is all it needs."""
    config = folder / "hookline.toml"
    config.write_text('[handlers]\npath = ["./plugins"]\n', encoding="utf-8")
    found = loaded(Installation(Places(config=config, data=folder / "data", environ={}), "auto"))
    assert found.problems == []
    assert "thank-you" in [entry.name for entry in found.plan.entries]


def test_a_package_installs_its_test_passes_and_it_is_found(tmp_path: Path) -> None:
    """By pip, offline, and by its entry point."""
    wrote = run(tmp_path, "hookline", "new", "handler", "thank-you", "--package")
    assert wrote.returncode == 0, wrote.stderr
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    installed = run(tmp_path, "pip", "install", *options, "--target", "site", "./thank-you")
    assert installed.returncode == 0, installed.stderr
    path = str(tmp_path / "site")
    tested = run(tmp_path / "thank-you", "pytest", "-p", "no:cacheprovider", PYTHONPATH=path)
    assert "1 passed" in tested.stdout, tested.stdout + tested.stderr
    listed = run(tmp_path, "hookline", "handlers", "list", "--why", "--json", PYTHONPATH=path)
    [row] = [row for row in map(json.loads, listed.stdout.splitlines()) if row["entry"] == "thank-you"]
    assert (row["state"], row["origin"]) == ("enabled", "thank_you:thank_you (thank-you)")
