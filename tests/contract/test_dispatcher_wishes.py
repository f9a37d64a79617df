"""What plugins give to their context: whatever it is, the call tells the author, and the entry goes on."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher import dead
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Done
from handlers.api import Context, GiveUp, Handler, handler
from schemas.contacts import Identity
from schemas.envelope import decode
from schemas.events import ConversationCompleted, Event, MessageCreated, Timer
from store.store import Store
from tests.contract.clocks import later
from tests.contract.dispatchers import NOW, Rig, message, on_sqlite, quick, until

Call = Callable[[Any, Any, Any], Awaitable[object]]
WEST = timezone(timedelta(hours=-5))
ADA = Identity(source="support", platform="gptbots", id="ada")


class Word(StrEnum):
    """A text of a class of its own."""

    HELLO = "hello"


async def nothing() -> None: ...


async def account(ctx: Any, given: Any) -> None:
    ctx.account(given)


def built(odd: Any) -> ConversationCompleted:
    """An event that no constructor has seen."""
    return ConversationCompleted.model_construct(conversation_id=odd)


CALLS: Mapping[str, Call] = {
    "account": lambda ctx, _, odd: account(ctx, odd),
    "once name": lambda ctx, _, odd: ctx.once(odd, nothing),
    "once effect": lambda ctx, _, odd: ctx.once("e", odd),
    "once probe": lambda ctx, _, odd: ctx.once("e", nothing, probe=odd),
    "once shows_within": lambda ctx, _, odd: ctx.once("e", nothing, shows_within=odd),
    "schedule name": lambda ctx, _, odd: ctx.schedule(odd, after="0s"),
    "schedule after": lambda ctx, _, odd: ctx.schedule("t", after=odd),
    "schedule data": lambda ctx, _, odd: ctx.schedule("t", after="0s", data=odd),
    "schedule value": lambda ctx, _, odd: ctx.schedule("t", after="0s", data={"x": odd}),
    "cancel": lambda ctx, _, odd: ctx.cancel(odd),
    "publish data": lambda ctx, _, odd: ctx.publish(odd, key="k"),
    "publish key": lambda ctx, event, odd: ctx.publish(event.data, key=odd),
    "publish built": lambda ctx, _, odd: ctx.publish(built(odd), key="k"),
    "publish extra": lambda ctx, _, odd: ctx.publish(built("c").model_copy(update={"extra": {"x": odd}}), key="k"),
    "allow name": lambda ctx, _, odd: ctx.allow(odd, "k", limit=1, per="1d"),
    "allow key": lambda ctx, _, odd: ctx.allow("c", odd, limit=1, per="1d"),
    "allow limit": lambda ctx, _, odd: ctx.allow("c", "k", limit=odd, per="1d"),
    "allow per": lambda ctx, _, odd: ctx.allow("c", "k", limit=1, per=odd),
    "find identity": lambda ctx, _, odd: ctx.contacts.find(identity=odd),
    "find email": lambda ctx, _, odd: ctx.contacts.find(email=odd),
    "find contact_id": lambda ctx, _, odd: ctx.contacts.find(contact_id=odd),
    "save identity": lambda ctx, event, odd: ctx.contacts.save(odd, at=event.time),
    "save built": lambda ctx, event, odd: ctx.contacts.save(ADA.model_copy(update={"id": odd}), at=event.time),
    "save at": lambda ctx, _, odd: ctx.contacts.save(ADA, at=odd, name="Ada"),
    "save name": lambda ctx, event, odd: ctx.contacts.save(ADA, at=event.time, name=odd),
    "save email": lambda ctx, event, odd: ctx.contacts.save(ADA, at=event.time, email=odd, email_verified=True),
    "save attributes": lambda ctx, event, odd: ctx.contacts.save(ADA, at=event.time, attributes=odd),
    "save value": lambda ctx, event, odd: ctx.contacts.save(ADA, at=event.time, attributes={"x": odd}),
    "save verified": lambda ctx, event, odd: ctx.contacts.save(ADA, at=event.time, email_verified=odd),
    "merge": lambda ctx, event, odd: ctx.contacts.merge(odd, "b", at=event.time),
    "merge at": lambda ctx, _, odd: ctx.contacts.merge("a", "b", at=odd),
    "delete": lambda ctx, event, odd: ctx.contacts.delete(odd, at=event.time),
    "delete at": lambda ctx, _, odd: ctx.contacts.delete(ADA, at=odd),
    "publish contact": lambda ctx, _, odd: ctx.contacts.publish(odd),
}

TEXTS = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["", "\0", "\ud800", "\udfff\ud800", "\x1a0000", "x" * 1_001, "x" * 5_000, Word.HELLO, "ada@example.com", "1d"]
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | TEXTS
    | st.binary(max_size=4)
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.timedeltas()
    | st.sampled_from([object(), datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), print, dict, ADA])
)
ODD = PLAIN | st.recursive(PLAIN, lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each, max_size=3))


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


TOLD: tuple[tuple[str, Any, str], ...] = (
    ("schedule name", 5, "ctx.schedule(name=...) takes a text, and was given a value of type int"),
    ("schedule name", None, "ctx.schedule(name=...) takes a text, and was given None"),
    ("schedule name", b"x", "ctx.schedule(name=...) takes a text, and was given a value of type bytes"),
    ("schedule name", "\ud800", "ctx.schedule(name=...) was given broken text"),
    ("schedule name", "x" * 1_001, "ctx.schedule(name=...) takes at most 1,000 characters"),
    ("schedule after", "99999999d", "of at most 3,650 days"),
    ("schedule data", ["x"], "ctx.schedule(data=...) takes a mapping"),
    ("schedule value", math.nan, "ctx.schedule(data=...) holds something that JSON does not hold: NaN"),
    ("schedule value", "\ud800", "ctx.schedule(data=...) holds something that JSON does not hold"),
    ("schedule value", nested(900), "ctx.schedule(data=...) holds something that JSON does not hold"),
    ("schedule value", nested(199), "Timer holds something that JSON does not hold"),
    ("schedule value", "x" * 4_096, "ctx.schedule(data=...) must fit into 4,096 characters"),
    ("cancel", None, "ctx.cancel(name=...) takes a text, and was given None"),
    ("publish data", Timer(name="t", due=NOW), "Timer is no canonical event"),
    ("publish key", b"k", "ctx.publish(key=...) takes a text, and was given a value of type bytes"),
    ("publish built", 5, "ConversationCompleted holds something that JSON does not hold"),
    ("publish extra", [math.inf], "ConversationCompleted holds something that JSON does not hold: NaN"),
    ("publish extra", "\ud800", "ConversationCompleted holds something that JSON does not hold"),
    ("publish extra", nested(300), "ConversationCompleted holds something that JSON does not hold"),
    ("allow key", 7, "ctx.allow(key=...) takes a text"),
    ("allow limit", math.nan, "ctx.allow(limit=...) takes a whole number"),
    ("allow per", "0s", "per must be longer than 0s"),
    ("once name", 5, "ctx.once(name=...) takes a text"),
    ("account", 5, "ctx.account(name=...) takes a text"),
    ("find contact_id", "\0", "ctx.contacts.find(contact_id=...) was given a NUL character"),
    ("save at", NOW.replace(tzinfo=None), "ctx.contacts.save(at=...) was given a time without a zone"),
    ("merge at", NOW.replace(tzinfo=None), "ctx.contacts.merge(at=...) was given a time without a zone"),
    ("delete at", NOW.replace(tzinfo=None), "ctx.contacts.delete(at=...) was given a time without a zone"),
    ("save at", datetime.max.replace(tzinfo=WEST), "leads out of the calendar"),
    ("save value", math.nan, "ctx.contacts.save(attributes=...) holds something that JSON does not hold"),
    ("save name", "\ud800", "ctx.contacts.save(name=...) was given broken text"),
    ("save verified", "false", "ctx.contacts.save(email_verified=...) takes True or False"),
    ("publish contact", 5, "ctx.contacts.publish(contact_id) takes a text"),
)


@pytest.fixture
async def rig(tmp_path: Path, store: Store) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path / "log", partitions=1) as made:
        yield replace(made, store=store)


def wishing(wishes: Sequence[tuple[str, Any]]) -> Handler[Any, Any]:
    """A handler that makes the wish whose number is its event's, and dies of its timers."""

    @handler("wishes", on=(MessageCreated, Timer))
    async def wishes_of(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, Timer):
            raise GiveUp("it is late")
        call, odd = wishes[int(event.data.content)]
        await CALLS[call](ctx, event, odd)

    return wishes_of


