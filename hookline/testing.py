"""Run a handler in a test: one attempt at one event, with the code that runs it in production and a clock that you set.

    result = await run_once(ask, event_of(MessageCreated(...)), config={"after": "10m"})
    assert result.timers == {"ask": NOW + timedelta(minutes=10)}

`load_plugin` imports a file of a plugin folder, however the test itself was imported.
`Harness` keeps the handler's state from one event to the next, and fires timers when its clock is put forward.
`Pipeline` runs several handlers on one log, with retries, timers and what they publish for each other.
`events_in` reads a platform's delivery as the receiver does.
"""

from cli.deliveries import events_in
from dispatcher.observers import AttemptEnded, TimerChanged
from dispatcher.outcome import Dead, Done, Retry
from dispatcher.pipeline import Pipeline, Run
from dispatcher.registry import load_plugin
from dispatcher.testing import Attempt, Harness, event_of, run_once
from dispatcher.world import NOW, FakeClock

__all__ = [
    "NOW",
    "Attempt",
    "AttemptEnded",
    "Dead",
    "Done",
    "FakeClock",
    "Harness",
    "Pipeline",
    "Retry",
    "Run",
    "TimerChanged",
    "event_of",
    "events_in",
    "load_plugin",
    "run_once",
]
