"""How hookline is called again from another terminal."""

import sys
from pathlib import Path

import pytest

from cli.invocation import decision, options, pasted, program, starting
from cli.places import Dev, Places

HERE = Path("/home/ada/site")


def places(config: str | None, data: str) -> Places:
    return Places(config=None if config is None else Path(config), data=Path(data), environ={})


@pytest.mark.parametrize(
    ("config", "data", "named"),
    [
        (None, "/home/ada/site/.hookline", ()),
        ("/home/ada/site/hookline.toml", "/home/ada/site/.hookline", ()),
        ("/etc/hookline.toml", "/home/ada/site/.hookline", ("--config", "/etc/hookline.toml")),
        (None, "/var/lib/x", ("--data", "/var/lib/x")),
    ],
    ids=["demo", "usual", "another configuration", "ephemeral"],
)
def test_what_another_process_finds_by_itself_is_not_named(
    config: str | None, data: str, named: tuple[str, ...]
) -> None:
    """The usual call stays short."""
    assert options(places(config, data), HERE) == named


def test_a_program_on_the_path_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not is called as it was; another one of its name on the path would be the wrong one."""
    file = tmp_path / "bin" / "hookline"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent))
    assert program(str(file)) == ("hookline",)
    assert program(".venv/bin/hookline") == (".venv/bin/hookline",)


def test_a_program_in_the_folder_is_called_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make dev` may have named it in full."""
    monkeypatch.chdir(tmp_path)
    assert program(str(tmp_path / ".venv/bin/hookline")) == (".venv/bin/hookline",)


def test_the_commands_of_an_error_are_called_as_this_process_was() -> None:
    """Where it is not on the PATH, `hookline` alone is not found."""
    told = "topics are missing: `hookline topics apply`, hookline says"
    assert pasted(told, ".venv/bin/hookline") == "topics are missing: `.venv/bin/hookline topics apply`, hookline says"


def test_a_module_is_called_as_a_module() -> None:
    """`python -m hookline`, with the same Python."""
    assert program("/somewhere/hookline/__main__.py") == (sys.executable, "-m", "hookline")


@pytest.mark.parametrize(
    ("event_id", "line"),
    [
        ("message.created:m1", "hookline dead replay message.created:m1 --handler h"),
        ("it's; rm -rf", "hookline dead replay 'it'\"'\"'s; rm -rf' --handler h"),
        ("-x", "hookline dead replay --handler h -- -x"),
    ],
)
def test_a_shell_takes_the_line_as_it_stands(event_id: str, line: str) -> None:
    """Whatever a platform put into its ids."""
    assert decision(("hookline",), "replay", event_id, "h") == line


def test_further_options_stand_behind_the_entry() -> None:
    """Before an id that begins like one."""
    assert decision(("hookline",), "replay", "e1", "h", "--redo-effects").endswith("e1 --handler h --redo-effects")
    assert decision(("hookline",), "discard", "-x", "h") == "hookline dead discard --handler h -- -x"


def test_the_demo_is_started_by_one_command_for_all_roles() -> None:
    """`hookline run` would refuse it: it has no configuration."""
    usual = places("/home/ada/site/hookline.toml", "/home/ada/site/.hookline")
    assert starting(usual, "work", "run") == "`hookline work`, or `hookline run`"
    assert starting(usual.of_dev(Dev()), "work", "run") == "`hookline dev`"
