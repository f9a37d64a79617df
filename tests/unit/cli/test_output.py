"""How commands print listings."""

import io
import re

import pytest

from cli.output import blocks, listing, table

LONG = "ValueError: " + "x" * 300


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", ["40", "80", "110"])
def test_on_a_terminal_a_row_is_one_line_with_its_whole_name(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is cut at the end of the line: the name is what the next command needs."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERM", "xterm")
    name = "message.created:msg_c6b6594b83c2ce3a-and-more-of-it"
    listing([{"id": name, "handler": "h", "error": LONG}], ("id", "handler", "error"), as_json=False, empty="")
    heading, row = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert heading.startswith("id ")
    assert len(row) <= max(int(width), len(name) + 2)
    assert name in row


def test_one_long_cell_does_not_widen_the_others() -> None:
    """Into a file nothing is cut."""
    lines = [line.plain for line in table([["a", LONG, "z"], ["b", "short", "z"]], ("name", "about", "from"))]
    assert lines == ["name  about  from", f"a     {LONG}  z", "b     short  z"]


def test_sentences_stand_below_their_row_within_120_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """What is empty is left out, and a path stays whole."""
    path = "/srv/" + "plugins/" * 20 + "thanks.py"
    row = {"entry": "thanks", "state": "enabled", "reason": "", "about": "Says thanks. " * 12, "origin": path}
    blocks([row], ("entry", "state", "reason", "about", "origin"), as_json=False, empty="")
    first, *others, last = capsys.readouterr().out.splitlines()
    assert first == "thanks  enabled"
    assert [line[:10] for line in others] == ["  about   ", " " * 10]
    assert max(map(len, others)) <= 120
    assert last == f"  origin  {path}"
