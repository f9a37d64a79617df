"""`env:` and `file:` references."""

from pathlib import Path

import pytest

from cli.errors import Misconfigured
from cli.secrets import resolve


def test_env_is_the_variables_value(tmp_path: Path) -> None:
    """A reference is replaced by what it names."""
    assert resolve({"key": "env:K"}, environ={"K": "v"}, base=tmp_path) == {"key": "v"}


def test_a_variable_that_is_not_set_is_named_with_its_key(tmp_path: Path) -> None:
    """The error tells which key wants which variable."""
    with pytest.raises(Misconfigured, match=r"accounts\.a\.api_key wants the environment variable MGA_KEY"):
        resolve({"accounts": {"a": {"api_key": "env:MGA_KEY"}}}, environ={}, base=tmp_path)


def test_a_secret_file_in_a_list_stands_for_all_its_lines(tmp_path: Path) -> None:
    """One secret a line, the newest first."""
    (tmp_path / "s.txt").write_text("new\n\nold\n", encoding="utf-8")
    assert resolve({"secrets": ["file:s.txt"]}, environ={}, base=tmp_path) == {"secrets": ["new", "old"]}


def test_a_secret_file_elsewhere_stands_for_its_first_line(tmp_path: Path) -> None:
    """A client uses the newest key."""
    (tmp_path / "s.txt").write_text("new\nold\n", encoding="utf-8")
    assert resolve({"api_key": "file:s.txt"}, environ={}, base=tmp_path) == {"api_key": "new"}


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    """An empty secret would verify anything."""
    (tmp_path / "s.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match="is empty"):
        resolve({"secrets": ["file:s.txt"]}, environ={}, base=tmp_path)


def test_a_missing_secret_file_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(Misconfigured, match=r"nowhere\.txt, which cannot be read"):
        resolve({"secrets": ["file:nowhere.txt"]}, environ={}, base=tmp_path)


def test_other_values_stay(tmp_path: Path) -> None:
    """Numbers, booleans and plain text are not references."""
    raw = {"a": 1, "b": True, "c": "filename", "d": [1, "x"]}
    assert resolve(raw, environ={}, base=tmp_path) == raw
