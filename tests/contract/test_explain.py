"""What `hookline explain` is told on the admin ports of receivers, and what it makes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from cli.addresses import Address
from cli.commands.explain import missing, newest
from cli.refusals import Asked, ask, documents
from console.server import AdminServer
from receiver.diagnosis.hint import Hint
from receiver.recent import Recent
from receiver.reports import Answered

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def refused(number: int, source: str = "shop") -> Answered:
    return Answered(
        request=f"abc123-{number}",
        source=source,
        platform="stripe",
        status=401,
        outcome="unauthenticated",
        reason="signature-wrong",
        hints=(Hint("secret", "none of 9 readings fits"),),
    )


@pytest.fixture
async def role() -> AsyncIterator[Address]:
    """A receiver's admin port, with three refusals of two sources."""
    recent = Recent("abc123", lambda: NOON)
    for number, source in enumerate(("shop", "help", "shop")):
        recent(refused(number, source))
    server = AdminServer("127.0.0.1", 0, registry=CollectorRegistry(), checks={}, documents=documents(recent))
    await server.start()
    yield Address(role="receive", pid=7, receiver="http://127.0.0.1:1", admin=server.url)
    await server.stop()


async def test_a_refusal_is_told_by_its_id(role: Address) -> None:
    """With the state of the receiver, which says why another may not be."""
    asked = await asyncio.to_thread(ask, [role], request="abc123-1")
    [answer] = asked.answers
    assert (answer["receiver"], answer["kept"], answer["refusal"]["source"]) == ("abc123", 3, "help")
    [gone] = (await asyncio.to_thread(ask, [role], request="abc123-9/../1")).answers
    assert gone["refusal"] is None


async def test_the_newest_are_told(role: Address, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all sources or of one, so many as are wanted; people see why, programs all of it."""
    asked = await asyncio.to_thread(ask, [role], source="shop", limit=1)
    assert [one["request_id"] for one in asked.answers[0]["refusals"]] == ["abc123-2"]
    assert newest(asked, 5, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["hints"][0]["kind"] == "secret"
    assert newest(asked, 5, as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("401     signature-wrong  none of 9 readings fits")


async def test_a_role_that_does_not_answer_is_named() -> None:
    """The others are asked all the same; a role without a receiver is not."""
    away = Address(role="receive", pid=7, receiver="http://127.0.0.1:1", admin="http://127.0.0.1:1")
    worker = Address(role="work", pid=8, admin="http://127.0.0.1:1")
    asked = await asyncio.to_thread(ask, [away, worker])
    assert asked.answers == []
    assert [silent.partition(": ")[0] for silent in asked.silent] == ["receive, process 7"]
    no_url = Address(role="receive", pid=0, receiver="file:///etc", admin="file:///etc")
    [told] = (await asyncio.to_thread(ask, [no_url])).silent
    assert "is no address of an admin port" in told


@pytest.mark.parametrize(
    ("name", "oldest", "why"),
    [
        ("fff000-1", None, "is of another receiver, or of one that was stopped since"),
        ("abc123-1", None, "nothing was refused"),
        ("abc123-1", NOON.isoformat(), "was accepted, or refused before"),
    ],
)
def test_what_is_not_kept_is_told_with_a_reason(name: str, oldest: str | None, why: str) -> None:
    """As far as its id tells."""
    assert why in missing(Asked([{"receiver": "abc123", "oldest": oldest, "refusal": None}], []), name)
    assert missing(Asked([], []), name) == "no receiver answered"
