"""Handlers whose dead letters are replayed, and the asking for it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from dispatcher import dead
from handlers.api import Context, GiveUp, Handler, handler
from schemas.events import Event, MessageCreated, Timer
from tests.contract.dispatchers import FAST, Rig

SOON = replace(FAST, replays_every=timedelta(milliseconds=50))


class Mendable:
    """A handler that gives everything up until it is mended, and keeps what it did then."""

    def __init__(self) -> None:
        self.mended = False
        self.handled: list[str] = []
        self.events: list[Event] = []
        self.effects: list[str] = []
        # How long an attempt takes, in seconds, once it is mended.
        self.takes = 0.0

        @handler("h", on=(MessageCreated, Timer))
        async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            await ctx.once("effect", lambda: self._effect(event.id))
            if not self.mended:
                raise GiveUp("not mended yet")
            await asyncio.sleep(self.takes)
            self.handled.append(event.id)
            self.events.append(event)

        self.handler: Handler = h

    async def _effect(self, event_id: str) -> None:
        self.effects.append(event_id)


async def ask(rig: Rig, *numbers: int, redo_effects: bool = False) -> list[int]:
    """Have dead letters replayed, by their places among all, in this order; the ids of the replays."""
    letters = sorted(await rig.records("dead"), key=lambda letter: dead.name_of(letter).failed_at)
    opened = [dead.opened(letter) for letter in letters]
    orders = [each.order(redo_effects=redo_effects) for each in opened if each is not None]
    chosen = [orders[number] for number in numbers or range(len(orders))]
    return [each.id for each in await rig.store.replays.ask(chosen, rig.equipment().clock.now())]


async def buried(rig: Rig, *events: Event) -> Mendable:
    """A handler that has given up these events, and is mended now."""
    one = Mendable()
    await rig.append(*events)
    await rig.settle(one.handler)
    one.mended = True
    return one
