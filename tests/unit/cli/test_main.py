"""The command line's own small parts."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import COMMANDS
from cli.errors import Misconfigured
from cli.main import app, hoisted
from cli.output import printable
from cli.places import Dev, find

# What a command may have to wait for.
HEAVY = frozenset({"aiohttp", "aiokafka", "alembic", "asyncpg", "pydantic", "rich", "sqlalchemy", "structlog"})


def test_global_options_may_stand_after_the_command() -> None:
    """`hookline receive --data d` means `hookline --data d receive`."""
    assert hoisted(["receive", "--port", "1", "--data", "d", "--log=json"]) == [
        "--data",
        "d",
        "--log=json",
        "receive",
        "--port",
        "1",
    ]


def test_nothing_is_moved_over_a_double_dash() -> None:
    """What stands after `--` is not an option."""
    assert hoisted(["send", "--", "--data", "d"]) == ["send", "--", "--data", "d"]


def test_the_file_in_this_folder_is_the_default(tmp_path: Path) -> None:
    """`./hookline.toml`."""
    (tmp_path / "hookline.toml").touch()
    places = find(None, None, {}, tmp_path)
    assert (places.config, places.data) == (tmp_path / "hookline.toml", tmp_path / ".hookline")


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    """--data over HOOKLINE_DATA."""
    assert find(None, tmp_path / "a", {"HOOKLINE_DATA": str(tmp_path / "b")}, tmp_path).root == tmp_path / "a"


def test_without_a_configuration_the_demo_is_meant(tmp_path: Path) -> None:
    """It has a folder of its own: what is configured later begins with nothing of it."""
    found = find(None, None, {}, tmp_path)
    assert (found.dev, found.data, found.root) == (Dev(), tmp_path / ".hookline/dev", tmp_path / ".hookline")


@pytest.mark.parametrize(
    ("arguments", "known"),
    [
        (["tail"], ["tail"]),
        (["--data", "run", "tail"], ["tail"]),
        (["--help"], list(COMMANDS)),
        (["nonsense"], list(COMMANDS)),
    ],
)
def test_only_the_command_that_is_called_is_there(arguments: list[str], known: list[str]) -> None:
    """Else all of them, by their names."""
    made = app(arguments)
    names = [*(one.name for one in made.registered_commands), *(one.name for one in made.registered_groups)]
    assert names == known


def test_the_help_of_all_commands_imports_none() -> None:
    """`hookline --help` answers at once."""
    code = "import sys; sys.argv = ['hookline', '--help']; from cli.main import main; main()"
    check = "import atexit, sys; atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)));"
    done = subprocess.run([sys.executable, "-c", check + code], capture_output=True, text=True, check=True, timeout=30)
    assert "tail      Show the records of the topics." in done.stdout
    assert HEAVY & set(done.stderr.split()) == set()


def test_a_command_imports_only_what_it_needs() -> None:
    """The log's commands do without a state store, and none but `migrate` has Alembic; one process imports them all."""
    code = "import sys, cli.settings; from importlib import import_module"
    for name in ("tail", "events", "check", "dead"):
        code += f"\nimport_module('cli.commands.{name}'); print('{name}', *sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    always = ["pydantic", "rich", "structlog"]
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["tail", *always],
        ["events", *always],
        ["check", "aiohttp", *always],
        ["dead", *sorted([*always, "aiohttp", "asyncpg", "sqlalchemy"])],
    ]


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A typing error must not start the demo."""
    with pytest.raises(Misconfigured, match="there is no configuration file"):
        find(None, None, {"HOOKLINE_CONFIG": str(tmp_path / "none.toml")}, tmp_path)


def test_a_terminal_escape_is_shown_not_obeyed() -> None:
    """Message texts are strangers' texts."""
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n"


def test_a_full_disk_is_told_without_a_traceback() -> None:
    """Whatever the command was writing; here its own output."""
    code = "import sys; sys.argv = ['hookline', 'check', '--json']; from cli.main import main; main()"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "hookline: no space is left on the disk of what it writes to: free some, then call it again\n",
    )


@pytest.mark.parametrize("command", [["topics", "plan"], ["tail", "--no-follow"]])
def test_a_log_that_does_not_answer_is_told_once(tmp_path: Path, command: list[str]) -> None:
    """By the error that ends the command, not by a log line beside it."""
    config = tmp_path / "hookline.toml"
    config.write_text('[eventlog]\nurl = "kafka://127.0.0.1:1"\n')
    code = f"import sys; sys.argv = ['hookline', '--config', {str(config)!r}, *{command!r}]; "
    ended = subprocess.run(
        [sys.executable, "-c", code + "from cli.main import main; main()"], capture_output=True, text=True, check=False
    )
    [line] = ended.stderr.splitlines()
    assert line.startswith("hookline: ")
    assert "nothing listens on 127.0.0.1:1" in line
