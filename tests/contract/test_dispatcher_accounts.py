"""The account an attempt calls its platform with."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from clients.account import Account, Sent
from clients.errors import ClientError
from dispatcher.outcome import Dead
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import Rig, message, on_sqlite


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


class Telephone(Account):
    """An account whose only gift is to be there."""

    platform = "telephone"

    async def send(self, conversation_id: str | None, text: str, **more: Any) -> Sent:  # noqa: ARG002 - nobody is home
        raise ClientError("nobody is home")

    async def aclose(self) -> None: ...


class Telegraph(Telephone):
    platform = "telegraph"


async def test_the_account_is_that_of_the_source(rig: Rig) -> None:
    """By default; a name chooses another one."""
    rig.accounts = {"desk": Telephone("desk"), "attic": Telegraph("attic")}
    rig.account_of = {"support": "desk"}
    given: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        given.append(ctx.account().name)
        given.append(ctx.account("attic", platform=Telegraph).name)

    await rig.append(message(0))
    await rig.settle(h)
    assert given == ["desk", "attic"]


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda ctx: ctx.account("cellar"), "there is no account 'cellar'"),
        (lambda ctx: ctx.account("desk", platform=Telegraph), "the account 'desk' is of telephone, not of telegraph"),
        (lambda ctx: ctx.account(), "the source 'support' has no account"),
    ],
)
async def test_an_account_that_is_not_there_is_dead(rig: Rig, ask: Callable[[Any], Any], why: str) -> None:
    """No attempt could ever succeed; the reason says what to configure."""
    rig.accounts = {"desk": Telephone("desk")}

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        ask(ctx)

    await rig.append(message(0))
    await rig.settle(h)
    [ended] = rig.attempts
    assert isinstance(ended.outcome, Dead)
    assert (ended.outcome.reason, why in ended.outcome.detail) == ("rejected", True)
