"""Results of effects: an attempt is given what a later one reads; what cannot be kept is refused, and happened."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from dispatcher.outcome import Dead
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import Rig, message, on_sqlite


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


class Answer(BaseModel):
    """As platforms call their fields."""

    message_id: str = Field(alias="messageId")
    state: str = Field("sent", serialization_alias="State")
    price: float | None = None


def circular() -> list[Any]:
    """A value inside itself."""
    made: list[Any] = []
    made.append(made)
    return made


def deep(depth: int) -> list[Any]:
    """A value inside a value, so many times."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


async def given(rig: Rig, result: Any, returns: Any) -> tuple[int, list[Any]]:
    """How often the effect happened, and what three attempts were given."""
    done, results = [], []

    async def effect() -> Any:
        done.append(1)
        return result

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        results.append(await ctx.once("send", effect, returns=returns))
        raise ValueError

    await rig.append(message(0))
    await rig.settle(h)
    return len(done), results


@pytest.mark.parametrize(
    ("result", "returns"),
    [
        (math.nan, float),
        ([math.inf], Any),
        (Answer(messageId="1", price=math.nan), Answer),
        (circular(), Any),
        (deep(5_000), Any),
        (deep(240), Any),
        ("\ud800", str),
        (object(), Any),
        ("1", int),
    ],
    ids=range(9),
)
async def test_a_result_that_cannot_be_kept_is_refused(rig: Rig, result: Any, returns: Any) -> None:
    """By every attempt alike; the effect happened, so it is neither repeated nor uncertain."""
    assert await given(rig, result, returns) == (1, [])
    last = rig.attempts[-1].outcome
    assert isinstance(last, Dead)
    assert last.reason == "exhausted"
    assert "the effect 'send' happened and is not repeated, but its result cannot be kept" in last.detail


@pytest.mark.parametrize(
    ("result", "returns", "read"),
    [
        ((1, "a\0b"), Any, [1, "a\0b"]),
        ("", str, ""),
        (None, Any, None),
        (Answer(messageId="1"), Answer, Answer(messageId="1")),
        (Answer(messageId="1"), Any, {"message_id": "1", "state": "sent", "price": None}),
    ],
    ids=range(5),
)
async def test_every_attempt_is_given_the_same_result(rig: Rig, result: Any, returns: Any, read: Any) -> None:
    """The first one too is given what JSON makes of it."""
    assert await given(rig, result, returns) == (1, [read] * 3)
