"""`ctx.once`: an outside effect of an event happens once, across retries and crashes.

A row says that the effect was begun, then it runs, then the row gets its result. When a row was begun and has no
result, only a probe can tell what happened; without one, or if it cannot tell, the event is dead with reason
`uncertain`. That it finds nothing is believed when the effect has had the time to show.

An attempt lasts until its effects have ended, whoever runs them: none goes on beside a later attempt.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from clients.errors import ClientError
from dispatcher.attempt import leaves, strangers_code
from dispatcher.away import is_away, never_connected
from dispatcher.clock import Clock
from dispatcher.errors import ContextMisused, EffectNotShown, EffectUncertain, describe
from handlers.api import GiveUp, RetryLater, Unavailable
from schemas.record import TopicPartition
from store.effects import EffectKey, Effects, Finished, Fresh
from store.errors import StoreUnavailable
from store.owners import Epoch

_NOTHING = "null"
# Kept in a result's stead: the effect happened, and what came of it cannot be read again.
_LOST = ""
# Between tries to write down what has happened, in seconds.
_REWRITE = (0.1, 0.5, 2.0)

Effect = Callable[[], Awaitable[Any]]


@dataclass(slots=True, kw_only=True)
class Once:
    """The effects of one attempt at one event."""

    effects: Effects
    handler: str
    source: str
    event_id: str
    at: TopicPartition
    epoch: Epoch
    clock: Clock
    # Results that the store could not be told yet; they outlive the attempt.
    known: dict[str, str] = field(default_factory=dict)
    # Those that were begun and whose end is not known; so do they.
    begun: set[str] = field(default_factory=set)
    # The effects under way, and the tasks that run them.
    _tasks: dict[str, asyncio.Task[Any] | None] = field(default_factory=dict)
    # Set when one ended.
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(
        self,
        name: str,
        effect: Effect,
        *,
        returns: Any = None,
        probe: Effect | None = None,
        shows_within: timedelta = timedelta(),
    ) -> Any:
        """Run an effect unless it is known to have happened, and return its result.

        Raises:
            ContextMisused: the effect cannot be called, or runs already, and was not begun; or it happened, and its
                result cannot be kept.
            EffectNotShown: nothing is found of it yet.
            EffectUncertain: nobody can tell whether it happened.
            StoreUnavailable: the effect was not begun.
            NotOwned: the partition has another owner; the effect was not begun, or nobody was told of its result.
        """
        for given in filter(None, (effect, probe)):
            _require_callable(name, given)
        adapter: TypeAdapter[Any] | None = None if returns is None else TypeAdapter(returns)
        key = EffectKey(handler=self.handler, source=self.source, event_id=self.event_id, name=name)
        with self._under_way(name):
            if name in self.known:
                await self._finish(key, self.known[name])
                return _read(name, adapter, self.known[name])
            began = await self.effects.begin(key, at=self.at, epoch=self.epoch, now=self.clock.now())
            if isinstance(began, Finished):
                return _read(name, adapter, began.result_json)
            self.begun.add(name)
            if not isinstance(began, Fresh):
                found = await self._probe(name, probe, began.begun_at)
                if found is not None:
                    return await self._keep(key, adapter, found)
                await self._begin_anew(key, began.begun_at + shows_within)
            return await self._keep(key, adapter, await self._run(key, effect, probed=probe is not None))

    @property
    def others(self) -> list[asyncio.Task[Any]]:
        """The tasks, beside the current one, that run effects."""
        current = asyncio.current_task()
        return [task for task in self._tasks.values() if task is not None and task is not current and not task.done()]

    async def end(self, within: float) -> None:
        """Wait until no other task runs an effect; those that do after so many seconds are cancelled.

        What is cancelled is uncertain, as after a timeout. One that does not end then keeps its attempt from ending.
        """
        try:
            if within > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(within):
                        await self._idle()
        finally:
            for task in self.others:
                task.cancel()
            await self._idle()

    async def _idle(self) -> None:
        while self.others:
            self._ended.clear()
            await self._ended.wait()

    @contextlib.contextmanager
    def _under_way(self, name: str) -> Iterator[None]:
        if name in self._tasks:
            raise ContextMisused(
                f"ctx.once({name!r}, …) was called while an effect of that name was under way: await the first call, "
                "or name the effects apart"
            )
        self._tasks[name] = asyncio.current_task()
        try:
            yield
        finally:
            del self._tasks[name]
            self._ended.set()

    async def _run(self, key: EffectKey, effect: Effect, *, probed: bool) -> Any:
        with strangers_code() as caught:
            awaitable = effect()
            if not inspect.isawaitable(awaitable):
                # what it did before it returned is done: a client that blocks has sent by now
                raise ContextMisused(f"it returned a {type(awaitable).__name__} instead of something to await")
            return await awaitable
        error = caught.error
        if error is None:
            raise AssertionError("unreachable: the effect neither returned nor raised")
        if proves_nothing_happened(error):
            await self._write(lambda: self.effects.forget(key, at=self.at, epoch=self.epoch))
            self.begun.discard(key.name)
        elif not probed:
            raise EffectUncertain(key.name, f"it failed with {describe(error)}, and it has no probe") from error
        raise error

    async def _probe(self, name: str, probe: Effect | None, begun_at: datetime) -> Any:
        if probe is None:
            why = (
                f"an attempt began it at {begun_at:%Y-%m-%d %H:%M:%S} UTC and did not see its end, and it has no probe"
            )
            raise EffectUncertain(name, why)
        with strangers_code() as caught:
            return await probe()
        error = caught.error
        if error is None:
            raise AssertionError("unreachable: the probe neither returned nor raised")
        if all(map(_may_tell_later, leaves(error))):
            raise error
        raise EffectUncertain(name, f"its probe cannot tell: {describe(error)}") from error

    async def _begin_anew(self, key: EffectKey, shown_by: datetime) -> None:
        """It did not happen, for it would show by then: it begins now, and has as long again."""
        if (left := shown_by - self.clock.now()) > timedelta():
            raise EffectNotShown(key.name, left)
        await self.effects.forget(key, at=self.at, epoch=self.epoch)
        await self.effects.begin(key, at=self.at, epoch=self.epoch, now=self.clock.now())

    async def _keep(self, key: EffectKey, adapter: TypeAdapter[Any] | None, result: Any) -> Any:
        text, error = (_NOTHING, None) if adapter is None else _written(adapter, result)
        await self._finish(key, text)
        if error is not None:
            raise _lost(key.name) from error
        return _read(key.name, adapter, text)

    async def _finish(self, key: EffectKey, text: str) -> None:
        self.known[key.name] = text
        await self._write(lambda: self.effects.finish(key, text, at=self.at, epoch=self.epoch))
        del self.known[key.name]
        self.begun.discard(key.name)

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        """Tell the store what is known, for as long as the attempt may last: what happened must not be forgotten."""
        tries = 0
        while True:
            try:
                return await write()
            except StoreUnavailable:
                await self.clock.sleep(_REWRITE[min(tries, len(_REWRITE) - 1)])
                tries += 1


def _require_callable(name: str, given: object) -> None:
    if callable(given):
        return
    if inspect.iscoroutine(given):
        given.close()
    raise ContextMisused(
        f"ctx.once({name!r}, …) was given a {type(given).__name__}: give it what makes the call, `lambda: send(…)`, "
        "for it may be made later, again, or never"
    )


def proves_nothing_happened(error: Exception) -> bool:
    """Whether an error shows that the effect did not take place: refused by the platform, never sent, or given up.

    `RetryLater`, `GiveUp` and `Unavailable` are the author's own word for it. A group proves it if all its leaves do.
    """
    return all(map(_proves, leaves(error)))


def _may_tell_later(leaf: Exception) -> bool:
    """Whether what a probe asked is away: it may be asked again."""
    return is_away(leaf) or (isinstance(leaf, ClientError) and leaf.retryable)


def _proves(leaf: Exception) -> bool:
    if isinstance(leaf, (ClientError, Unavailable)):
        return leaf.nothing_happened
    return isinstance(leaf, (RetryLater, GiveUp)) or never_connected(leaf)


def _written(adapter: TypeAdapter[Any], result: Any) -> tuple[str, Exception | None]:
    """A result as it is kept; if a later attempt could not read it, what is kept in its stead, and why."""
    with strangers_code() as caught:
        text = adapter.dump_json(result, warnings="error").decode()
        plain = adapter.dump_python(result, warnings="none")
        # JSON has no NaN and nothing infinite, and pydantic would write null
        from_json(to_json(plain, inf_nan_mode="constants", serialize_unknown=True), allow_inf_nan=False)
        _parsed(adapter, text)
        return text, None
    return _LOST, caught.error


def _read(name: str, adapter: TypeAdapter[Any] | None, text: str) -> Any:
    if adapter is None:
        return None
    if text == _LOST:
        raise _lost(name)
    with strangers_code() as caught:
        return _parsed(adapter, text)
    raise ContextMisused(
        f"the effect {name!r} happened, and its kept result is not what returns= says: did its type change?"
    ) from caught.error


def _parsed(adapter: TypeAdapter[Any], text: str) -> Any:
    # it was written by the names of its fields, whatever their aliases
    return adapter.validate_json(text, by_alias=True, by_name=True)


def _lost(name: str) -> ContextMisused:
    return ContextMisused(
        f"the effect {name!r} happened and is not repeated, but its result cannot be kept: it is not what returns= "
        "says, or JSON does not hold it (NaN, an infinite number, a value inside itself or too deep, broken text)"
    )
