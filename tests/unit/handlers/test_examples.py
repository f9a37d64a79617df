"""The example does what it says, run with the test kit a plugin author has."""

from datetime import timedelta
from typing import Any

from examples.how_did_it_go import how_did_it_go
from hookline import Account, MessageCreated
from hookline.clients import Sent
from hookline.testing import NOW, Done, Harness, event_of


class Telephone(Account):
    platform = "telephone"

    def __init__(self) -> None:
        super().__init__("desk")
        self.sent: list[tuple[str | None, str]] = []

    async def send(self, conversation_id: str | None, text: str, **more: Any) -> Sent:  # noqa: ARG002 - metadata is not shown
        self.sent.append((conversation_id, text))
        return Sent()

    async def aclose(self) -> None: ...


def said(number: int, role: Any = "user", *, minutes: int = 0) -> Any:
    data = MessageCreated(message_id=f"m{number}", conversation_id="c1", role=role, content="Hello")
    return event_of(data, time=NOW + timedelta(minutes=minutes))


async def test_it_asks_once_ten_minutes_after_the_last_message() -> None:
    """A second message moves the question, an answer of the assistant does not."""
    desk = Telephone()
    async with Harness.opened(how_did_it_go, account=desk) as harness:
        await harness.run_once(said(1))
        await harness.run_once(said(2, minutes=6))
        await harness.run_once(said(3, "assistant", minutes=7))
        assert await harness.advance("11m") == []
        [attempt] = await harness.advance("5m")
        assert await harness.advance("1h") == []
    assert attempt.outcome == Done()
    assert desk.sent == [("c1", "How did it go?")]
