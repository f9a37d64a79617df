"""`env:` and `file:` references."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.secrets import LARGEST, References


def resolved(raw: Any, base: Path, environ: Mapping[str, str] | None = None) -> Any:
    references = References(environ or {}, base)
    found = references.resolve(raw)
    assert references.problems == {}
    return found


def problem(raw: Any, base: Path, environ: Mapping[str, str] | None = None) -> str:
    references = References(environ or {}, base)
    references.resolve({"key": raw})
    return references.problems["key",]


def test_env_is_the_variables_value(tmp_path: Path) -> None:
    """A reference is replaced by what it names."""
    assert resolved({"key": "env:K"}, tmp_path, {"K": "v"}) == {"key": "v"}


def test_every_reference_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """With its key and what it wants: nobody mends one after the other."""
    references = References({"EMPTY": ""}, tmp_path)
    references.resolve(
        {"accounts": {"a": {"api_key": "env:MGA_KEY"}}, "sources": {"s": {"secrets": ["env:EMPTY", "file:none"]}}}
    )
    assert references.problems == {
        ("accounts", "a", "api_key"): "wants the environment variable MGA_KEY, which is not set",
        ("sources", "s", "secrets"): "wants the environment variable EMPTY, which is empty; "
        f"wants the file {tmp_path}/none, which cannot be read: No such file or directory",
    }


def test_a_secret_file_in_a_list_stands_for_all_its_lines(tmp_path: Path) -> None:
    """One secret a line, the newest first."""
    (tmp_path / "s.txt").write_text("new\n\nold\n", encoding="utf-8")
    assert resolved({"secrets": ["file:s.txt"]}, tmp_path) == {"secrets": ["new", "old"]}


def test_a_secret_file_elsewhere_stands_for_its_first_line(tmp_path: Path) -> None:
    """A client uses the newest key."""
    (tmp_path / "s.txt").write_text("new\nold\n", encoding="utf-8")
    assert resolved({"api_key": "file:s.txt"}, tmp_path) == {"api_key": "new"}


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    """An empty secret would verify anything."""
    (tmp_path / "s.txt").write_text("\n", encoding="utf-8")
    assert "which is empty" in problem(["file:s.txt"], tmp_path)


def test_a_device_is_no_secret_file() -> None:
    """It has no end."""
    told = "wants the file /dev/zero, which is no regular file: name a file that holds the secret"
    assert problem("file:/dev/zero", Path("/")) == told


@pytest.mark.timeout(10)
def test_a_fifo_is_no_secret_file(tmp_path: Path) -> None:
    """Nobody writes into it."""
    os.mkfifo(tmp_path / "fifo")
    assert "which is no regular file" in problem("file:fifo", tmp_path)


def test_a_folder_is_no_secret_file(tmp_path: Path) -> None:
    """It was forgotten to name the file in it."""
    assert problem("file:.", tmp_path).endswith("which is no regular file: name a file that holds the secret")


def test_a_huge_file_is_no_secret_file(tmp_path: Path) -> None:
    """It was meant to be another; nothing of it is read."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(LARGEST + 1)
    assert "which has 65,537 bytes: a secret file has 65,536 at most" in problem("file:huge", tmp_path)


def test_a_secret_file_is_text(tmp_path: Path) -> None:
    """Its bytes are not told."""
    (tmp_path / "s.bin").write_bytes(b"\xff\xfe")
    assert problem("file:s.bin", tmp_path).endswith("which is no UTF-8 text: write one secret a line")


def test_other_values_stay(tmp_path: Path) -> None:
    """Numbers, booleans and plain text are not references."""
    raw = {"a": 1, "b": True, "c": "filename", "d": [1, "x"]}
    assert resolved(raw, tmp_path) == raw
