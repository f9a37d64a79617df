"""The command line's own small parts."""

from pathlib import Path

import pytest

from cli.errors import Misconfigured
from cli.main import hoisted
from cli.output import printable
from cli.places import find


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
    assert find(None, tmp_path / "a", {"HOOKLINE_DATA": str(tmp_path / "b")}, tmp_path).data == tmp_path / "a"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A typing error must not start the demo."""
    with pytest.raises(Misconfigured, match="there is no configuration file"):
        find(None, None, {"HOOKLINE_CONFIG": str(tmp_path / "none.toml")}, tmp_path)


def test_a_terminal_escape_is_shown_not_obeyed() -> None:
    """Message texts are strangers' texts."""
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n"
