"""`hookline dead`: the events that could not be handled."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, get_args

import typer
from rich.text import Text

from cli import dead_replays, process
from cli.base import installation
from cli.dead_desk import desk, newest
from cli.dead_letters import Case, Letter
from cli.errors import Misconfigured
from cli.explain import suggestion
from cli.left_letters import tell_left
from cli.output import json_line, listing, printable, stdout
from dispatcher.outcome import DeadReason
from schemas.durations import duration
from store.replay_rows import Mark

app = typer.Typer(no_args_is_help=True, help="The events that could not be handled.")
Json = Annotated[bool, typer.Option("--json", help="A JSON line an event.")]
Handler = Annotated[str | None, typer.Option(help="Only those of this entry.")]
Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="The events' ids, or places such as 3@17: partition and offset.")
]
# Letters of one event that are shown: one each time that an entry gave it up.
SHOWN = 100
COLUMNS = ("id", "handler", "reason", "state", "failed_at", "error")


@app.command("list")
def list_(
    context: typer.Context,
    handler: Handler = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason, such as exhausted.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those of the last 30m, 6h, 7d …")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    every: Annotated[bool, typer.Option("--all", help="Also what was replayed or discarded.")] = False,
    as_json: Json = False,
) -> int:
    """List dead letters, the oldest first; without those that are dealt with."""
    here = installation(context)
    first = None if since is None else datetime.now(UTC) - _duration("--since", since)
    _check_reason(reason)

    def wanted(letter: Letter) -> bool:
        late = first is None or (letter.failed_at is not None and letter.failed_at >= first)
        return late and handler in (None, letter.handler) and reason in (None, letter.reason)

    async def shown() -> int:
        rows = [case.row() for case in await newest(here, wanted, limit, every=every, handler=handler)]
        none = (
            "there are no such dead letters" if every else "there are no open dead letters; --all lists the others too"
        )
        listing(rows, COLUMNS, as_json=as_json, empty=none)
        await tell_left(here)
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

    def wanted(letter: Letter) -> bool:
        return letter.is_called(event_id) and handler in (None, letter.handler)

    async def shown() -> int:
        found = await newest(here, wanted, SHOWN, handler=handler)
        if not found:
            async with desk(here, wanted) as at:
                await at.one(event_id, handler)
        for case in found:
            if as_json:
                json_line({**case.letter.whole(), "state": case.state})
            else:
                _print(case)
        return 0

    return process.run(lambda _stopping: shown())


@app.command()
def replay(
    context: typer.Context,
    event_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The event's id, or its place: partition@offset.")
    ] = None,
    handler: Annotated[str | None, typer.Option(help="The entry that is to handle it again.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open dead letter of --handler.")] = False,
    patience: Annotated[str, typer.Option("--wait", help="How long to wait for what becomes of it.")] = "10s",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only ask; a running worker takes it.")] = False,
    redo_effects: Annotated[
        bool, typer.Option("--redo-effects", help="Run effects of `once` anew, also those that happened.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Have a dead letter handled again by the entry that gave it up, in its lane. Ends with 0 when that is done.

    The worker of the entry does it: it must run. Asking again while it waits or runs changes nothing, but that
    --redo-effects holds also for one that waits. For some of an entry's, or at a rate, see `hookline replay`.
    """
    here = installation(context)
    within = timedelta() if no_wait else _duration("--wait", patience)
    if (event_id is None) != every or (every and handler is None):
        raise Misconfigured("say which: `dead replay ID`, or `dead replay --all --handler ENTRY`")

    if event_id is None:
        from cli.commands.dead_all import replay_all  # noqa: PLC0415 - the other commands need no dispatcher

        return process.run(partial(replay_all, here, handler or "", within, redo_effects=redo_effects, as_json=as_json))
    wanted: str = event_id

    async def replayed(stopping: asyncio.Event) -> int:
        async with desk(here, lambda letter: letter.is_called(wanted)) as at:
            at.check_handler(handler)
            case = await at.one(wanted, handler)
            begun = await dead_replays.ask(at.store, case, redo_effects=redo_effects)
            if begun.remark:
                sys.stderr.write(f"hookline: {begun.remark}\n")
            mark = await dead_replays.wait(at.store, begun.id, within, stopping, _failing)
            told = await at.told(case, mark, waited=not no_wait)
        _tell(told, as_json=as_json)
        return 0 if no_wait or mark.state == "done" else 1

    return process.run(replayed)


@app.command()
def discard(
    context: typer.Context,
    event_ids: Ids,
    handler: Annotated[str | None, typer.Option(help="The entry whose dead letters are meant.")] = None,
) -> int:
    """Declare dead letters dealt with, so that they are not listed. A replay that is asked for is taken back."""
    here = installation(context)

    async def discarded() -> int:
        async with desk(here, lambda letter: any(map(letter.is_called, event_ids))) as at:
            at.check_handler(handler)
            found = [await at.one(event_id, handler) for event_id in event_ids]
            await at.store.replays.discard([case.letter.name for case in found], datetime.now(UTC))
        for case in found:
            word = "was replayed before, and is done" if case.state == "done" else "discarded"
            stdout().print(
                f"{printable(case.letter.id) or case.letter.place}  {printable(case.letter.handler)}  {word}"
            )
        return 0

    return process.run(lambda _stopping: discarded())


def _check_reason(reason: str | None) -> None:
    known = list(get_args(DeadReason))
    if reason is not None and reason not in known:
        raise Misconfigured(f"--reason {reason}: there is no such reason{suggestion(reason, known)}")


def _duration(option: str, text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {error}") from error


def _failing(mark: Mark) -> None:
    """One attempt failed, and there will be another: told beside the result, so that nobody waits in the dark."""
    sys.stderr.write(f"{printable(mark.letter.event_id)}  {printable(mark.letter.handler)}  {printable(mark.detail)}\n")


def _tell(told: dead_replays.Told, *, as_json: bool) -> None:
    letter = told.case.letter
    if as_json:
        json_line(told.row())
    else:
        name = printable(letter.id) or letter.place
        stdout().print(f"{name}  {printable(letter.handler)}  {printable(told.sentence())}")


def _print(case: Case) -> None:
    letter, out = case.letter, stdout()
    out.print(Text(f"{printable(letter.text('ce_type'))}  {printable(letter.id)}", style="bold"))
    for name, value in case.row().items():
        told = "{topic} {partition}@{offset}".format_map(value) if isinstance(value, dict) else value
        if name == "event" and letter.is_of_another_log:
            told = f"{told} of the event log {value['log']}, which was read before this one"
        out.print(f"  {name:<10} {printable(told)}")
    for line in letter.text("x-dlq-traceback").splitlines():
        out.print(Text(f"  | {printable(line)}", style="red"))
    event = letter.whole()["event"]
    for name, value in event["headers"].items():
        out.print(Text(f"  {name}: {printable(value)}", style="dim"))
    out.print(f"  {printable(event['value'])}")
