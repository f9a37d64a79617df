"""`hookline replay --quarantine`: deliveries that could not be read when they came, taken through intake again."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.explain import suggestion
from cli.moments import moment
from cli.output import json_line, printable, stdout
from cli.polling import sources_of
from cli.quarantine import Chosen, Desk, counted
from cli.wiring import opened_dedupe, opened_log, opened_store
from eventlog.errors import EventLogError
from receiver.polling.publishing import Publisher
from receiver.server import utc_now
from receiver.sources.source import Source
from store.errors import StoreError

Sources: TypeAlias = Mapping[str, Source]
_WORDS = {
    "known": "already published",
    "nothing": "without events",
    "invalid": "still invalid",
}


def replay(
    context: typer.Context,
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine",
            help="Read deliveries again that could not be read when they came, once that is mended, and publish their "
            "events. Ends with 1 when some are still invalid.",
        ),
    ] = False,
    delivery: Annotated[
        str | None,
        typer.Option("--id", help="With --quarantine: only the delivery of this id, as its sender was told."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="With --quarantine: only of this source.")] = None,
    since: Annotated[
        str | None, typer.Option(help="With --quarantine: only received since 2h (ago), or a time.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --quarantine: publish nothing, only tell.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --quarantine: a JSON line a delivery.")] = False,
) -> int | None:
    """Give many events to an entry again, or read deliveries of the quarantine again."""
    if not quarantine:
        if context.invoked_subcommand is None:
            raise Misconfigured("say what is to be replayed: --quarantine, or one of the commands of `replay --help`")
        return None
    if context.invoked_subcommand is not None:
        raise Misconfigured(f"--quarantine goes without {context.invoked_subcommand}: it is a replay of its own")
    options = Options(id=delivery, source=source, since=since, dry_run=dry_run, as_json=as_json)
    return replay_quarantine(installation(context), options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    id: str | None
    source: str | None
    since: str | None
    dry_run: bool
    as_json: bool


def replay_quarantine(here: Installation, options: Options) -> int:
    """Take deliveries of the quarantine through intake again; the exit status: 1 if some are still invalid.

    Raises:
        Misconfigured: an option cannot be meant.
        CommandFailed: the log or the store does not answer.
    """
    sources = sources_of(here)
    if options.source is not None and options.source not in sources:
        raise Misconfigured(f"there is no source {options.source!r}{suggestion(options.source, list(sources))}")
    chosen = Chosen(id=options.id, source=options.source, since=_since(options.since))
    return process.run(lambda stopping: _run(here, sources, chosen, options, stopping))


def _since(text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise Misconfigured(f"--since: {error}") from error


async def _run(here: Installation, sources: Sources, chosen: Chosen, options: Options, stopping: asyncio.Event) -> int:
    counts: Counter[str] = Counter()
    events = 0
    try:
        async with _desk(here, sources, dry_run=options.dry_run) as desk:
            async for told in desk.run(chosen, stopping):
                counts[told.became] += 1
                events += len(told.published)
                if options.as_json:
                    json_line(told.row())
                else:
                    stdout().print(told.sentence(dry_run=options.dry_run))
    except (EventLogError, StoreError, TimeoutError) as error:
        raise CommandFailed(
            f"it ended after {counts.total()} deliveries: {str(error) or 'the event log did not answer in time'}. "
            "Run it again: it goes on with those that are left"
        ) from error
    if options.id is not None and not counts and not stopping.is_set():
        raise CommandFailed(
            f"the quarantine has no delivery of the id {printable(options.id)} that is meant: an id is what its sender "
            "was told as `quarantined`, and the topic keeps deliveries for a time. Those that are left: "
            "`hookline replay --quarantine --dry-run`"
        )
    if not options.as_json:
        stdout().print(_summary(counts, events, dry_run=options.dry_run))
    if stopping.is_set():
        sys.stderr.write("hookline: stopped before the end: run it again for those that are left\n")
    return 1 if counts["invalid"] or stopping.is_set() else 0


def _summary(counts: Counter[str], events: int, *, dry_run: bool) -> str:
    if not counts:
        return "there is no such delivery in the quarantine that is not dealt with"
    published = f"{'would be published' if dry_run else 'published'} ({counted(events)})"
    words = {"published": published, **_WORDS}
    return ", ".join(f"{counts[one]:,} {word}" for one, word in words.items() if counts[one])


@asynccontextmanager
async def _desk(here: Installation, sources: Sources, *, dry_run: bool) -> AsyncIterator[Desk]:
    async with opened_log(here) as log, opened_store(here) as store, opened_dedupe(here) as dedupe:
        yield Desk(
            log=log,
            store=store,
            publisher=Publisher(log, dedupe, clock=utc_now),
            sources=sources,
            topics=here.settings.topics.topics(),
            dry_run=dry_run,
        )
