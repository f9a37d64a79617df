"""Polling CustomGPT.ai: everything that was said, once, in order, whatever happens in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue
from typing_extensions import override

from clients.account import Contact
from clients.errors import OutOfCredit
from receiver.intake import Outcome
from receiver.polling.customgpt import highest
from receiver.polling.publishing import Published, Publisher
from receiver.sources.source import Source
from simulator import Fault
from store.errors import PollNotHeld, StoreUnavailable
from store.polls import Held
from tests.contract.polling import Site, site
from tests.contract.simulators import until

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HELLO = ("user", "Hello")
HI = ("assistant", "Hi! How can I help you today?")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    """A site with the default settings."""
    async with site(tmp_path) as here:
        yield here


async def test_a_visitor_is_heard(here: Site) -> None:
    """A new conversation and both halves of its record become events, with ids that name them."""
    session = here.says("Hello")
    assert await here.poll() == Published(new=3)
    records = await here.records()
    headers = [{name: value.decode() for name, value in record.headers} for record in records]
    data = [json.loads(record.value or b"") for record in records]
    assert [record["ce_type"] for record in headers] == ["conversation.created", "message.created", "message.created"]
    assert {(record["ce_origin"], record["ce_source"], record["ce_subject"]) for record in headers} == {
        ("poll", "/sources/help", session)
    }
    prompt = data[1]["message_id"].partition(":")[0]
    assert [record["ce_id"] for record in headers] == [
        f"conversation.created:{session}",
        f"message.created:{prompt}:question",
        f"message.created:{prompt}:answer",
    ]
    assert [(one["role"], one["content"]) for one in data[1:]] == [HELLO, HI]
    assert data[1]["contact"] == {"id": "user_789"}
    assert len(await here.records("deliveries")) == 2


async def test_a_contact_that_is_kept_there_has_begun_no_conversation(here: Site) -> None:
    """What sync-contact made is known by its name, also after a new one; what is said in it all the same is told."""
    await here.client.upsert_contact(Contact(id="crm:1", name="Ada"))
    await here.client.upsert_contact(Contact(id="crm:1", name="Ada Lovelace"))
    assert await here.poll() == Published()
    [kept] = [one async for one in here.client.conversations()]
    assert kept.preview == "crm:1 – Ada Lovelace #hookline"  # noqa: RUF001 - the dash that the platform's page writes
    assert (await here.client.get_contact("crm:1")).name == "Ada Lovelace"
    here.says("Hello", kept.id)
    assert await here.poll() == Published(new=2)
    assert await here.said() == [HELLO, HI]


async def test_nothing_comes_twice(here: Site) -> None:
    """A round without news asks little and publishes nothing; what goes on is found by the next."""
    session = here.says("Hello")
    await here.poll()
    assert await here.poll() == Published()
    here.says("Where is my order?", session)
    assert await here.poll() == Published(new=2)
    assert [text for _, text in await here.said()] == [
        "Hello",
        "Hi! How can I help you today?",
        "Where is my order?",
        "It left our warehouse this morning and should arrive within two days.",
    ]


async def test_many_conversations_and_messages(here: Site) -> None:
    """More than a page of each comes whole, every conversation in its order."""
    sessions = [here.says(f"Question 0 of {number}") for number in range(13)]
    for turn in range(1, 25):
        here.says(f"Question {turn} of 0", sessions[0])
    assert await here.poll() == Published(new=13 + 2 * (13 + 24))
    asked = [text for role, text in await here.said() if role == "user" and text.endswith(" of 0")]
    assert asked == [f"Question {turn} of 0" for turn in range(25)]


async def test_an_old_conversation_goes_on(here: Site) -> None:
    """One that is in no round any more is found by the sweep, also when it began before there was polling."""
    begun_before = here.says("Long ago")
    here.says("Long ago too")
    await here.pass_by(3 * HOUR)
    assert await here.poll() == Published()
    quiet = here.says("Hello")
    await here.poll()
    await here.pass_by(30 * HOUR)
    here.says("Still there?", begun_before)
    here.says("And I?", quiet)
    assert await here.poll() == Published(new=5)
    asked = {text for role, text in await here.said() if role == "user"}
    assert asked == {"Hello", "Still there?", "And I?"}


async def test_the_sweep_comes_now_and_then(here: Site) -> None:
    """Between two sweeps an unwatched conversation is not looked for."""
    old = here.says("Long ago")
    await here.pass_by(3 * HOUR)
    await here.poll()
    here.says("Still there?", old)
    await here.pass_by(9 * MINUTE)
    assert await here.poll() == Published()
    await here.pass_by(MINUTE)
    assert await here.poll() == Published(new=3)


async def test_only_the_latest_are_watched(tmp_path: Path) -> None:
    """The bound on calls in a round is kept; what it leaves the sweep finds."""
    async with site(tmp_path, watched=1) as here:
        first = here.says("First")
        await here.poll()
        await here.pass_by(MINUTE)
        here.says("Second")
        await here.poll()
        here.says("First again", first)
        assert await here.poll() == Published()
        await here.pass_by(10 * MINUTE)
        assert await here.poll() == Published(new=2)


async def test_the_first_round_begins_at_the_lookback(tmp_path: Path) -> None:
    """What is older is left; a conversation that was under way is read from there."""
    async with site(tmp_path, lookback="2h") as here:
        session = here.says("Too old")
        await here.pass_by(3 * HOUR)
        here.says("New enough", session)
        await here.poll()
        assert [text for role, text in await here.said() if role == "user"] == ["New enough"]


async def test_a_deleted_conversation_is_left(here: Site) -> None:
    """One that is gone by the time it is read is not asked for again."""
    session = here.says("Hello")
    await here.poll()
    here.platform.delete(here.platform.conversations.get(session))  # type: ignore[arg-type]  # it is there
    assert await here.poll() == Published()
    known = await here.store.polls.waiting("help", since=here.clock.now() - HOUR, watched=9)
    assert known == []


async def test_our_own_messages_are_known(here: Site) -> None:
    """What a handler sent is an agent's, and says whose conversation it is without the mark."""
    session = here.says("Hello")
    await here.client.send(session, "Did that answer your question?", metadata={"external_id": "user_789"})
    await here.poll()
    told = [json.loads(record.value or b"") for record in await here.records()]
    (ours,) = [one for one in told if one.get("role") == "agent"]
    assert (ours["content"], ours["contact"]) == ("Did that answer your question?", {"id": "user_789"})


