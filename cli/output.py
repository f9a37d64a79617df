"""What commands print: results to stdout, as a table for people or as JSON lines for programs."""

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

# Cells up to so wide are aligned.
_WIDEST = 60
# Characters of a line of sentences, and how they are wrapped: a path is to be copied.
_READABLE = 120
_wrapped = partial(textwrap.wrap, break_long_words=False, break_on_hyphens=False)


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
    """A listing: JSON lines, or a table with these columns. On a terminal each row is one line, cut at its end.

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
    rows_told = [[printable(row.get(column)) for column in columns] for row in found]
    # The first column is never cut, whatever the width: names are what other commands are given.
    width = max([out.width, *(cell_len(row[0]) + 2 for row in rows_told)])
    for number, line in enumerate(table(rows_told, columns)):
        if sys.stdout.isatty():
            line.truncate(width, overflow="ellipsis")
        out.print(line, style="" if number else "bold")


def blocks(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """A listing of what is told in sentences: the first two fields on a line, the others below it, wrapped.

    Args:
        rows: what to list; JSON shows every field.
        columns: the fields a person wants to see, in order.
        as_json: whether `--json` was given.
        empty: what to tell people when there is nothing.
    """
    found = list(rows)
    if as_json or not found:
        listing(found, columns, as_json=as_json, empty=empty)
        return
    out, indent = stdout(), " " * (4 + max(map(len, columns)))
    for row in found:
        name, state, *others = (printable(row.get(column)) for column in columns)
        out.print(Text(f"{name}  {state}".rstrip(), style="bold"))
        for column, told in zip(columns[2:], others, strict=True):
            first = f"  {column}".ljust(len(indent))
            width = min(out.width, _READABLE)
            lines = _wrapped(told, width, initial_indent=first, subsequent_indent=indent)
            for line in lines:
                out.print(line)


def table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> list[Text]:
    """One line a row, the heading first. A cell longer than most is not what the others are padded to."""
    cells = [list(columns), *map(list, rows)]
    widths = [
        max(width for row in cells if (width := cell_len(row[place])) <= _WIDEST or row[place] == name)
        for place, name in enumerate(columns)
    ]
    lines = []
    for row in cells:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True))
        lines.append(Text("  ".join(padded).rstrip()))
    return lines


def printable(value: object) -> str:
    """A value for a terminal: control characters and escapes are shown, not obeyed."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return printable(json.dumps(value, ensure_ascii=False))
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
