"""Which events an operator means, as the order of a replay."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args

from pydantic import ValidationError

from cli.base import Installation
from cli.dead_desk import check_handler
from cli.errors import CommandFailed, Misconfigured
from cli.explain import suggestion
from cli.moments import moment
from cli.plugins import loaded
from cli.replay_plans import Plan, planned
from cli.whoami import me
from dispatcher import replay_cursor
from dispatcher.outcome import DeadReason
from dispatcher.reader import Wanted
from dispatcher.replay_filters import Filters
from dispatcher.replay_reading import Pick, pick, settled, whole
from dispatcher.settings import Entry
from dispatcher.worker import topics_of
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from store.decisions import Rename
from store.replay_jobs import JobOrder, Reads
from store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of a command say."""

    handler: str
    reads: Reads = "dead"
    filters: Filters = field(default_factory=Filters)
    redo_effects: bool = False
    # Between two events; None: as fast as the entry is.
    spacing: timedelta | None = None

    async def order(self, here: Installation, log: EventLog) -> JobOrder:
        """What to ask the store for: all that the log holds now, and what comes later is not meant.

        Raises:
            Misconfigured: there is no such entry.
            EventLogError: the log failed.
        """
        topics = here.settings.topics.topics()
        if self.reads == "dead":
            # the times are about when an event died, which is not when its letter's record says it was received
            cursor = await whole(log, [topics.name("dead")], None)
        else:
            names = topics_of(running_entry(here, self.handler), topics)
            cursor = await settled(log, names, self.filters.since, group=f"{topics.prefix}{self.handler}")
        return JobOrder(
            handler=self.handler,
            log=await log.identity(),
            reads=self.reads,
            filters=self.filters.model_dump_json(exclude_defaults=True),
            cursor=replay_cursor.encode(cursor),
            redo_effects=self.redo_effects,
            spacing=self.spacing,
            by=me(),
        )

    def pick(self, here: Installation, order: JobOrder, renames: Sequence[Rename]) -> Pick:
        """What the replay will pick.

        Raises:
            Misconfigured: there is no such entry.
        """
        wanted = Wanted.of(running_entry(here, self.handler)) if self.reads == "topics" else None
        return pick(order, datetime.now(UTC), wanted, renames)


async def begin(
    here: Installation,
    log: EventLog,
    store: Store,
    asked: Asked,
    agreed: Callable[[str], bool] = lambda _question: True,
) -> int | None:
    """Ask for a replay, and warn of what it will do; its number, None if it would replay nothing.

    Args:
        here: the installation.
        log: where the events are.
        store: is asked.
        asked: which events.
        agreed: whether somebody says yes to what is no small matter.

    Raises:
        Misconfigured: there is no such entry.
        CommandFailed: the log does not answer, or nobody agreed.
        StoreError: the store failed.
    """
    order, plan = await look(here, log, store, asked)
    if plan.warning:
        sys.stderr.write(f"hookline: {plan.warning}\n")
    if not plan.events:
        return None
    if (question := plan.question(asked.handler)) and not agreed(question):
        raise CommandFailed("nothing was begun")
    return await store.replay_jobs.start(order, datetime.now(UTC))


async def look(here: Installation, log: EventLog, store: Store, asked: Asked) -> tuple[JobOrder, Plan]:
    """What would be asked of the store, and what would come of it. Nothing is written.

    Raises:
        Misconfigured: there is no such entry.
        CommandFailed: the log does not answer.
        StoreError: the store failed.
    """
    renames = await store.entry_rows.renames()
    check_handler(here, asked.handler, (), renames)
    try:
        order = await asked.order(here, log)
        return order, await planned(log, store, order, asked.pick(here, order, renames))
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error


def running_entry(here: Installation, handler: str) -> Entry:
    """An entry that runs.

    Raises:
        Misconfigured: there is none of this name.
    """
    entries = {entry.name: entry for entry in loaded(here).plan.entries}
    if handler not in entries:
        raise Misconfigured(f"--handler {handler}: no such entry runs{suggestion(handler, sorted(entries))}")
    return entries[handler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Which events are meant, as options say it."""

    reasons: Sequence[str] | None = None
    types: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    keys: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    since: str | None = None
    until: str | None = None

    def filters(self, reads: Reads) -> Filters:
        """The same, checked.

        Raises:
            Misconfigured: an option says nothing that can be meant.
        """
        for reason in self.reasons or ():
            _check_reason(reason, reads)
        try:
            return Filters(
                reasons=tuple(self.reasons or ()),
                types=tuple(self.types or ()),
                sources=tuple(self.sources or ()),
                keys=tuple(self.keys or ()),
                ids=tuple(self.ids or ()),
                since=_time("--since", self.since),
                until=_time("--until", self.until),
            )
        except ValidationError as error:
            raise Misconfigured(f"these filters cannot be kept: {error.errors()[0]['msg']}") from error


def spacing(rate: float | None) -> timedelta | None:
    """What lies between two events at so many a second."""
    return None if rate is None else timedelta(seconds=1 / rate)


def _time(option: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise Misconfigured(f"{option}: {error}") from error


def _check_reason(reason: str, reads: Reads) -> None:
    known = list(get_args(DeadReason))
    if reason not in known:
        raise Misconfigured(f"--reason {reason}: there is no such reason{suggestion(reason, known)}")
    if reads == "topics":
        raise Misconfigured("--reason is of dead letters: events of --from topics have none")
