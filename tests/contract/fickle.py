"""A handler that cannot always do its work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dispatcher.dispatcher import Dispatcher
from dispatcher.settings import Entry
from handlers.api import Context, RetryLater, handler
from schemas.events import Event, MessageCreated
from tests.contract.clocks import WarpedClock
from tests.contract.dispatchers import quick


@dataclass
class Fickle:
    """A handler that asks to be tried again ten minutes later for keys that are down, and what it has handled."""

    down: set[str] = field(default_factory=set)
    handled: list[str] = field(default_factory=list)
    error: Callable[[], Exception] = lambda: RetryLater("not yet", after="10m")
    clock: WarpedClock = field(default_factory=WarpedClock)
    settings: dict[str, Any] = field(default_factory=lambda: {"attempts": 100})

    def __post_init__(self) -> None:
        @handler("h", on=MessageCreated)
        async def h(event: Event[MessageCreated], ctx: Context) -> None:
            if event.key in self.down:
                raise self.error()
            self.handled.append(event.data.message_id)

        self.handler = h

    @property
    def entry(self) -> Entry:
        return quick(self.handler, **self.settings)

    def of(self, *numbers: int) -> list[str]:
        """Of these messages those that were handled, in the order of handling."""
        wanted = {f"m{number}" for number in numbers}
        return [each for each in self.handled if each in wanted]

    async def pass_time(self, dispatcher: Dispatcher, by: timedelta) -> None:
        """Put the clock forward, and have it looked at."""
        self.clock.by += by
        membership = dispatcher._workers["h"]._membership
        assert membership is not None
        membership.holdings.rescheduled.set()
