"""follow-up-chat against the simulated platform, with the real client: when it writes, and never twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from structlog.testing import capture_logs

from clients.account import ChatMessage
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from dispatcher.testing import Attempt, Harness, event_of
from handlers.follow_up_chat import follow_up_chat
from hookline.testing import Done, Retry
from schemas.contacts import Identity
from schemas.durations import duration
from schemas.events import ContactRef, ConversationCompleted, MessageCreated
from schemas.own import TAG, fingerprint
from simulator import Fault, ManualClock, Simulator
from simulator.faults import Kind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = "Did that answer your question, Ada?"
CONFIG: dict[str, Any] = {"message": "Did that answer your question, {name}?", "after": "10m"}
ADA = ContactRef(id="ada", name="Ada")


@dataclass
class Scene:
    """A conversation that a visitor began, and the handler that watches it."""

    simulator: Simulator
    client: MyGPTAssistants
    harness: Harness
    conversation: str
    clock: ManualClock

    async def history(self) -> list[tuple[str, str]]:
        return [(message.role, message.content) async for message in self.client.history(self.conversation)]

    async def ours(self) -> int:
        """How often our text stands in the conversation."""
        return sum(content == TEXT for _, content in await self.history())

    async def tell(self, back: int = 1) -> Attempt:
        """Give the handler the event of a message of the history, counted from the end."""
        messages = [message async for message in self.client.history(self.conversation)]
        told = messages[-back]
        data = MessageCreated.model_validate(
            {
                "message_id": told.id,
                "conversation_id": self.conversation,
                "role": told.role,
                "content": told.content,
                "contact": ADA,
            }
        )
        return await self.harness.run_once(event_of(data, time=self.harness.clock.now()))

    async def silence(self, by: str = "11m") -> list[Attempt]:
        """Let time pass, here and at the platform, and timers fire."""
        await self.clock.advance(duration(by).total_seconds())
        return list(await self.harness.advance(by))


@asynccontextmanager
async def scene(**config: Any) -> AsyncIterator[Scene]:
    clock = ManualClock(NOON)
    async with Simulator(clock=clock, seed=1, limits=False) as simulator:
        values = {
            "platform": "mygptassistants",
            "api_key": "mga_key",
            "bot_id": "bot_1",
            "base_url": simulator.base_url(),
            "allow_private": True,
            "timeouts": {"connect": "1s", "total": "1s", "deadline": "1s"},
        }
        settings = MyGPTAssistantsSettings.model_validate(values)
        async with (
            MyGPTAssistants("support", settings) as client,
            Harness.opened(follow_up_chat, config={**CONFIG, **config}, account=client, now=NOON) as harness,
        ):
            begun = await client.send(None, "When do you open?")
            assert begun.conversation_id is not None
            made = Scene(simulator, client, harness, begun.conversation_id, clock)
            await made.tell(2)
            await made.tell(1)
            yield made


@pytest.fixture
async def asked() -> AsyncIterator[Scene]:
    """The visitor asked, the assistant answered, and the handler was told."""
    async with scene() as made:
        yield made


async def test_it_writes_once_after_the_silence(asked: Scene) -> None:
    """With the contact's name and our tag, and the platform's bot answers it."""
    assert await asked.silence("9m") == []
    [attempt] = await asked.silence("2m")
    assert attempt.outcome == Done()
    assert (await asked.history())[2] == ("user", TEXT)
    received = asked.simulator.received[-1]
    assert (received.content, received.metadata) == (TEXT, {TAG: fingerprint(TEXT)})


async def test_it_does_not_answer_itself() -> None:
    """Our message and the bot's answer to it come back as events: nobody is written to again, whatever the limit."""
    async with scene(limit=9) as asked:
        await asked.silence()
        assert (await asked.tell(2)).timers == {}
        assert (await asked.tell(1)).timers != {}
        [attempt] = await asked.silence()
        assert attempt.outcome == Done()
        assert await asked.ours() == 1


async def test_a_visitor_who_answers_is_left_in_peace(asked: Scene) -> None:
    """Their message cancels the timer."""
    await asked.client.send(asked.conversation, "Thank you")
    await asked.tell(2)
    assert await asked.silence() == []


async def test_a_visitor_who_answered_unseen_is_left_in_peace(asked: Scene) -> None:
    """Their message stands in the platform's history, and its event has not come yet."""
    await asked.client.send(asked.conversation, "Thank you")
    [attempt] = await asked.silence()
    assert attempt.outcome == Done()
    assert await asked.ours() == 0


async def test_a_crash_after_sending_does_not_send_twice(asked: Scene) -> None:
    """The message was sent and nobody wrote it down: the next attempt finds it in the history."""

    class Crash(BaseException):
        pass

    async def crash(*args: object, **more: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked.harness.store.effects, "finish", crash)
        [attempt] = await asked.silence()
    assert isinstance(attempt.outcome, Retry)
    assert await asked.ours() == 1
    await asked.harness.restart()
    [attempt] = await asked.silence("1s")
    assert attempt.outcome == Done()
    assert await asked.ours() == 1


