"""What an attempt leaves behind: published events, and dead letters byte for byte."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from dispatcher.outcome import Dead, Done
from eventlog.errors import LogUnavailable, RecordRefused
from eventlog.log import Appending
from handlers.api import Context, GiveUp, handler
from schemas.envelope import decode, encode
from schemas.events import ConversationCompleted, Event, MessageCreated, Timer, WorkflowFinished
from schemas.ids import published_id
from schemas.record import Record, StoredRecord
from tests.contract.dispatchers import Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs

SECRET = "visitor@example.org"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path) as made:
        yield made


@handler("gives-up", on=MessageCreated)
async def gives_up(event: Event[MessageCreated], ctx: Context) -> None:
    raise GiveUp("no such plan")


@handler("fails", on=MessageCreated)
async def fails(event: Event[MessageCreated], ctx: Context) -> None:
    raise ValueError(event.data.content)


@handler("publishes", on=MessageCreated)
async def publishes(event: Event[MessageCreated], ctx: Context) -> None:
    await ctx.publish(WorkflowFinished(workflow_run_id="w1"), key="w1")
    await ctx.publish(WorkflowFinished(workflow_run_id="w2"), key="w2")


def ours(record: StoredRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers if name.startswith(("__dlq", "x-dlq"))}


class Log:
    """The event log, but for what it does with some records."""

    def __init__(self, rig: Rig, topic: str) -> None:
        self._log = rig.log
        self._topic = topic
        # Which records of the topic it refuses for ever.
        self.refuses: Callable[[Record], bool] = lambda _: False
        # Appends to the topic that fail as if the log were away.
        self.failures = 0
        self.tried: list[Record] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def append(self, record: Record, *, partition: int | None = None) -> Appending:
        if record.topic == self._topic:
            self.tried.append(record)
            if self.refuses(record):
                raise RecordRefused("too large", topic=record.topic)
            if self.failures:
                self.failures -= 1
                raise LogUnavailable("away")
        return self._log.append(record, partition=partition)


async def test_a_dead_letter_is_the_record_byte_for_byte(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: key, value, timestamp and headers are what they were, and ours stand behind them."""
    async with on_any(eventlog, tmp_path) as rig:
        sent = encode(message(0, content=SECRET), rig.conversations)
        odd = replace(sent, headers=(*sent.headers, ("x", b"\x00\xff"), ("x", b"")), value=(sent.value or b"") + b"\n ")
        offset = await rig.log.append(odd).offset()
        await rig.settle(gives_up)
        [letter] = await rig.records("dead")
        [original] = await rig.records("conversations")
        prefix, identity = rig.topics.prefix, await rig.log.identity()
    assert (letter.key, letter.value, letter.timestamp) == (odd.key, odd.value, odd.timestamp)
    assert letter.headers[: len(odd.headers)] == odd.headers
    told = ours(letter)
    assert datetime.fromisoformat(told.pop("x-dlq-failed-at")) >= datetime.fromisoformat(
        told.pop("x-dlq-first-failed-at")
    )
    assert told.pop("x-dlq-traceback").endswith("handlers.api.GiveUp\n")
    assert told == {
        "__dlq.errors.topic": f"{prefix}conversations",
        "__dlq.errors.partition": str(original.partition),
        "__dlq.errors.offset": str(offset),
        "__dlq.errors.group": f"{prefix}gives-up",
        "__dlq.errors.delivery.count": "1",
        "__dlq.errors.message": "no such plan",
        "x-dlq-log": identity,
        "x-dlq-handler": "gives-up",
        "x-dlq-reason": "rejected",
        "x-dlq-attempts": "1",
        "x-dlq-app-version": "1.2.3",
        "x-dlq-exception": "handlers.api.GiveUp",
    }