async def test_an_answer_that_is_still_written(here: Site) -> None:
    """The question is told at once, the answer when it is there, and the question not twice."""
    session = here.says("Hello")
    conversation = here.platform.conversation(session, project="2021")
    answered = conversation.messages[-1]
    conversation.messages[-1] = replace(answered, content="")
    assert await here.poll() == Published(new=2)
    assert await here.poll() == Published(known=1)
    assert await here.said() == [HELLO]
    conversation.messages[-1] = answered
    assert await here.poll() == Published(new=1, known=1)
    assert await here.poll() == Published()
    assert await here.said() == [HELLO, HI]


async def test_an_answer_that_never_came(here: Site) -> None:
    """A question that stays without one is not read for ever, and does not hide what follows."""
    session = here.says("Hello")
    conversation = here.platform.conversation(session, project="2021")
    conversation.messages[-1] = replace(conversation.messages[-1], content="")
    await here.poll()
    here.says("Where is my order?", session)
    assert await here.poll() == Published(new=2, known=1)
    assert await here.poll() == Published()


class Crashing(Publisher):
    """Loses the process after so many publications: durable, and not remembered by anybody."""

    def __init__(self, here: Site, after: int) -> None:
        super().__init__(here.log, here.dedupe, clock=here.clock.now)
        self._left = after

    @override
    async def publish(self, source: Source, outcomes: Sequence[Outcome]) -> Published:
        found = await super().publish(source, outcomes)
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("the process is gone")
        return found


@pytest.mark.parametrize("after", range(5))
async def test_a_crash_loses_nothing_and_repeats_nothing(here: Site, after: int) -> None:
    """Wherever a round ends, the next process publishes what is left, and nothing a second time."""
    session = here.says("Question 0")
    for turn in range(1, 45):
        here.says(f"Question {turn}", session)
    here.says("Another")
    with pytest.raises(StoreUnavailable):
        await here.poller("gone", Crashing(here, after)).once()
    await here.pass_by(3 * MINUTE)
    await here.poll("next")
    told = [json.loads(record.value or b"") for record in await here.records()]
    ids = [one.get("message_id", one["conversation_id"]) for one in told]
    asked = [one["content"] for one in told if one["conversation_id"] == session and one.get("role") == "user"]
    assert len(ids) == len(set(ids))
    assert asked == [f"Question {turn}" for turn in range(45)]
    assert "Another" in [one.get("content") for one in told]


async def test_one_process_polls(here: Site) -> None:
    """The other stands by until the lease ends or is given back."""
    first, second = here.poller("first"), here.poller("second")
    await first.once()
    assert await second.once() is None
    assert (first.standing.standby, second.standing.standby, second.stale) == (False, True, "")
    await first.release()
    assert await second.once() == Published()
    assert await first.once() is None
    await here.pass_by(3 * MINUTE)
    assert await first.once() == Published()


