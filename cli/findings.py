"""What `check` and `doctor` found, and how it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from cli.output import json_line, printable, stdout

State = Literal["ok", "degraded", "failing"]
_STYLE: dict[State, str] = {"ok": "green", "degraded": "yellow", "failing": "bold red"}
_SIGN: dict[State, str] = {"ok": "ok", "degraded": "warning", "failing": "FAILING"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    # degraded: it works, with less than an operator may expect.
    state: State
    # What was found; where it is not ok, why and what to do.
    detail: str


def show(findings: Sequence[Finding], *, as_json: bool) -> bool:
    """Print findings; whether nothing fails."""
    for one in findings:
        if as_json:
            json_line({"name": one.name, "state": one.state, "detail": one.detail})
            continue
        line = Text(f"{_SIGN[one.state]:<8} ", style=_STYLE[one.state])
        line.append(f"{printable(one.name)}: ", style="bold")
        line.append("\n         ".join(map(printable, one.detail.splitlines())))
        stdout().print(line)
    return all(one.state != "failing" for one in findings)