async def made(rig: Rig, wishes: Sequence[tuple[str, Any]]) -> list[AttemptEnded]:
    """What became of wishes, one event each."""
    await rig.append(*(message(each, key=f"k{each}", content=str(each)) for each in range(len(wishes))))
    await rig.settle(quick(wishing(wishes), attempts=1))
    ended = {each.event_id: each for each in rig.attempts}
    return [ended[f"message.created:m{each}"] for each in range(len(wishes))]


async def test_what_cannot_be_kept_is_told_at_the_call(rig: Rig) -> None:
    """In the attempt, with what to give instead; nothing is left for later that could fail then."""
    ended = await made(rig, [(call, odd) for call, odd, _ in TOLD])
    told = [each.outcome.detail if isinstance(each.outcome, Dead) else "" for each in ended]
    assert [words for words, (_, _, expected) in zip(told, TOLD, strict=True) if expected not in words] == []


async def test_no_argument_stops_the_entry(rig: Rig) -> None:
    """Whatever a call is given, it fails in the attempt or is carried out; and so are the timers, and their deaths."""
    wishes: list[tuple[str, Any]] = []

    @settings(max_examples=200, database=None, derandomize=True)
    @given(st.sampled_from(sorted(CALLS)), ODD)
    def draw(call: str, odd: Any) -> None:
        # hypothesis drives plain functions: the wishes are drawn first
        wishes.append((call, odd))

    draw()
    outcomes = [each.outcome for each in await made(rig, wishes)]
    assert [each for each in outcomes if isinstance(each, Dead) and "report" in each.detail] == []
    assert {type(each) for each in outcomes} == {Done, Dead}
    async with rig.running(quick(wishing(wishes)), clock=later(hours=24 * 3_660)) as dispatcher:
        await until(lambda: dispatcher.loads()["wishes"].timers == 0, "the timers have fired")
    letters = [dead.opened(record) for record in await rig.records("dead")]
    timers = [each.record for each in letters if each and b"hookline.timer" in dict(each.record.headers).values()]
    assert timers
    for timer in timers:
        decode(timer, {Timer.event_type: Timer})
