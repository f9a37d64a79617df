"""Whether the news of polled sources is fresh, as the store knows it: for `doctor` and for roles that do not poll."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from cli.base import Installation
from cli.errors import CommandFailed
from cli.findings import Finding, State
from cli.invocation import starting
from cli.settings import Settings, is_polled
from cli.wiring import opened_store
from receiver.polling.poller import patience
from schemas.durations import in_words
from store.errors import StoreError
from store.polls import Polled

log = structlog.get_logger()

# Seconds until the first look, for roles may be started together, and between two looks.
_FIRST_LOOK, _NEXT_LOOK = 5.0, 60.0
# The roles that poll.
_STARTERS = ("poll", "run")


async def poll_states(here: Installation, now: datetime) -> list[Finding]:
    """How each polled source stands."""
    if not has_polled(here.settings):
        return []
    try:
        states = await _states(here)
    except (CommandFailed, StoreError) as error:
        return [Finding("polling", "failing", str(error))]
    return list(findings(here.settings, states, now, starting(here.places, *_STARTERS)))


def has_polled(settings: Settings) -> bool:
    """Whether there is a source to ask for."""
    return any(is_polled(one.platform, settings) for one in settings.sources.values())


async def _states(here: Installation) -> Mapping[str, Polled]:
    async with opened_store(here) as store:
        return {one.source: one for one in await store.polls.states()}


async def warn(here: Installation, clock: Callable[[], datetime]) -> None:
    """Look for ever whether somebody asks for the polled sources, and say once when nobody does, or not any more.

    Whether the store answers is for others to tell.
    """
    told: frozenset[str] = frozenset()
    await asyncio.sleep(_FIRST_LOOK)
    while True:
        with suppress(CommandFailed, StoreError):
            found = unpolled(here.settings, await _states(here), clock())
            for name in sorted(found - told):
                log.warning("source.unpolled", source=name, advice=f"start {starting(here.places, *_STARTERS)}")
            told = found
        await asyncio.sleep(_NEXT_LOOK)


def findings(settings: Settings, states: Mapping[str, Polled], now: datetime, start: str) -> Iterator[Finding]:
    """One finding for each polled source; `start` names the commands that poll."""
    for name, source in settings.sources.items():
        if is_polled(source.platform, settings):
            state, detail = _told(states.get(name), source.poll.interval, now, start)
            yield Finding(f"polling {name}", state, detail)


def unpolled(settings: Settings, states: Mapping[str, Polled], now: datetime) -> frozenset[str]:
    """The polled sources for which nobody asks: their events do not come."""
    polled = {name: one for name, one in settings.sources.items() if is_polled(one.platform, settings)}
    return frozenset(
        name
        for name, source in polled.items()
        if not _is_held(found := states.get(name), now) and not _is_fresh(found, source.poll.interval, now)
    )


def _told(found: Polled | None, interval: timedelta, now: datetime, start: str) -> tuple[State, str]:
    held = _is_held(found, now)
    if found is None or found.polled_at is None:
        if held:
            return "ok", "its first round is under way"
        return "degraded", f"it was never polled, so its events do not come: start {start}"
    told = f"polled {(now - found.polled_at).total_seconds():,.0f} s ago"
    if _is_fresh(found, interval, now):
        return "ok", told
    why = "the log of the role that polls says what fails" if held else f"start {start}"
    return "failing", f"{told}, and it should be every {in_words(interval)}: {why}"


def _is_held(found: Polled | None, now: datetime) -> bool:
    return found is not None and found.held_until is not None and found.held_until > now


def _is_fresh(found: Polled | None, interval: timedelta, now: datetime) -> bool:
    return found is not None and found.polled_at is not None and now - found.polled_at <= patience(interval)
