"""`env:NAME` and `file:PATH`: values that do not stand in the configuration file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.errors import Misconfigured


def resolve(raw: Any, *, environ: Mapping[str, str], base: Path, where: str = "") -> Any:
    """The configuration with every `env:` and `file:` string replaced by what it names.

    A secret file holds one secret a line, the newest first: in a list it stands for all, elsewhere for the first.

    Args:
        raw: a TOML value.
        environ: the process environment.
        base: relative paths are relative to this folder.
        where: the key, for the error.

    Raises:
        Misconfigured: a variable is not set, or a file cannot be read; the text never has a value in it.
    """
    if isinstance(raw, dict):
        return {
            key: resolve(value, environ=environ, base=base, where=f"{where}.{key}" if where else key)
            for key, value in raw.items()
        }
    if isinstance(raw, list):
        return [found for item in raw for found in _each(item, environ=environ, base=base, where=where)]
    if isinstance(raw, str):
        return _lines(raw, environ=environ, base=base, where=where)[0]
    return raw


def is_reference(value: object) -> bool:
    """Whether a string names a variable or a file instead of being the value."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def _each(item: Any, *, environ: Mapping[str, str], base: Path, where: str) -> list[Any]:
    if isinstance(item, str):
        return _lines(item, environ=environ, base=base, where=where)
    return [resolve(item, environ=environ, base=base, where=where)]


def _lines(text: str, *, environ: Mapping[str, str], base: Path, where: str) -> list[str]:
    kind, _, name = text.partition(":")
    if kind == "env":
        if not environ.get(name):
            raise Misconfigured(f"{where} wants the environment variable {name}, which is not set")
        return [environ[name]]
    if kind == "file":
        return _secret_file(base / name, where)
    return [text]


def _secret_file(path: Path, where: str) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{where} wants the file {path}, which cannot be read: {error}") from error
    if not any(lines):
        raise Misconfigured(f"{where} wants the file {path}, which is empty: write one secret a line, the newest first")
    return [line for line in lines if line]
