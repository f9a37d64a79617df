"""`docs/install.md`: the wheel works without the checkout, and the unit of systemd calls what there is."""

import configparser
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.conventions.fences import ROOT
from tests.conventions.reference.commands import complaint


def called(*words: str | Path, within: Path) -> str:
    """What a program prints; it must end well."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HOOKLINE_", "PYTHON"))}
    done = subprocess.run(words, cwd=within, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The command out of its wheel; the requirements are those of the tests' own environment."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir")
    called(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT, within=ROOT)
    [wheel] = tmp_path.glob("hookline-*-py3-none-any.whl")
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    called(*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, within=tmp_path)
    [site] = folder.glob("lib/python3*/site-packages")
    (site / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin/hookline"


def test_the_wheel_has_all_it_needs(program: Path, tmp_path: Path) -> None:
    """Its version, the presets, the store's steps and the topics; nothing comes from the checkout."""
    at = tmp_path / "site"
    at.mkdir()
    config = '[sources.chat]\nplatform = "chatwoot"\nsecrets = ["env:CHAT_SECRET"]\n'
    (at / "hookline.toml").write_text(config, encoding="utf-8")
    assert called(program, "--version", within=at).startswith("hookline 0.")
    where = called(program.parent / "python", "-c", "import cli; print(cli.__file__)", within=at)
    assert Path(where.strip()).is_relative_to(tmp_path)
    (at / "hookline.toml").write_text(config.replace("env:CHAT_SECRET", f"file:{at}/secret"), encoding="utf-8")
    (at / "secret").write_text("a-secret-of-some-length\n", encoding="utf-8")
    (at / "secret").chmod(0o600)
    assert "chatwoot, POST /in/chat" in called(program, "check", within=at)
    called(program, "migrate", within=at)
    assert "created" in called(program, "topics", "apply", within=at)
    assert (at / ".hookline/state.db").is_file()


def test_the_unit_calls_commands_that_there_are() -> None:
    """With time to drain, and nothing that the account behind it may not have."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's own documentation does
    text = (ROOT / "examples/hookline.service").read_text(encoding="utf-8")
    unit.read_string(text)
    commands = [line.partition("bin/hookline ")[2] for line in text.splitlines() if line.startswith("ExecStart")]
    assert commands == ["migrate", "topics apply", "run"]
    assert [complaint(command.split()) for command in commands] == [""] * 3
    assert (unit["Service"]["User"], unit["Service"]["TimeoutStopSec"]) == ("hookline", "60")
    assert unit["Service"]["RestartPreventExitStatus"] == "2"
