"""`hookline poll`: ask platforms that post nothing for news, and find what webhooks of the others have missed."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

import typer

from cli import logs, process
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.explain import suggestion
from cli.output import json_line, listing, stdout
from cli.poll_states import has_polled
from cli.polling import asker, pollers, sources_of
from cli.roles import Roles, serve
from cli.wiring import opened_dedupe, opened_log
from receiver.polling.gaps import Looked, Repair
from receiver.polling.poller import FAILURES, Poller
from receiver.polling.publishing import Publisher
from receiver.server import utc_now
from receiver.sources.source import Source
from schemas.durations import duration, in_words

# Ids are remembered for the window at least; a repair keeps clear of its end, or it would publish what was handled.
_MARGIN = timedelta(hours=1)
_COLUMNS = ("conversation", "message", "role", "at", "state")


def poll(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="Look for gaps in this source; it needs --since.")] = None,
    since: Annotated[str | None, typer.Option(help="Compare messages of so long: 30m, 2h, 3d.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One round of every polled source, then end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing, publish nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line a source, or a message.")] = False,
    admin_port: Annotated[int | None, typer.Option(help="The port of metrics and health; default 8788.")] = None,
) -> int:
    """Ask platforms that post nothing for news, round after round.

    With a SOURCE and --since: list its messages of late, compare them with what was accepted, and publish what is
    missing, under the ids that its webhooks have.
    """
    here = installation(context)
    if once or source is not None:
        # Whoever waits for an end is told by the result; a role's log tells for hours.
        logs.configure(here.log_format, level=logging.DEBUG if here.log_level == logging.DEBUG else logging.WARNING)
    if source is not None or since is not None or dry_run:
        if source is None or since is None:
            raise Misconfigured("a gap is looked for in one source and time: hookline poll SOURCE --since 2h")
        span = _span(since)
        return process.run(lambda _: _repair(here, source, span, publish=not dry_run, as_json=as_json))
    if not has_polled(here.settings):
        raise Misconfigured(
            "there is no polled source, all platforms of the configuration post their events. To look for gaps in one: "
            "hookline poll SOURCE --since 2h"
        )
    if once:
        return process.run(lambda _: _once(here, as_json=as_json))
    return process.run(lambda stopping: serve(here, Roles(name="poll", poll=True, admin_port=admin_port), stopping))


def _span(text: str) -> timedelta:
    try:
        span = duration(text)
    except ValueError as error:
        raise Misconfigured(f"--since {error}") from error
    if span <= timedelta():
        raise Misconfigured("--since must be longer than 0s")
    return span


async def _once(here: Installation, *, as_json: bool) -> int:
    """One round of each; the exit status is 1 if one failed."""
    rows: list[dict[str, Any]] = []
    async with opened_log(here) as log, pollers(here, log) as found:
        for poller in found:
            rows.append(await _round(poller))
            await poller.release()
    listing(rows, ("source", "new", "known", "quarantined", "refused", "trouble"), as_json=as_json, empty="")
    return 1 if any(row["trouble"] for row in rows) else 0


async def _round(poller: Poller) -> dict[str, Any]:
    name = poller.standing.source
    try:
        told = await poller.once()
    except FAILURES as error:
        return {"source": name, "trouble": str(error) or type(error).__name__}
    if told is None:
        return {"source": name, "trouble": "another process polls it: stop that one first"}
    counts = {one: getattr(told, one) for one in ("new", "known", "quarantined", "refused")}
    return {"source": name, **counts, "trouble": ""}


async def _repair(here: Installation, name: str, span: timedelta, *, publish: bool, as_json: bool) -> int:
    source = _repairable(here, name, span)
    counts = {"messages": 0, "missing": 0, "never_posted": 0, "published": 0, "left": 0}
    try:
        async with _opened(here, source) as repair:
            now = utc_now()
            async for one in repair.look(now - span, now, publish=publish):
                counts["messages"] += 1
                counts["missing"] += one.missing and not one.unposted
                counts["never_posted"] += one.unposted
                counts["published"] += one.published
                counts["left"] += bool(one.left)
                if one.missing or as_json:
                    _show(one, as_json=as_json)
    except FAILURES as error:
        raise CommandFailed(
            f"{name}: the look for gaps ended after {counts['messages']} messages, of which {counts['published']} were "
            f"published: {str(error) or type(error).__name__}. Run it again: what is there is not published twice"
        ) from error
    _sum_up(name, counts, publish=publish, as_json=as_json)
    return 1 if counts["left"] else 0


def _repairable(here: Installation, name: str, span: timedelta) -> Source:
    sources = sources_of(here)
    if name not in sources:
        raise Misconfigured(f"there is no source {name!r}{suggestion(name, list(sources)) or ''}")
    source = sources[name]
    if source.platform.polled:
        raise Misconfigured(f"{name} is polled: what it missed comes with the next round. Run `hookline poll --once`")
    if not source.platform.repairs:
        raise Misconfigured(f"{name}: {source.platform.name} has no API by which missed events could be found")
    if span > source.dedupe_window - _MARGIN:
        raise Misconfigured(
            f"--since: ids of {name} are remembered for {in_words(source.dedupe_window)}, and what is older would be "
            "published again: ask for an hour less than that, or set a longer dedupe_window for the future"
        )
    return source


@asynccontextmanager
async def _opened(here: Installation, source: Source) -> AsyncIterator[Repair]:
    async with opened_log(here) as log, opened_dedupe(here) as dedupe, asker(here, source) as account:
        yield Repair(source, account, Publisher(log, dedupe, clock=utc_now), here.settings.topics.topics())


def _show(one: Looked, *, as_json: bool) -> None:
    absent = "never posted" if one.unposted else "missing"
    state = one.left or ("published" if one.published else absent if one.missing else "known")
    row = {
        "conversation": one.conversation_id,
        "message": one.message_id,
        "role": one.role,
        "at": None if one.at is None else one.at.isoformat().replace("+00:00", "Z"),
        "state": state,
    }
    if as_json:
        json_line(row)
    else:
        stdout().print("  ".join(str(row[column] or "-") for column in _COLUMNS))


def _sum_up(name: str, counts: dict[str, int], *, publish: bool, as_json: bool) -> None:
    if as_json:
        json_line({"source": name, **counts})
        return
    did = f"{counts['published']} published" if publish else "nothing published (--dry-run)"
    left = f", {counts['left']} cannot be" if counts["left"] else ""
    unposted = f", {counts['never_posted']} never posted" if counts["never_posted"] else ""
    looked = f"{counts['messages']} messages looked at, {counts['missing']} missing{unposted}"
    stdout().print(f"{name}: {looked}, {did}{left}")