async def test_a_dead_letter_tells_nothing_of_the_payload(rig: Rig) -> None:
    """A handler that puts the visitor's text into its error does not put it into the headers."""
    await rig.append(message(0, content=SECRET))
    await rig.settle(fails)
    [letter] = await rig.records("dead")
    told = ours(letter)
    assert SECRET not in " ".join(told.values())
    assert (told["x-dlq-reason"], told["x-dlq-attempts"], told["x-dlq-exception"]) == (
        "exhausted",
        "3",
        "builtins.ValueError",
    )
    assert "raise ValueError(event.data.content)" in told["x-dlq-traceback"]


async def test_a_record_that_cannot_be_read_is_dead(rig: Rig) -> None:
    """An event whose value does not fit its type is kept for people, and holds nothing up."""
    broken = replace(encode(message(0), rig.conversations), value=b'{"message_id": 5')
    await rig.log.append(broken).offset()
    await rig.append(message(1))
    await rig.settle(publishes)
    [letter] = await rig.records("dead")
    assert letter.value == b'{"message_id": 5'
    assert ours(letter)["x-dlq-reason"] == "undecodable"
    assert [type(each.outcome) for each in rig.attempts] == [Dead, Done]


async def test_a_dead_letter_too_large_loses_its_traceback(rig: Rig) -> None:
    """The event matters more than the story of its death."""
    log = Log(rig, rig.topics.name("dead"))
    log.refuses = lambda record: record.header("x-dlq-traceback") is not None
    await rig.append(message(0))
    await rig.settle(fails, log=log)
    [letter] = await rig.records("dead")
    assert "x-dlq-traceback" not in ours(letter)
    assert ours(letter)["x-dlq-reason"] == "exhausted"


async def test_a_dead_letter_that_cannot_be_kept_stops_the_handler(rig: Rig) -> None:
    """Nothing is dropped: the handler stops at the event and says why."""
    log = Log(rig, rig.topics.name("dead"))
    log.refuses = lambda _: True
    await rig.append(message(0))
    async with rig.running(gives_up, log=log) as dispatcher:
        await until(lambda: bool(dispatcher.states()["gives-up"].reason), "it stops")
        assert dispatcher.states()["gives-up"].reason == "a dead letter cannot be kept: too large"
    assert {commit.offset for commit in (await rig.committed("gives-up")).values() if commit} == {0}


async def test_an_event_is_dead_only_when_the_log_says_so(rig: Rig) -> None:
    """While the log is away the event is unsettled; the handler is not run again for that."""
    log = Log(rig, rig.topics.name("dead"))
    log.failures = 2
    await rig.append(message(0))
    await rig.settle(gives_up, log=log)
    assert len(log.tried) == 3
    assert len(rig.attempts) == 1
    assert len(await rig.records("dead")) == 1


