"""Where an operator decides on dead letters: those that are meant, what became of each, and the store to write to.

The topic has no index: it is read from its first letter to its last, and what is not asked for is not kept.
"""

import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cli import dead_replays
from cli.base import Installation
from cli.dead_letters import Case, Letter, Newest, case_of, cases, letters
from cli.errors import CommandFailed, Misconfigured
from cli.explain import suggestion
from cli.pending import is_pending
from cli.wiring import opened_log, opened_store, store_errors_explained
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from store.decisions import Decisions, Rename
from store.replay_rows import Mark
from store.store import Store

if TYPE_CHECKING:
    from dispatcher.settings import Plan

Wanted = Callable[[Letter], bool]
# Seconds of reading until a person is told how far it is, and between that and the next time.
_FIRST_NOTE, _NEXT_NOTE = 2.0, 10.0


@dataclass(frozen=True, slots=True)
class Desk:
    """The dead letters that are meant, in the order they were given up, and what to decide on them with."""

    here: Installation
    log: EventLog
    store: Store
    cases: list[Case]
    # The entries that gave up any event of the topic, as they are called now.
    handlers: frozenset[str]
    # The names that entries had before.
    renames: Sequence[Rename]

    def check_handler(self, handler: str | None) -> None:
        """Check that a handler that was named is an entry, or was one when it gave up an event.

        Raises:
            Misconfigured: it is none, or is called otherwise now.
        """
        check_handler(self.here, handler, self.handlers, self.renames)

    async def one(self, wanted: str, handler: str | None) -> Case:
        """The letter that a person means.

        Raises:
            CommandFailed: there is none; the text says whether there may be one later.
            Misconfigured: there are several, or there is no such entry.
        """
        if (found := dead_replays.picked(self.cases, wanted, handler)) is not None:
            return found
        self.check_handler(handler)
        topics = self.here.settings.topics.topics()
        with _log_errors_explained(), store_errors_explained():
            running = [entry.name for entry in _plan(self.here).entries] if handler is None else [handler]
            for entry in running:
                if await is_pending(topics, self.log, self.store, entry=entry, event_id=wanted):
                    raise CommandFailed(
                        f"the event {wanted} is not dead yet: {entry} tries it again by itself, or has not come to it."
                        " A mended handler takes it at its next try, once the worker was started again. When its"
                        " attempts are used up it becomes a dead letter, and can be replayed or discarded"
                    )
        whose = "there is no dead letter" if handler is None else f"{handler} has no dead letter"
        raise CommandFailed(
            f"{whose} of the event {wanted}, and no handler has the event before it: see `hookline dead list --all`"
        )

    async def told(self, case: Case, mark: Mark, *, waited: bool) -> dead_replays.Told:
        """What to tell of a replay that was asked for.

        Raises:
            CommandFailed: the log does not answer.
            StoreError: the store failed.
        """
        with _log_errors_explained():
            log = await self.log.identity()
        return await dead_replays.told(self.store, log, case, mark, waited=waited)


@asynccontextmanager
async def desk(here: Installation, wanted: Wanted) -> AsyncIterator[Desk]:
    """The dead letters of an installation that are wanted; they are held in memory whole.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    async with opened_log(here) as log, opened_store(here) as store:
        with store_errors_explained():
            renames = await store.entry_rows.renames()
        handlers: set[str] = set()
        found = [letter async for letter in _named(_letters(here, log), renames, handlers) if wanted(letter)]
        with store_errors_explained():
            marks = await store.replays.marks()
            yield Desk(here, log, store, cases(found, marks), frozenset(handlers), renames)


async def newest(
    here: Installation, wanted: Wanted, limit: int, *, every: bool = True, handler: str | None = None
) -> list[Case]:
    """The dead letters that failed last, the oldest first. Without any the store is left alone.

    Args:
        here: the installation.
        wanted: which letters.
        limit: at most so many; more are never held in memory.
        every: also those that are dealt with.
        handler: an entry that must be there, if one is named.

    Raises:
        CommandFailed: the log or the store does not answer.
        Misconfigured: there is no such entry.
    """
    handlers: set[str] = set()
    renames: Sequence[Rename] = ()
    kept = Newest(limit)
    async with opened_log(here) as log:
        stream = _letters(here, log)
        first = await anext(stream, None)
        if first is not None:
            async with opened_store(here) as store:
                with store_errors_explained():
                    decided = Decisions(await store.replays.marks())
                    renames = await store.entry_rows.renames()
            async for letter in _named(_chained(first, stream), renames, handlers):
                if wanted(letter) and (every or not case_of(letter, decided).is_over):
                    kept.add(case_of(letter, decided))
    check_handler(here, handler, handlers, renames)
    return kept.cases()


async def open_letters(here: Installation) -> int:
    """How many dead letters nobody has dealt with. Without any the store is left alone.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    count = 0
    async with opened_log(here) as log:
        stream = _letters(here, log)
        first = await anext(stream, None)
        if first is None:
            return 0
        async with opened_store(here) as store:
            with store_errors_explained():
                decided = Decisions(await store.replays.marks())
        async for letter in _chained(first, stream):
            count += not case_of(letter, decided).is_over
    return count


def check_handler(
    here: Installation, handler: str | None, seen: Collection[str], renames: Iterable[Rename] = ()
) -> None:
    """Check that a handler that was named is an entry, or was one when it gave up an event.

    Args:
        here: the installation.
        handler: as it was named, if it was.
        seen: the entries that gave up an event, as they are called now.
        renames: the names that entries had before; that of one that runs is its own.

    Raises:
        Misconfigured: it is none, or is called otherwise now.
    """
    if handler is None or handler in seen:
        return
    plan = _plan(here)
    running = {entry.name for entry in plan.entries}
    now = {each.old: each.handler for each in sorted(renames, key=lambda each: each.renamed_at)}
    if handler in now and handler not in running:
        raise Misconfigured(f"--handler {handler}: it is called {now[handler]} now, and has its dead letters")
    known = {*running, *plan.disabled, *plan.unconfigured, *seen}
    if handler not in known:
        raise Misconfigured(f"--handler {handler}: there is no such entry{suggestion(handler, sorted(known))}")


def _plan(here: Installation) -> "Plan":
    from cli.plugins import loaded  # noqa: PLC0415 - hardly ever needed, and it brings the clients along

    return loaded(here).plan


async def _letters(here: Installation, log: EventLog) -> AsyncIterator[Letter]:
    """All dead letters; tells how far it is when it takes long."""
    count, note_at = 0, time.monotonic() + _FIRST_NOTE
    with _log_errors_explained():
        async for letter in letters(log, here.settings.topics.topics().name("dead")):
            yield letter
            count += 1
            if time.monotonic() >= note_at:
                sys.stderr.write(f"hookline: {count:,} dead letters read; the topic is read from its start\n")
                note_at = time.monotonic() + _NEXT_NOTE


async def _named(found: AsyncIterator[Letter], renames: Sequence[Rename], handlers: set[str]) -> AsyncIterator[Letter]:
    """The same under the names that entries have now; notes whose they are."""
    async for letter in found:
        now = replace(letter, renames=renames)
        handlers.add(now.handler)
        yield now


async def _chained(first: Letter, others: AsyncIterator[Letter]) -> AsyncIterator[Letter]:
    yield first
    async for letter in others:
        yield letter


@contextmanager
def _log_errors_explained() -> Iterator[None]:
    try:
        yield
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error
