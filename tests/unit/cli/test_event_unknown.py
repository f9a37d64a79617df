"""Why there is no event of an id, and what to do."""

from dataclasses import replace

import pytest

from cli.event_traces import Elsewhere, Kept
from cli.event_unknown import unknown
from receiver.delivery import Delivery, Headers, Target
from receiver.quarantine import Quarantined
from schemas.topics import Topics
from store.traces import EffectTrace, ParkedTrace, TimerTrace, Trace
from tests.unit.cli.dead_cases import NOW, ORIGIN, letter

AT = "2026-11-21T12:00:00.000Z"
MENDED = "When what reads it is mended: `hookline replay --quarantine --id q1`"
NOWHERE = Elsewhere(quarantined=(), letters=(), kept=Kept(trace=Trace(), stops={}), log="sqlite:2")
QUARANTINED = Quarantined(
    id="q1",
    source="support",
    reason="not-fitting",
    fields=("data.role",),
    origin="webhook",
    received_at=NOW,
    delivery=Delivery(method="POST", target=Target("support"), headers=Headers(()), body=b"private"),
)
TIMER = TimerTrace(
    handler="h", name="ask", source="support", key="c1", state="set", due=NOW, setter_id="e0", firing="f1"
)
PARKED = ParkedTrace(
    handler="h", source="support", at=ORIGIN, log="sqlite:1", due=NOW, attempts=3, detail="TimedOut", behind=0
)
PARKED_SAYS = f"parked by h until {AT}, after 3 attempts: TimedOut. The store holds it whole"
EFFECT = EffectTrace(handler="h", source="support", name="tell", begun_at=NOW, done=False)


def told(where: Elsewhere, name: str = "e1") -> str:
    return unknown(Topics(), name, where)


def test_what_is_met_nowhere_may_have_gone_several_ways() -> None:
    """Each with a command, and for how long topics keep events."""
    said = told(NOWHERE)
    assert said.startswith("no event of the topics has the id e1.")
    assert "older than its topic keeps: conversations 30 days, contacts 30 days, platform 14 days" in said
    for command in ("explain REQUEST_ID", "replay --quarantine --dry-run", "events list"):
        assert f"`hookline {command}`" in said


def test_a_silent_store_is_told() -> None:
    """It may know more."""
    said = told(replace(NOWHERE, kept=Kept(trace=None, stops={}, trouble="nobody listens")))
    assert said.endswith("known to the state store only, which does not answer: nobody listens")


@pytest.mark.parametrize(
    ("where", "name", "says"),
    [
        (
            replace(NOWHERE, quarantined=[QUARANTINED]),
            "q1",
            f"a delivery in the quarantine: of support, received {AT}, not-fitting at data.role. {MENDED}",
        ),
        (
            replace(NOWHERE, letters=[letter("e1")]),
            "e1",
            "a dead letter of h: its topic has dropped it. See `hookline dead show e1`",
        ),
        (
            replace(NOWHERE, letters=[letter("e1", log="file:1")]),
            "e1",
            "a dead letter of h: it stands in the event log that was read before this one. See `hookline dead show e1`",
        ),
        (
            replace(NOWHERE, kept=Kept(trace=Trace(timers=[TIMER]), stops={})),
            "f1",
            f"the firing of the timer ask of h, set for {AT}, by the event e0",
        ),
        (
            replace(NOWHERE, kept=Kept(trace=Trace(parked=[PARKED]), stops={})),
            "e1",
            f"{PARKED_SAYS}: it stands in the event log that was read before this one, sqlite:1",
        ),
        (
            replace(NOWHERE, kept=Kept(trace=Trace(parked=[PARKED]), stops={}), log="sqlite:1"),
            "e1",
            f"{PARKED_SAYS}: its topic has dropped it",
        ),
        (
            replace(NOWHERE, kept=Kept(trace=Trace(effects=[EFFECT]), stops={})),
            "e1",
            f"an event of support whose effect tell h began at {AT}, uncertain: no topic of this event log has it",
        ),
    ],
    ids=["quarantine", "dead", "dead of another log", "timer", "parked of another log", "parked", "effect"],
)
def test_what_is_met_elsewhere_is_told_alone(where: Elsewhere, name: str, says: str) -> None:
    """With the next step, and nothing of what it says."""
    assert told(where, name) == f"no event of the topics has the id {name}, but\n  {says}"
