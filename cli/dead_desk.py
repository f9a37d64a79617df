"""Where an operator decides on dead letters: all of them, what became of each, and the store to write to."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from cli import dead_replays
from cli.base import Installation
from cli.dead_letters import Case, Letter, cases, letters
from cli.errors import CommandFailed
from cli.pending import is_pending
from cli.wiring import opened_log, opened_store, store_errors_explained
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from schemas.topics import Topics
from store.replay_rows import Mark
from store.store import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """Dead letters in the order they were given up, and what to decide on them with."""

    topics: Topics
    log: EventLog
    store: Store
    cases: list[Case]

    async def one(self, wanted: str, handler: str | None) -> Case:
        """The letter that a person means.

        Raises:
            CommandFailed: there is none; the text says whether there may be one later.
            Misconfigured: there are several.
        """
        if (found := dead_replays.picked(self.cases, wanted, handler)) is not None:
            return found
        if handler is None:
            raise CommandFailed(
                f"there is no dead letter of the event {wanted}: see `hookline dead list --all`. An event that is still"
                " tried again is none yet: with --handler ENTRY this command says so"
            )
        with _log_errors_explained(), store_errors_explained():
            pending = await is_pending(self.topics, self.log, self.store, entry=handler, event_id=wanted)
        if pending:
            raise CommandFailed(
                f"the event {wanted} is not dead yet: {handler} tries it again by itself, or has not come to it. When"
                " its attempts are used up it becomes a dead letter, and can be replayed"
            )
        raise CommandFailed(
            f"{handler} has no dead letter of the event {wanted}, and the event is not before it any more: see"
            " `hookline dead list --all`"
        )

    async def open_ones(self, handler: str) -> list[Case]:
        """The letters of an entry that nobody decided on, as many as may be replayed at once, the oldest first.

        Raises:
            CommandFailed: none may be until some are over.
            StoreError: the store failed.
        """
        found = dead_replays.undecided(self.cases, handler)
        room = await self.store.replays.room(handler)
        if len(found) > room:
            left = f"{len(found) - room:,} of {len(found):,} open dead letters of {handler} are not replayed now"
            if not room:
                raise CommandFailed(f"{left}: as many as may be are waiting or under way. Ask again when some are over")
            sys.stderr.write(f"hookline: {left}: ask again when the others are over\n")
        return found[:room]


    async def told(
        self, asked: Mapping[int, Case], marks: Mapping[int, Mark], *, waited: bool
    ) -> list[dead_replays.Told]:
        """What to tell of replays that were asked for.

        Raises:
            CommandFailed: the log does not answer.
            StoreError: the store failed.
        """
        with _log_errors_explained():
            log = await self.log.identity()
        return await dead_replays.told(self.store, log, asked, marks, waited=waited)


@asynccontextmanager
async def desk(here: Installation) -> AsyncIterator[Desk]:
    """The dead letters of an installation.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    async with opened_log(here) as log, opened_store(here) as store:
        topics = here.settings.topics.topics()
        found = await _letters(log, topics)
        with store_errors_explained():
            yield Desk(topics, log, store, cases(found, await store.replays.marks()))


async def everything(here: Installation) -> list[Case]:
    """The dead letters of an installation, in the order they were given up. Without any the store is left alone.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    async with opened_log(here) as log:
        found = await _letters(log, here.settings.topics.topics())
    if not found:
        return []
    async with opened_store(here) as store:
        with store_errors_explained():
            return cases(found, await store.replays.marks())


async def _letters(log: EventLog, topics: Topics) -> list[Letter]:
    with _log_errors_explained():
        return [letter async for letter in letters(log, topics.name("dead"))]


@contextmanager
def _log_errors_explained() -> Iterator[None]:
    try:
        yield
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error
