"""`hookline explain`: why a request was refused, as the receiver found out when it refused it."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from cli.addresses import Address, running
from cli.base import installation
from cli.errors import CommandFailed
from cli.output import json_line, listing, printable, stdout
from cli.refusals import Asked, ask

_COLUMNS = ("request_id", "at", "source", "status", "reason", "why")


def explain(
    context: typer.Context,
    request_id: Annotated[
        str | None, typer.Argument(help="As in X-Request-Id of the answer and in the log; default the newest ones.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only refusals of this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="So many of the newest.")] = 20,
    url: Annotated[str | None, typer.Option(help="The admin port of a receiver; default those that run here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line a refusal.")] = False,
) -> int:
    """Say why a request was refused: what differed, and what to do. The sender was told its request id only."""
    here = installation(context)
    roles = running(here.data) if url is None else [Address(role="receive", pid=0, receiver=url, admin=url)]
    if not any(role.receiver and role.admin for role in roles):
        raise CommandFailed(
            f"no receiver runs with the data folder {here.data}, and refusals are kept in its memory: name the admin "
            f"port of another one with --url, or {_in_the_log(request_id)}"
        )
    name = request_id.rpartition(":")[2] if request_id else None
    asked = ask(roles, request=name, source=source, limit=limit)
    for silent in asked.silent:
        sys.stderr.write(f"hookline: {silent}\n")
    return newest(asked, limit, as_json=as_json) if name is None else _one(asked, name, as_json=as_json)


def newest(asked: Asked, limit: int, *, as_json: bool) -> int:
    """Show the newest refusals of all receivers; the exit status."""
    found = [one for answer in asked.answers for one in answer.get("refusals", ())]
    chosen = sorted(found, key=lambda one: str(one["at"]), reverse=True)[:limit]
    rows = chosen if as_json else [{**one, "at": _local(one["at"]), "why": _why(one)} for one in chosen]
    listing(rows, _COLUMNS, as_json=as_json, empty="nothing was refused")
    return 0 if asked.answers else 1


def _one(asked: Asked, name: str, *, as_json: bool) -> int:
    found = next((one for answer in asked.answers if (one := answer.get("refusal"))), None)
    if found is None:
        raise CommandFailed(f"{missing(asked, name)}: {_in_the_log(name)}")
    if as_json:
        json_line(found)
    else:
        _show(found)
    return 0


def missing(asked: Asked, name: str) -> str:
    """Why a request is not known, as far as its id tells."""
    own = next((answer for answer in asked.answers if name.startswith(f"{answer['receiver']}-")), None)
    if not asked.answers:
        return "no receiver answered"
    if own is None:
        ids = " or ".join(f"{answer['receiver']}-" for answer in asked.answers)
        return (
            f"{printable(name)} is of another receiver, or of one that was stopped since: ids of those that run here "
            f"begin with {ids}"
        )
    oldest = own.get("oldest")
    return f"{printable(name)} was accepted, or refused before {_local(oldest)}" if oldest else "nothing was refused"


def _in_the_log(name: str | None) -> str:
    what = "request_id" if name is None else printable(name)
    return f"search the receivers' log for {what}: the lines delivery.refused and delivery.unstored have it"


def _show(found: Mapping[str, Any]) -> None:
    out = stdout()
    head = (
        f"{found['request_id']}  {found['status']} {found['problem']}  {found['source'] or '?'}  {_local(found['at'])}"
    )
    out.print(Text(printable(head), style="bold"))
    # A receiver of an older version tells less.
    reason = {name: found.get(name) for name in ("reason", "fields", "path", "quarantined", "remote", "agent")}
    hints = [line for hint in found["hints"] for line in (("why", hint["text"]), ("so", hint["do"]))]
    for name, value in (*reason.items(), *hints):
        if value:
            out.print(Text(f"{name:<12}", style="dim").append(printable(value)))
    if not hints:
        out.print(Text(f"{'so':<12}", style="dim").append("see docs/reference/problems.md for this problem and reason"))


def _why(one: Mapping[str, Any]) -> str:
    return "; ".join(hint["text"] for hint in one["hints"])


def _local(at: object) -> str:
    return datetime.fromisoformat(str(at)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
