"""`hookline backup`: the files of the data folder, copied as they are at one moment each, while roles run."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from cli import data_files
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.output import stdout

# Seconds that another process may hold the whole file.
PATIENCE = 30.0


def backup(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to; it must not hold a backup yet.")],
) -> int:
    """Copy the embedded event log, then the SQLite store, into a folder. Roles may run meanwhile.

    The log is copied first: one that is older than the store repeats events whose effects are known. Only you may read
    the copies: they hold messages and contacts.
    """
    copies = _copies(installation(context), folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for copy in copies:
            # Taken at once, so that nobody else reads it and nothing is written over.
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise CommandFailed(f"{error.filename}: {error.strerror}. Name a folder that holds no backup yet") from error
    for copy, original in copies.items():
        _copy(original, copy)
        stdout().print(f"{copy}  {copy.stat().st_size / 1024**2:,.1f} MiB")
    return 0


def _copies(here: Installation, folder: Path) -> Mapping[Path, Path]:
    """Each copy with its original, in the order in which they are made."""
    found = data_files.files(here.places, here.settings.eventlog, here.settings.store)
    if not found:
        raise Misconfigured(
            "the event log is Kafka and the store PostgreSQL: back PostgreSQL up with its own tools; Kafka has replicas"
        )
    missing = [str(path) for path in found.values() if not path.is_file()]
    if missing:
        raise CommandFailed(f"there is no {' and no '.join(missing)}: has a role run with this data folder?")
    return {folder / f"{name}.db": found[key] for key, name in data_files.NAMES.items() if key in found}


def _copy(original: Path, copy: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(original))}?mode=ro", uri=True, timeout=PATIENCE)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # All in one step: writers are not kept waiting, and what they write meanwhile is not in it.
            source.backup(target)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise CommandFailed(f"{original} was not copied to {copy}: {error}. `hookline doctor` says more") from error
