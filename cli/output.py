"""What commands print: results to stdout, as a table for people or as JSON lines for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the caller end as after any error; rich would end the process in the middle of an event loop."""
        raise BrokenPipeError


def stdout() -> Console:
    """A console on stdout; colour only on a terminal. A stranger's text is never read as markup."""
    # Into a file or a pipe a row of a table is one line, however long.
    width = None if sys.stdout.isatty() else 1_000
    return _Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True, width=width)


def json_line(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def listing(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """A listing: JSON lines, or a table with these columns.

    Args:
        rows: what to list; JSON shows every field.
        columns: the fields a person wants to see, in order.
        as_json: whether `--json` was given.
        empty: what to tell people when there is nothing.
    """
    found = list(rows)
    if as_json:
        for row in found:
            json_line(row)
        return
    if not found:
        stdout().print(empty)
        return
    out = stdout()
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in found:
        table.add_row(*(Text(printable(row.get(column))) for column in columns))
    out.print(table)


def printable(value: object) -> str:
    """A value for a terminal: control characters and escapes are shown, not obeyed."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return printable(json.dumps(value, ensure_ascii=False))
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
