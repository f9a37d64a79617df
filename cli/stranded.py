"""Refuses Kafka while the embedded log of the same data folder holds what an entry has not settled."""

import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cli import invocation
from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from cli.left_store import left_store
from cli.wiring import log_url, opened_log
from dispatcher.settings import Entry
from eventlog.errors import EventLogError

if TYPE_CHECKING:
    from cli.unsettled import Unsettled

LeaveBehind = Annotated[
    bool, typer.Option("--leave-behind", help="With Kafka: leave unhandled what the embedded log holds.")
]


def leaves_embedded(here: Installation) -> bool:
    """Whether Kafka is used, and the data folder has an embedded log."""
    return log_url(here).startswith("kafka://") and (here.data / "events.db").exists()


async def stranded(here: Installation, entries: Iterable[Entry]) -> "Unsettled | None":
    """What some entries have not settled in the embedded log; None if there is nothing, or without Kafka.

    Raises:
        CommandFailed: the embedded log cannot be read.
    """
    if not leaves_embedded(here):
        return None
    from cli.unsettled import unsettled  # noqa: PLC0415 - only who changed the log needs it, and it the state store

    try:
        async with opened_log(embedded(here)) as log:
            found = await unsettled(log, here.settings.topics.topics(), entries)
    except EventLogError as error:
        raise Misconfigured(
            f"{here.data / 'events.db'} cannot be read: {error}. To leave it: --leave-behind"
        ) from error
    return found if found.events else None


async def refuse_stranded(here: Installation, entries: Iterable[Entry]) -> None:
    """Refuse to leave them behind.

    Raises:
        Misconfigured: there are some; the text says how many, and what can be done.
    """
    if (found := await stranded(here, entries)) is not None:
        raise Misconfigured(ways_on(here, found))


async def left_log(here: Installation) -> str | None:
    """The identity of the embedded log that Kafka took the place of; None if there is none, or it cannot be read."""
    if not leaves_embedded(here):
        return None
    try:
        async with opened_log(embedded(here)) as log:
            return await log.identity()
    except (EventLogError, CommandFailed):
        return None


def ways_on(here: Installation, found: "Unsettled") -> str:
    """What would be left behind, and the ways on."""
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(found.events.items()))
    return (
        f"the embedded log in {here.data} holds events that were not handled, and with Kafka nobody would: {counts}. "
        f"{_renaming(here, found)}Handle them first, with `{_settling(here, 'work', '--until-empty')}`, or leave them "
        f"there with --leave-behind, or for good by moving {here.data / 'events.db'} away"
    )


def command(here: Installation, *words: str, **variables: str) -> str:
    """A command of hookline on the embedded log of the data folder, as a shell takes it."""
    given = {"HOOKLINE_EVENTLOG__URL": str((here.data / "events.db").absolute()), **variables}
    return shlex.join([*(f"{name}={value}" for name, value in given.items()), *invocation.again(here.places), *words])


def embedded(here: Installation) -> Installation:
    """The same installation with the log of its data folder."""
    settings = here.settings
    return replace(
        here,
        given=settings.model_copy(update={"eventlog": settings.eventlog.model_copy(update={"url": None})}),
    )


def _settling(here: Installation, *words: str) -> str:
    """The same with the state store that its positions belong to: one that was copied goes on as its copy."""
    if left_store(here) is None:
        return command(here, *words)
    return command(here, *words, HOOKLINE_STORE__URL=f"sqlite:///{(here.data / 'state.db').absolute()}")


def _renaming(here: Installation, found: "Unsettled") -> str:
    if not found.former:
        return ""
    old, new = found.former[0], min(found.events)
    whose = f"{' and '.join(found.former)} read that log before, and no longer run{'s' * (len(found.former) == 1)}"
    renaming = _settling(here, "handlers", "rename", old, new)
    return f"{whose}: if {old} is called {new} now, give it its position there by `{renaming}`. "