async def test_a_process_that_was_frozen_writes_nothing(here: Site) -> None:
    """What it found after another one took over does not count; the other finds it again."""
    here.says("Hello")

    class Frozen(Publisher):
        @override
        async def publish(self, source: Source, outcomes: Sequence[Outcome]) -> Published:
            found = await super().publish(source, outcomes)
            held = Held(source="help", holder="other")
            later = here.clock.now() + HOUR
            await here.store.polls.claim(held, now=later, until=later + HOUR)
            return found

    frozen = Frozen(here.log, here.dedupe, clock=here.clock.now)
    with pytest.raises(PollNotHeld):
        await here.poller("frozen", frozen).once()
    await here.store.polls.release(Held(source="help", holder="other"))
    assert await here.poll("next") == Published(new=2, known=1)


async def test_what_does_not_fit_is_quarantined(here: Site) -> None:
    """A record that is not what the platform documents is kept with the reason, once, and hides no other."""
    session = here.says("Hello")
    here.says("Bye", session)
    conversation = here.platform.conversation(session, project="2021")
    conversation.messages[0] = replace(conversation.messages[0], content={"odd": 1})  # type: ignore[arg-type]  # odd
    assert await here.poll() == Published(new=3, quarantined=1)
    (kept,) = await here.records("quarantine")
    assert (kept.header("hookline-method"), kept.header("hookline-fields")) == (b"POLL", b"message.user_query")
    assert await here.poll() == Published()


async def test_what_is_too_large_hides_no_other(tmp_path: Path) -> None:
    """It is told of, and what follows is read."""
    async with site(tmp_path) as here:
        here.source = replace(here.source, body_limit=1_000)
        session = here.says("x" * 2_000)
        here.says("Hello", session)
        assert await here.poll() == Published(new=3, refused=1)
        assert await here.poll() == Published()


async def test_a_platform_that_fails(here: Site) -> None:
    """The round fails and says why; the next one finds everything."""
    here.says("Hello")
    here.simulator.misbehave(Fault(platform="customgpt", kind="rate_limit", route="data"))
    poller = here.poller()
    with pytest.raises(OutOfCredit):
        await poller.once()
    here.simulator.behave()
    assert await poller.once() == Published(new=3)


async def test_polling_goes_on_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """Failures are told and waited out; what was said meanwhile is found; the lease is given back at the end."""
    async with site(tmp_path, interval="10ms") as here:
        poller, stopping = here.poller(), asyncio.Event()
        here.simulator.misbehave(Fault(platform="customgpt", kind="server_error", route="data", count=50))
        running = asyncio.create_task(poller.run(stopping))
        await until(lambda: poller.standing.failures > 0)
        assert "the platform answered" in poller.standing.trouble
        await here.pass_by(10 * MINUTE)
        assert poller.stale.startswith("help: not polled for 600 s: help (customgpt): conversations: the platform")
        here.simulator.behave()
        here.says("Hello")
        await until(lambda: poller.standing.rounds > 0)
        assert (poller.stale, poller.standing.trouble) == ("", "")
        stopping.set()
        await running
        assert await here.said() == [HELLO, HI]
        assert await here.poll("next") == Published()


async def test_a_store_that_is_away_stops_the_round(here: Site) -> None:
    """Without knowing what was published, nothing is: a poll has time."""
    here.says("Hello")
    await here.dedupe.stop()

    class Away:
        async def known(self, *_: object) -> set[tuple[str, str]]:
            raise StoreUnavailable("away")

        async def remember(self, *_: object) -> None:
            raise AssertionError

    publisher = Publisher(here.log, Away(), clock=here.clock.now)
    with pytest.raises(StoreUnavailable):
        await here.poller("one", publisher).once()
    assert await here.records() == []


async def test_an_odd_number_hides_no_other(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation, or a record, of a number far above all others is heard, and so is what comes after it."""
    listed = here.client.conversation_records

    async def poisoned() -> AsyncIterator[Mapping[str, JsonValue]]:
        first = True
        async for item in listed():
            yield {**item, "id": 2**63 - 1} if first else item
            first = False

    here.says("Hello")
    here.says("I am of an odd number")
    with monkeypatch.context() as patch:
        patch.setattr(here.client, "conversation_records", poisoned)
        assert await here.poll() == Published(new=6)
        here.says("I come after it")
        assert (await here.poll() or Published()).new == 3
    here.says("And I when it is gone")
    assert (await here.poll() or Published()).new == 3


@pytest.mark.parametrize(
    ("numbers", "known", "found"),
    [
        ([2**63 - 1, 12, 11], 10, 12),
        ([2**63 - 1], None, None),
        ([2**63 - 1, None], 10, 10),
        ([2**63 - 1, 2**62, 2**61, 11], 10, 11),
        ([5 * 10**18, 4 * 10**18, 3 * 10**18, 2 * 10**18, 11], 10, 2 * 10**18),
        ([9, 8], 10, 10),
        ([1_000_010, 11], 10, 1_000_010),
        ([], None, None),
    ],
)
def test_mark_leaps_over_nothing(numbers: list[int | None], known: int | None, found: int | None) -> None:
    """A few numbers far above all others are strays; many are where the platform counts on."""
    assert highest(numbers, known) == found
