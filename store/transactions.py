"""What a database runs for a call: statements on a connection, in a transaction that may be run again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.foreign import FOREIGN, driver_error, is_repeatable, translate

T = TypeVar("T")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[T]]
"""The statements of one call. They wait for nothing but the database, and may run more than once, in any thread."""

_TRIES = 3
_PAUSE = 0.001


class Collision(Exception):
    """Raised by `work` when somebody else was faster: the transaction is rolled back and run again."""


@dataclass(slots=True)
class Progress:
    """How far a transaction came."""

    begun: bool = False
    # Nobody knows whether it is committed when it fails from here on.
    sent: bool = False


class Connections(Protocol):
    """The connections of a process to one database. What fails raises StoreError."""

    async def read(self, work: Work[T]) -> T:
        """Run statements that change nothing."""

    async def column(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """The first column of one statement that changes nothing; the shortest way there is."""

    async def write(self, work: Work[T]) -> T:
        """Run a transaction."""

    async def close(self) -> None:
        """Close all; nothing is under way."""

    def doubt(self) -> None:
        """A deadline was missed: connections may be dead without anybody having told us."""


async def until_written(transact: Callable[[Progress], Awaitable[T]], shown: str) -> T:
    """Run a transaction, again when it collided with another or its connection was dead.

    Args:
        transact: runs it once, and says how far it came.
        shown: the database's address without its password.

    Raises:
        StoreError: it failed.
    """
    collisions = failures = 0
    while True:
        progress = Progress()
        try:
            return await transact(progress)
        except Collision:
            # Somebody else won each time, so this ends; the deadline ends it in any case.
            collisions += 1
            await asyncio.sleep(_PAUSE * collisions)
        except FOREIGN as error:
            # Once the commit was sent nobody knows; before, nothing has happened.
            failures += 1
            if progress.sent or failures == _TRIES or not is_repeatable(error):
                raise translate(error, shown) from driver_error(error)
