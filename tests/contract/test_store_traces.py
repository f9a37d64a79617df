"""What the store knows of one event, on both databases."""

from dataclasses import replace

from schemas.record import StoredRecord
from store.effects import EffectKey
from store.owners import Epoch
from store.parked_rows import LaneName, ToPark, Tried
from store.replay_rows import LetterName, Order
from store.schedule import TimerName, TimerSet
from store.store import Store
from store.traces import EffectTrace, ParkedTrace, Trace
from tests.contract.stores import AT, LOG, NOW, minute

EVENT = "e\x001"
RECORD = StoredRecord(topic=AT.topic, partition=AT.partition, offset=7, key=b"k", value=b"{}", timestamp=0)
LETTER = LetterName(handler="h", at=AT, offset=1, source="support", event_id=EVENT, failed_at="")


def parking(offset: int, event_id: str) -> ToPark:
    return ToPark(
        record=replace(RECORD, offset=offset),
        lane=LaneName(b"support", b"k"),
        identity=event_id.encode(),
        event_id=event_id,
        tried=Tried(due=minute(offset), made=3, detail="TimedOut"),
    )


async def owned(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


async def test_an_event_nobody_knows_leaves_no_trace(store: Store) -> None:
    """Nothing is made up."""
    assert await store.traces.of(EVENT) == Trace(parked=[], timers=[], effects=[], marks=[])


async def test_a_parked_event_is_found_with_what_is_before_it(store: Store) -> None:
    """Those of its lane, and no others."""
    parked = [parking(5, "other"), parking(7, EVENT), parking(9, "late")]
    await store.parked.park("h", AT, await owned(store), parked, {}, bound=9, now=NOW)
    [one] = (await store.traces.of(EVENT)).parked
    assert one == ParkedTrace(
        handler="h", source="support", at=AT, log=LOG, due=minute(7), attempts=3, detail="TimedOut", behind=1
    )


async def test_effects_are_found_by_their_states(store: Store) -> None:
    """One that ended, and one of which nobody knows."""
    epoch = await owned(store)
    for name in ("ask", "tell"):
        key = EffectKey(handler="h", source="support", event_id=EVENT, name=name)
        await store.effects.begin(key, at=AT, epoch=epoch, now=NOW if name == "ask" else minute(1))
        if name == "ask":
            await store.effects.finish(key, "1", at=AT, epoch=epoch)
    assert (await store.traces.of(EVENT)).effects == [
        EffectTrace(handler="h", source="support", name="ask", begun_at=NOW, done=True),
        EffectTrace(handler="h", source="support", name="tell", begun_at=minute(1), done=False),
    ]


async def test_timers_are_found_by_their_setter_and_by_their_firing(store: Store) -> None:
    """The id of a firing is that of an event, which comes into no topic."""
    timer = TimerSet(
        source="support", key="k", name="ask", due=minute(5), platform="p", conversation_id="k", received_at=NOW
    )
    other = TimerName(source="support", key="k", name="other")
    epoch = await owned(store)
    await store.schedule.settle("h", AT, epoch, offset=7, event_id=EVENT, now=NOW, set=[timer], cancel=[other])
    found = (await store.traces.of(EVENT)).timers
    assert sorted((one.name, one.state, one.due) for one in found) == [
        ("ask", "set", minute(5)),
        ("other", "cancelled", None),
    ]
    [firing] = [one.firing for one in found if one.firing]
    assert [(one.name, one.setter_id) for one in (await store.traces.of(firing)).timers] == [("ask", EVENT)]


async def test_what_was_decided_on_its_letters_is_found(store: Store) -> None:
    """By whichever entry they are."""
    await store.replays.ask([Order(letter=LETTER, record=RECORD, death=())], NOW)
    await store.replays.discard([replace(LETTER, handler="h2"), replace(LETTER, event_id="other")], NOW)
    marks = (await store.traces.of(EVENT)).marks
    assert [(mark.letter.handler, mark.state) for mark in marks] == [("h", "waiting"), ("h2", "discarded")]
