"""Replays of many events that are not over: of the log that is read, and of another one, where nobody reads on."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace

from cli.base import Installation
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.replay_states import Standing
from cli.stranded import left_log
from cli.wiring import opened_log, opened_store, store_errors_explained, store_url
from dispatcher.leftovers import elsewhere_told
from eventlog.errors import EventLogError
from store.errors import StoreError
from store.replay_jobs import Job


async def unfinished(here: Installation, entries: Collection[str]) -> list[str]:
    """A line for each replay of some entries that goes on when a worker of theirs runs.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    try:
        identity, jobs = await _jobs(here)
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error
    return [told(job) for job in jobs if job.handler in entries and job.log == identity]


async def placed(here: Installation, standings: Sequence[Standing]) -> Sequence[Standing]:
    """The same, of this log or of another one; while the log is away stderr is told so, and nothing is claimed."""
    if all(each.job.state != "reading" for each in standings):
        return standings
    try:
        async with opened_log(here) as log:
            identity = await log.identity()
    except (EventLogError, CommandFailed) as error:
        sys.stderr.write(f"hookline: whether these replays read this event log or another one is not known: {error}\n")
        return [replace(each, home="unknown") for each in standings]
    return [replace(each, home="here" if each.job.log == identity else "elsewhere") for each in standings]


def told(job: Job) -> str:
    """What to do about a replay before its log is left."""
    return (
        f"{job.handler}: its replay {job.id} is not over: let `hookline work` run until `hookline replay status` says "
        f"so, or take back what is left by `hookline replay cancel {job.id}`"
    )


async def embedded(here: Installation) -> list[Finding]:
    """A warning for each replay of the embedded log that Kafka took the place of. Reads files, connects to nothing."""
    identity = await left_log(here) if store_url(here).startswith("sqlite") else None
    if identity is None:
        return []
    try:
        async with opened_store(here) as store:
            return found(await store.replay_jobs.unfinished(), {identity})
    except (StoreError, CommandFailed):
        return []


async def elsewhere(here: Installation) -> list[Finding]:
    """A warning for each replay of another log; none while the log or the store is away, which others tell."""
    try:
        identity, jobs = await _jobs(here)
    except (EventLogError, StoreError, CommandFailed):
        return []
    return found(jobs, {job.log for job in jobs} - {identity})


def found(jobs: Collection[Job], logs: Collection[str]) -> list[Finding]:
    """A warning for each replay that is still to read one of these logs, which nobody reads."""
    stuck = [job for job in jobs if job.state == "reading" and job.log in logs]
    return [Finding(f"replay {job.id}", "degraded", elsewhere_told(job)) for job in stuck]


async def _jobs(here: Installation) -> tuple[str, list[Job]]:
    async with opened_log(here) as log, opened_store(here) as store:
        with store_errors_explained():
            return await log.identity(), await store.replay_jobs.unfinished()
