"""Runs writers on a real database one statement at a time, in an order drawn from a seed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from store.addresses import address
from store.database import Database, Work

# A writer that is not back after so many seconds waits for a lock that another one holds.
_BLOCKED = 0.01
_IN_ALL = 60.0


class Turns:
    """Whose statement runs next. Also the moment before each commit is a turn."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a seeded order, not a secret
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._moved = asyncio.Event()

    async def take(self, name: str) -> None:
        """Wait for this writer's next turn."""
        self._waiting[name] = asyncio.get_running_loop().create_future()
        self._moved.set()
        await self._waiting[name]

    async def conduct(self, writers: Mapping[str, Awaitable[Any]], look: Callable[[], Awaitable[None]]) -> list[Any]:
        """Run the writers to their ends; `look` is called between any two steps. Returns what they returned."""
        tasks = {name: asyncio.ensure_future(writer) for name, writer in writers.items()}
        for task in tasks.values():
            task.add_done_callback(lambda _: self._moved.set())
        async with asyncio.timeout(_IN_ALL):
            while not all(task.done() for task in tasks.values()):
                await self._settle(tasks)
                await look()
                if self._waiting:
                    self._waiting.pop(self._random.choice(sorted(self._waiting))).set_result(None)
        return list(await asyncio.gather(*tasks.values()))

    async def _settle(self, tasks: Mapping[str, asyncio.Future[Any]]) -> None:
        """Wait until each writer has ended, waits for its turn, or seems to wait for a lock."""
        while any(not task.done() and name not in self._waiting for name, task in tasks.items()):
            self._moved.clear()
            try:
                async with asyncio.timeout(_BLOCKED):
                    await self._moved.wait()
            except TimeoutError:
                if self._waiting:
                    return


class SteppedDatabase(Database):
    """A process's connections, whose statements wait for their turns."""

    def __init__(self, url: str, name: str, turns: Turns) -> None:
        super().__init__(address(url), deadline=timedelta(seconds=_IN_ALL))
        self._name = name
        self._turns = turns

    async def write(self, work: Work[Any], *, deadline: timedelta | None = None) -> Any:
        """As it is, stepped."""
        loop = asyncio.get_running_loop()

        async def turn() -> None:
            if self.shared:
                await self._turns.take(self._name)
            else:
                # SQLite's statements run in a thread, which waits here
                asyncio.run_coroutine_threadsafe(self._turns.take(self._name), loop).result()

        async def stepped(connection: AsyncConnection) -> Any:
            result = await work(_Stepped(connection, turn))  # type: ignore[arg-type]  # stands in
            await turn()
            return result

        await self._turns.take(self._name)
        return await super().write(stepped, deadline=deadline)


class _Stepped:
    """A connection whose `execute` waits for its turn."""

    def __init__(self, connection: AsyncConnection, turn: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._turn = turn

    async def execute(self, *args: Any) -> Any:
        await self._turn()
        return await self._connection.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