async def test_what_a_handler_publishes_is_an_event_of_its_own(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: it has an id that every retry would give, names its cause and its handler."""
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(cause := message(0))
        await rig.settle(publishes)
        found = sorted((decode(record) for record in await rig.records("platform")), key=lambda event: event.key)
    assert [event.id for event in found] == [
        published_id("publishes", "support/message.created:m0", "workflow.finished", n) for n in (0, 1)
    ]
    first = found[0]
    assert (first.source, first.origin, first.cause, first.platform) == (
        "publishes",
        "handler",
        cause.id,
        "mygptassistants",
    )
    assert (first.key, first.data) == ("w1", WorkflowFinished(workflow_run_id="w1"))


async def test_a_failed_attempt_publishes_nothing(rig: Rig) -> None:
    """What an attempt wished comes true when it is done, and once."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.publish(WorkflowFinished(workflow_run_id=f"attempt {ctx.attempt}"), key="w")
        if ctx.attempt < 3:
            raise ValueError

    await rig.append(message(0))
    await rig.settle(h)
    [event] = [decode(record) for record in await rig.records("platform")]
    assert event.data == WorkflowFinished(workflow_run_id="attempt 3")


async def test_an_event_is_settled_after_what_it_published_is_durable(rig: Rig) -> None:
    """While the log refuses to take it the event stays unsettled; the handler is not run again for that."""
    log = Log(rig, rig.topics.name("platform"))
    log.failures = 3
    await rig.append(message(0))
    await rig.settle(publishes, log=log)
    assert len(rig.attempts) == 1
    assert len(await rig.records("platform")) == 2


async def test_publishing_what_the_log_never_takes_is_dead(rig: Rig) -> None:
    """A record that is too large does not hold its lane for ever."""
    log = Log(rig, rig.topics.name("platform"))
    log.refuses = lambda _: True
    await rig.append(message(0))
    await rig.settle(publishes, log=log)
    [letter] = await rig.records("dead")
    assert ours(letter)["x-dlq-reason"] == "oversize"


async def test_a_handler_is_never_given_what_it_published(rig: Rig) -> None:
    """A loop of one is impossible; another handler is given it."""

    @handler("loops", on=MessageCreated)
    async def loops(event: Event[MessageCreated], ctx: Context) -> None:
        data = event.data.model_copy(update={"message_id": f"{event.data.message_id}+", "role": "assistant"})
        await ctx.publish(data, key=event.key)

    @handler("other", on=MessageCreated)
    async def other(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.append(message(0))
    await rig.settle(loops)
    await rig.settle(other)
    assert [each.entry for each in rig.attempts] == ["loops", "other", "other"]


@pytest.mark.parametrize(("count", "size"), [(1_001, 0), (9, 1024 * 1024)])
async def test_a_flood_is_dead_before_it_is_published(rig: Rig, count: int, size: int) -> None:
    """A loop gone wrong fills neither the memory nor the topic."""

    @handler("floods", on=MessageCreated)
    async def floods(event: Event[MessageCreated], ctx: Context) -> None:
        for number in range(count):
            await ctx.publish(WorkflowFinished(workflow_run_id=f"{number}" + "x" * size), key="k")

    await rig.append(message(0))
    await rig.settle(floods)
    [attempt] = rig.attempts
    assert isinstance(attempt.outcome, Dead)
    assert (attempt.outcome.reason, attempt.outcome.detail[:40]) == (
        "rejected",
        "it published more than 1,000 events, or ",
    )
    assert await rig.records("platform") == []


async def test_timers_are_bounded_by_their_names(rig: Rig) -> None:
    """Moving one timer a thousand times is one wish; a thousand timers and one more are a flood."""

    @handler("sets", on=(MessageCreated, Timer))
    async def sets(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        for number in range(1_001):
            await ctx.schedule("same" if event.key == "c1" else f"t{number}", after="1d")

    await rig.append(message(0), message(1, key="c2"))
    await rig.settle(sets)
    outcomes = {each.event_id: each.outcome for each in rig.attempts}
    assert outcomes["message.created:m0"] == Done()
    assert isinstance(outcomes["message.created:m1"], Dead)


async def test_a_plugin_cannot_log_in_anothers_name(rig: Rig) -> None:
    """Fields that are called as ours keep their values under another name."""

    @handler("logs", on=MessageCreated)
    async def logs(event: Event[MessageCreated], ctx: Context) -> None:
        ctx.log.bind(source="theirs").info("visitor.seen", handler="other", event_id="x", more=1)

    await rig.append(message(0))
    with structlog.testing.capture_logs() as lines:
        await rig.settle(logs)
    [line] = [each for each in lines if each["event"] == "visitor.seen"]
    assert (line["handler"], line["event_id"], line["source"]) == ("logs", "message.created:m0", "support")
    assert (line["plugin_handler"], line["plugin_event_id"], line["plugin_source"]) == ("other", "x", "theirs")
    assert line["more"] == 1


async def test_only_events_with_a_topic_can_be_published(rig: Rig) -> None:
    """A timer is no event of the log: the author is told at the call."""
    errors: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        try:
            await ctx.publish(Timer(name="x", due=ctx.now), key="k")
        except RuntimeError as error:
            errors.append(str(error))
        await ctx.publish(ConversationCompleted(conversation_id="c1"), key="c1")

    await rig.append(message(0))
    await rig.settle(quick(h))
    assert errors == ["Timer is no canonical event and has no topic: it cannot be published"]
