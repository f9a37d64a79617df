"""`env:NAME` and `file:PATH`: values that do not stand in the configuration file."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Bytes of the largest secret file: a few keys, also long ones.
LARGEST = 64 * 1024

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class References:
    """Where references lead, and which lead nowhere."""

    environ: Mapping[str, str]
    # Relative paths are relative to this folder.
    base: Path
    # The key of each reference that leads nowhere → why; never with a value in it.
    problems: dict[Key, str] = field(default_factory=dict)
    # Makes up what a reference at a key leads to, where nothing is there; None: that is a problem.
    stand_in: Callable[[Key, str], str | None] = lambda _key, _text: None
    # The references for which something was made up.
    made_up: dict[Key, str] = field(default_factory=dict)

    def resolve(self, raw: Any, key: Key = ()) -> Any:
        """The configuration with every `env:` and `file:` string replaced by what it names.

        A secret file holds one secret a line, the newest first: in a list it stands for all, elsewhere for the first.
        What leads nowhere stays as it is, and is a problem.

        Args:
            raw: a TOML value.
            key: where it stands.
        """
        if isinstance(raw, dict):
            return {name: self.resolve(value, (*key, name)) for name, value in raw.items()}
        if isinstance(raw, list):
            return [found for item in raw for found in self._each(item, key)]
        return self._lines(raw, key)[0] if isinstance(raw, str) else raw

    def _each(self, item: Any, key: Key) -> list[Any]:
        return list(self._lines(item, key)) if isinstance(item, str) else [self.resolve(item, key)]

    def _lines(self, text: str, key: Key) -> list[str]:
        try:
            return lines_of(text, self.environ, self.base)
        except ValueError as error:
            if (made := self.stand_in(key, text)) is not None:
                self.made_up[key] = text
                return [made]
            told = self.problems.get(key)
            self.problems[key] = str(error) if told is None else f"{told}; {error}"
            return [text]


def lines_of(text: str, environ: Mapping[str, str], base: Path) -> list[str]:
    """What a text stands for: itself, a variable's value, a file's lines.

    Raises:
        ValueError: the variable is not set, or the file cannot be read.
    """
    kind, _, name = text.partition(":")
    if kind == "env":
        if not environ.get(name):
            empty = "is empty" if name in environ else "is not set"
            raise ValueError(f"wants the environment variable {name}, which {empty}")
        return [environ[name]]
    if kind == "file":
        return _secret_file(base / name)
    return [text]


def is_reference(value: object) -> bool:
    """Whether a string names a variable or a file instead of being the value."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def _secret_file(path: Path) -> list[str]:
    if "\0" in str(path):
        raise ValueError("wants a file whose name has a null byte in it, which no file has: write its name again")
    try:
        lines = [line.strip() for line in _read(path).decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"wants the file {path}, which is no UTF-8 text: write one secret a line") from error
    except OSError as error:
        raise ValueError(f"wants the file {path}, which cannot be read: {error.strerror}") from error
    if not any(lines):
        raise ValueError(f"wants the file {path}, which is empty: write one secret a line, the newest first")
    return [line for line in lines if line]


def _read(path: Path) -> bytes:
    # Without O_NONBLOCK opening a FIFO waits for a writer, for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"wants the file {path}, which is no regular file: name a file that holds the secret")
        if found.st_size > LARGEST:
            raise ValueError(
                f"wants the file {path}, which has {found.st_size:,} bytes: a secret file has {LARGEST:,} at most"
            )
        return os.read(descriptor, LARGEST)
    finally:
        os.close(descriptor)
