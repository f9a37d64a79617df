"""`hookline work --until-empty`: handles what the log holds, then ends and tells what is left."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cli.entry_states import stuck_told, told
from cli.lags import Standing
from dispatcher.dispatcher import Dispatcher, EntryState
from dispatcher.observers import AttemptEnded, Happening
from dispatcher.outcome import Dead


@dataclass(slots=True)
class Emptying:
    """What became of the entries meanwhile."""

    # Entry → its events that died.
    dead: Counter[str] = field(default_factory=Counter)
    states: Mapping[str, EntryState] = field(default_factory=dict)

    def happened(self, happening: Happening) -> None:
        """Count dead letters."""
        if isinstance(happening, AttemptEnded) and isinstance(happening.outcome, Dead):
            self.dead[happening.entry] += 1

    async def wait(self, dispatcher: Dispatcher, stopping: asyncio.Event) -> None:
        """Until all is settled that can be, or a signal comes."""
        waits = {asyncio.create_task(dispatcher.until_empty()), asyncio.create_task(stopping.wait())}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            self.states = dispatcher.states()
        finally:
            for task in waits:
                task.cancel()
            await asyncio.wait(waits)
        for task in done:
            task.result()

    def left(self, standings: Mapping[str, Standing]) -> Iterator[str]:
        """What was not handled, a line for each entry, with why."""
        for name, standing in standings.items():
            state, lag = self.states.get(name), standing.lag
            if state is not None and (lag is None or lag):
                count = "events" if lag is None else f"{lag:,} event{'s' * (lag != 1)}"
                yield f"{name}: {count} not handled{_why(state)}"

    def notes(self, standings: Mapping[str, Standing]) -> Iterator[str]:
        """What an operator should know of what was handled, and of what waits elsewhere."""
        for name, standing in standings.items():
            if name not in self.states:
                continue
            if self.dead[name]:
                yield f"{name}: {self.dead[name]:,} became dead letters: see `hookline dead list`"
            if standing.parked:
                yield f"{name}: {standing.parked:,} parked in the state store, for another attempt"
            if standing.waiting:
                yield f"{name}: {standing.waiting:,} timer(s) not due yet, in the state store"


def _why(state: EntryState) -> str:
    if state.stop is not None:
        return f": {told(state.stop)}"
    why = state.reason or stuck_told(state.stuck) or state.trouble
    return f": {why}" if why else ": it was told to stop before"
