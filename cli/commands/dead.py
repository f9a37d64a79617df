"""`hookline dead`: the events that could not be handled."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from cli import process
from cli.base import Installation, installation
from cli.commands.tail import as_object
from cli.dead_letters import Letter, letters
from cli.errors import CommandFailed, Misconfigured
from cli.output import json_line, listing, printable, stdout
from cli.wiring import opened_log
from eventlog.errors import EventLogError
from schemas.durations import duration

app = typer.Typer(no_args_is_help=True, help="The events that could not be handled.")
Json = Annotated[bool, typer.Option("--json", help="A JSON line an event.")]
Handler = Annotated[str | None, typer.Option(help="Only those of this entry.")]


@app.command("list")
def list_(
    context: typer.Context,
    handler: Handler = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason, such as exhausted.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those of the last 30m, 6h, 7d …")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.")] = 100,
    as_json: Json = False,
) -> int:
    """List dead letters, the oldest first."""
    here = installation(context)
    first = _first(since)

    def wanted(letter: Letter) -> bool:
        late = first is None or (letter.failed_at is not None and letter.failed_at >= first)
        return late and handler in (None, letter.handler) and reason in (None, letter.reason)

    async def shown() -> int:
        rows = [letter.row() for letter in await _all(here) if wanted(letter)]
        columns = ("failed_at", "handler", "reason", "type", "id", "error")
        listing(rows[-limit:], columns, as_json=as_json, empty="there are no dead letters")
        return 0

    return process.run(lambda _stopping: shown())


@app.command()
def show(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id, as `dead list` shows it.")],
    handler: Handler = None,
    as_json: Json = False,
) -> int:
    """Show a dead letter: why it is there, its traceback, its headers and its value."""
    here = installation(context)

    async def shown() -> int:
        found = [one for one in await _all(here) if one.id == event_id and handler in (None, one.handler)]
        if not found:
            raise CommandFailed(f"there is no dead letter of the event {event_id}: see `hookline dead list`")
        for letter in found:
            if as_json:
                json_line(as_object(letter.record))
            else:
                _print(letter)
        return 0

    return process.run(lambda _stopping: shown())


async def _all(here: Installation) -> list[Letter]:
    """Every dead letter, the oldest first."""
    topic = here.settings.topics.topics().name("dead")
    async with opened_log(here) as log:
        try:
            found = [letter async for letter in letters(log, topic)]
        except EventLogError as error:
            raise CommandFailed(f"the event log does not answer: {error}") from error
    return sorted(found, key=lambda letter: (letter.text("x-dlq-failed-at"), letter.record.offset))


def _first(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        return datetime.now(UTC) - duration(since)
    except ValueError as error:
        raise Misconfigured(f"--since: {error}") from error


def _print(letter: Letter) -> None:
    out = stdout()
    out.print(Text(f"{printable(letter.text('ce_type'))}  {printable(letter.id)}", style="bold"))
    for name, value in letter.row().items():
        out.print(f"  {name:<10} {printable(value)}")
    for line in letter.text("x-dlq-traceback").splitlines():
        out.print(Text(f"  | {printable(line)}", style="red"))
    shown = as_object(letter.record)
    for name, value in shown["headers"].items():
        if not name.startswith(("x-dlq-", "__dlq.")):
            out.print(Text(f"  {name}: {printable(value)}", style="dim"))
    out.print(f"  {printable(shown['value'])}")
