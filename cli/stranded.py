"""Refuses Kafka while the embedded log of the same data folder holds what an entry has not settled."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

import typer

from cli import invocation
from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from cli.wiring import log_url, opened_log, store_url
from dispatcher.settings import Entry
from eventlog.errors import EventLogError

LeaveBehind = Annotated[
    bool, typer.Option("--leave-behind", help="With Kafka: leave unhandled what the embedded log holds.")
]


def leaves_embedded(here: Installation) -> bool:
    """Whether Kafka is used, and the data folder has an embedded log."""
    return log_url(here).startswith("kafka://") and (here.data / "events.db").exists()


async def stranded(here: Installation, entries: Iterable[Entry]) -> Mapping[str, int]:
    """Entry → events of the embedded log that it has not settled, for the entries that have some; empty without Kafka.

    An entry that never ran there counts only where none ever did: one that is added later does not look back.

    Raises:
        CommandFailed: the embedded log cannot be read.
    """
    if not leaves_embedded(here):
        return {}
    from cli.lags import lags, unbegun  # noqa: PLC0415 - only who changed the log needs them, and they the state store

    listed, topics = list(entries), here.settings.topics.topics()
    try:
        async with opened_log(_embedded(here)) as log:
            found = await lags(log, topics, listed)
            if all(lag is None for lag in found.values()):
                found = {entry.name: await unbegun(log, topics, entry) for entry in listed}
    except EventLogError as error:
        raise Misconfigured(
            f"{here.data / 'events.db'} cannot be read: {error}. To leave it: --leave-behind"
        ) from error
    return {name: lag for name, lag in found.items() if lag}


async def refuse_stranded(here: Installation, entries: Iterable[Entry]) -> None:
    """Refuse to leave them behind.

    Raises:
        Misconfigured: there are some; the text says how many, and what can be done.
    """
    if found := await stranded(here, entries):
        raise Misconfigured(ways_on(here, found))


async def left_log(here: Installation) -> str | None:
    """The identity of the embedded log that Kafka took the place of; None if there is none, or it cannot be read."""
    if not leaves_embedded(here):
        return None
    try:
        async with opened_log(_embedded(here)) as log:
            return await log.identity()
    except (EventLogError, CommandFailed):
        return None


def ways_on(here: Installation, found: Mapping[str, int]) -> str:
    """What would be left behind, and the two ways on."""
    words = [f"HOOKLINE_EVENTLOG__URL={(here.data / 'events.db').absolute()}"]
    if not store_url(here).startswith("sqlite") and (store := here.data / "state.db").exists():
        # What the embedded log's positions belong to.
        words.append(f"HOOKLINE_STORE__URL=sqlite:///{store.absolute()}")
    command = shlex.join([*words, *invocation.again(here.places), "work", "--until-empty"])
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(found.items()))
    return (
        f"the embedded log in {here.data} holds events that were not handled, and with Kafka nobody would: {counts}. "
        f"Handle them first, with `{command}`, or leave them there with --leave-behind"
    )


def _embedded(here: Installation) -> Installation:
    """The same installation with the log of its data folder."""
    settings = here.settings
    return replace(
        here,
        given=settings.model_copy(update={"eventlog": settings.eventlog.model_copy(update={"url": None})}),
    )
