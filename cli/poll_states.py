"""Whether the news of polled sources is fresh, as the store knows it: for `doctor`, whoever polls."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from cli.base import Installation
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.settings import Settings, is_polled
from cli.wiring import opened_store
from receiver.polling.poller import patience
from store.errors import StoreError
from store.polls import Polled


async def poll_states(here: Installation, now: datetime) -> list[Finding]:
    """How each polled source stands."""
    settings = here.settings
    if not any(is_polled(one.platform, settings) for one in settings.sources.values()):
        return []
    try:
        async with opened_store(here) as store:
            states = {one.source: one for one in await store.polls.states()}
    except (CommandFailed, StoreError) as error:
        return [Finding("polling", "failing", str(error))]
    return list(findings(settings, states, now))


def findings(settings: Settings, states: Mapping[str, Polled], now: datetime) -> Iterator[Finding]:
    """One finding for each polled source."""
    for name, source in settings.sources.items():
        if not is_polled(source.platform, settings):
            continue
        found = states.get(name)
        if found is None or found.polled_at is None:
            yield Finding(
                f"polling {name}", "degraded", "it was never polled: start `hookline poll`, or `hookline run`"
            )
            continue
        age = now - found.polled_at
        told = f"polled {age.total_seconds():,.0f} s ago"
        if age > patience(source.poll.interval):
            why = "is `hookline poll` or `hookline run` running? Its log says what fails"
            yield Finding(f"polling {name}", "failing", f"{told}, and it should be every {source.poll.interval}: {why}")
        else:
            yield Finding(f"polling {name}", "ok", told)