@pytest.mark.parametrize("kind", ["reset", "garbage", "flood", "server_error", "rate_limit"])
async def test_a_send_whose_answer_says_nothing_is_not_sent_twice(asked: Scene, kind: Kind) -> None:
    """The platform took the message, and its answer was lost, unreadable, endless or wrong: the retry finds it."""
    send = asked.client.send

    async def failing(*args: Any, **more: Any) -> Any:
        asked.simulator.misbehave(Fault(kind=kind, route="chat", when="after"))
        return await send(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked.client, "send", failing)
        [first] = await asked.silence()
    assert isinstance(first.outcome, Retry)
    assert await asked.ours() == 1
    await asked.harness.restart()
    [second] = await asked.silence("1s")
    assert second.outcome == Done()
    assert await asked.ours() == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_message_that_is_not_shown_is_waited_for(asked: Scene, when: Literal["before", "after"]) -> None:
    """The answer was lost and the history does not have it: it may show late, and is sent again only afterwards."""
    asked.simulator.misbehave(Fault(kind="reset", route="chat", when=when))
    [first] = await asked.silence()
    assert isinstance(first.outcome, Retry)
    history = asked.client.history

    async def late(conversation: str) -> AsyncIterator[ChatMessage]:
        async for message in history(conversation):
            if message.content != TEXT:
                yield message

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked.client, "history", late)
        await asked.harness.restart()
        [waits] = await asked.silence("1s")
    assert isinstance(waits.outcome, Retry)
    assert (waits.outcome.after, waits.outcome.counts) == (timedelta(seconds=119), False)
    await asked.harness.restart()
    [again] = await asked.silence("2m")
    assert (again.outcome, await asked.ours()) == (Done(), 1)


async def test_a_429_to_a_message_that_was_taken_does_not_send_twice() -> None:
    """Not even when the visitor answered it before the retry."""
    async with scene(when=["completed"]) as made:
        completed = ConversationCompleted(conversation_id=made.conversation, contact=ADA)
        await made.harness.run_once(event_of(completed, time=made.harness.clock.now()))
        send = made.client.send

        async def counted_late(*args: Any, **more: Any) -> Any:
            made.simulator.misbehave(Fault(kind="rate_limit", route="chat", when="after"))
            return await send(*args, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(made.client, "send", counted_late)
            [first] = await made.silence()
        assert isinstance(first.outcome, Retry)
        await made.client.send(made.conversation, "Yes, thank you")
        await made.harness.restart()
        [second] = await made.silence("1s")
        assert second.outcome == Done()
        assert await made.ours() == 1


async def test_a_contact_has_a_limit_a_day() -> None:
    """Over all conversations: the second one is not written to."""
    async with scene() as made:
        await made.harness.store.contacts.save(
            Identity(source="support", platform="mygptassistants", id="ada"),
            at=made.harness.clock.now(),
            now=made.harness.clock.now(),
            name="Ada",
        )
        await made.silence()
        assert await made.ours() == 1
        second = await made.client.send(None, "And on Sundays?")
        assert second.conversation_id is not None
        other = Scene(made.simulator, made.client, made.harness, second.conversation_id, made.clock)
        await other.tell(1)
        [attempt] = await other.silence()
        assert attempt.outcome == Done()
        assert await other.ours() == 0


async def test_quiet_hours_put_it_off() -> None:
    """It waits until they end, and is sent then."""
    async with scene(quiet="11:00-15:00") as made:
        with capture_logs() as logged:
            [attempt] = await made.silence()
            assert attempt.timers == {"follow-up": NOON + timedelta(hours=3)}
            assert await made.ours() == 0
            [sent] = await made.silence("3h")
        assert sent.outcome == Done()
        assert await made.ours() == 1
    assert [each["event"] for each in logged if each["log_level"] == "info"] == ["followup.skipped", "followup.sent"]


async def test_a_timer_that_comes_much_too_late_does_nothing(asked: Scene) -> None:
    """After a downtime of hours nobody is asked about this morning."""
    [attempt] = await asked.silence("3h")
    assert attempt.outcome == Done()
    assert await asked.ours() == 0


async def test_a_platform_that_forgot_is_no_reason_to_die() -> None:
    """A simulator that was started anew under timers that wait, as the second `hookline dev` is."""
    async with scene() as made:
        await made.simulator.world.reset(webhooks=True)
        [attempt] = await made.silence()
        assert attempt.outcome == Done()


@pytest.mark.parametrize(
    ("message", "sent"),
    [({}, 1), ({"message_id": "forged"}, 0), ({"role": "assistant", "message_id": "the question"}, 0)],
)
async def test_a_hint_is_looked_up_before_it_is_acted_on(message: dict[str, str], sent: int) -> None:
    """The platform must show the message that set the timer, and it must be one that asks for a follow-up."""
    async with scene() as made:
        history = [one async for one in made.client.history(made.conversation)]
        told = {"message_id": history[1].id, "role": "assistant", "content": "x"} | message
        if told["message_id"] == "the question":
            told["message_id"] = history[0].id
        data = MessageCreated.model_validate({"conversation_id": made.conversation, "contact": ADA, **told})
        event = event_of(data, identity="hint", time=NOON + timedelta(seconds=1), unconfirmed=True)
        await made.harness.run_once(event)
        [attempt] = await made.silence()
        assert attempt.outcome == Done()
        assert sum("Did that answer" in content for _, content in await made.history()) == sent


async def test_a_name_in_a_hint_is_not_used() -> None:
    """It would stand in our message; where the platform cannot be asked who it is, nobody is named."""
    async with scene() as made:
        history = [one async for one in made.client.history(made.conversation)]
        data = MessageCreated(
            message_id=history[1].id, conversation_id=made.conversation, role="assistant", content="x", contact=ADA
        )
        await made.harness.run_once(event_of(data, identity="hint", unconfirmed=True))
        await made.silence()
        assert (await made.history())[2] == ("user", "Did that answer your question, there?")
