"""follow-up-chat on CustomGPT.ai: a simulated platform that tells a history page by page, and the real client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from clients.account import ChatMessage
from clients.customgpt import CustomGPT
from clients.errors import PlatformDown
from dispatcher.testing import Harness, event_of
from handlers.follow_up_chat import follow_up_chat
from hookline.testing import Done, Retry
from schemas.events import MessageCreated
from simulator import Fault, ManualClock, Simulator
from tests.contract.customgpt_wire import open_client
from tests.contract.scenes import QUICK

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = "Did that answer your question?"
# More than a page, which holds ten.
QUESTIONS = 12


class Scene:
    """A long conversation, and the handler that was told of its last answer."""

    def __init__(self, simulator: Simulator, clock: ManualClock, client: CustomGPT, harness: Harness) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client
        self.harness = harness
        self.conversation = ""

    async def begin(self) -> None:
        """Let the visitor speak, and tell the handler of the last answer."""
        platform = self.simulator.world.platform("customgpt")
        for number in range(QUESTIONS):
            known = self.conversation or None
            self.conversation = platform.visitor_says(f"And {number}?", conversation_id=known, metadata={}, bot_id=None)
            await self.clock.advance(1)
        newest = (await self.history())[-1]
        data = MessageCreated(
            message_id=newest.id, conversation_id=self.conversation, role="assistant", content=newest.content
        )
        await self.harness.run_once(event_of(data, time=NOON))

    async def history(self) -> list[ChatMessage]:
        return [message async for message in self.client.history(self.conversation)]

    async def ours(self) -> int:
        """How often our text stands in the conversation."""
        return sum(message.content == TEXT for message in await self.history())

    async def silence(self) -> None:
        """Time passes, and the answer to what is sent is lost."""
        await self.clock.advance(timedelta(minutes=11).total_seconds())
        self.simulator.misbehave(Fault(kind="server_error", route="chat", when="after"))
        [attempt] = await self.harness.advance("11m")
        assert isinstance(attempt.outcome, Retry)


@pytest.fixture
async def asked() -> AsyncIterator[Scene]:
    """A scene in which everything was told."""
    clock = ManualClock(NOON)
    async with (
        Simulator(clock=clock, seed=1, limits=False) as simulator,
        open_client(simulator.base_url("customgpt"), timeouts=QUICK, mark_own=True) as client,
        Harness.opened(follow_up_chat, config={"message": TEXT, "after": "10m"}, account=client, now=NOON) as harness,
    ):
        made = Scene(simulator, clock, client, harness)
        await made.begin()
        yield made


async def test_lost_answer_does_not_send_twice(asked: Scene) -> None:
    """The message stands on the second page of the history, and the next attempt finds it there."""
    await asked.silence()
    await asked.harness.restart()
    [again] = await asked.harness.advance("1s")
    assert (again.outcome, await asked.ours()) == (Done(), 1)


async def test_a_page_that_cannot_be_read_proves_nothing(asked: Scene) -> None:
    """The platform goes away between two pages: the history is read again later, and nothing is sent."""
    await asked.silence()
    asked.simulator.misbehave(Fault(kind="server_error", route="data", count=None))
    await asked.harness.restart()
    [away] = await asked.harness.advance("1s")
    assert isinstance(away.error, PlatformDown)
    asked.simulator.behave()
    await asked.harness.restart()
    [again] = await asked.harness.advance("1s")
    assert (again.outcome, await asked.ours()) == (Done(), 1)
