"""The plugin API: what a handler is, what it is given, and how it says what happened.

    @handler("how-did-it-go", on=(MessageCreated, Timer), timeout="20s")
    async def how_did_it_go(event: Event[MessageCreated | Timer], ctx: Context) -> None: ...

A handler is an async function of one event. It returns when the event is done, raises `RetryLater` or `GiveUp` to say
what should happen instead, and anything else it raises is decided by its retry policy. `@handler` returns a value and
registers nothing: the dispatcher finds handlers by entry point or in the plugin folder.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeAlias, TypeVarTuple, cast, overload

from pydantic import BaseModel, ConfigDict, JsonValue
from structlog.typing import FilteringBoundLogger
from typing_extensions import TypeVar

from clients.account import Account
from clients.errors import NotSupported
from schemas.contacts import Contact, Identity
from schemas.durations import duration
from schemas.events import Data, Event

RESERVED = frozenset(
    {
        "path",
        "use",
        "sources",
        "attempts",
        "backoff",
        "max_backoff",
        "deadline",
        "timeout",
        "concurrency",
        "enabled",
        "start",
    }
)
"""Keys of a `[handlers.<entry>]` section that hookline reads itself; no config model may have fields of these names."""


@dataclass(frozen=True, slots=True)
class NamesAccount:
    """Marks a config field whose text is the name of an account of the configuration."""


AccountName = Annotated[str, NamesAccount()]
"""The type of a config field that names an account: one that is not configured is told before the handler starts."""


class NoConfig(BaseModel):
    """The config of a handler that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


E = TypeVar("E", bound=Data)
R = TypeVar("R")
P = TypeVar("P", bound=Account)
S = TypeVar("S")
Ts = TypeVarTuple("Ts")
C = TypeVar("C", bound=BaseModel, default=NoConfig)
C_co = TypeVar("C_co", bound=BaseModel, default=NoConfig, covariant=True)
A1 = TypeVar("A1", bound=Data)
A2 = TypeVar("A2", bound=Data)
A3 = TypeVar("A3", bound=Data)
A4 = TypeVar("A4", bound=Data)
A5 = TypeVar("A5", bound=Data)
A6 = TypeVar("A6", bound=Data)


def _wait(given: str | timedelta | None) -> tuple[timedelta | None, str]:
    """How long to wait, and words to go behind the reason: what is no wait is left to the policy, and told of."""
    if given is None:
        return None, ""
    try:
        found = duration(given)
    except ValueError:
        found = timedelta(-1)
    if found < timedelta():
        # it is not quoted: it may come from whoever the handler asked
        return None, " (its `after` is no wait, which the policy decides then: write 500ms, 20s, 10m, 6h or 7d)"
    return found, ""


class RetryLater(Exception):
    """Try this event again later; later events of its lane wait. It uses up one of the entry's `attempts`.

    When what you depend on is away, raise `Unavailable` instead, which uses up none.

    Args:
        reason: why, for the log and the operator; no payload.
        after: how long to wait; the retry policy decides when it is not given, or is no wait.
    """

    def __init__(self, reason: str, *, after: str | timedelta | None = None) -> None:
        self.after, odd = _wait(after)
        super().__init__(f"{reason}{odd}" if odd else reason)
        self.reason = reason


class Unavailable(Exception):
    """What the handler depends on is away, which is not the event's fault: it is tried again with growing waits.

    It uses up no attempt, and does not bring the entry nearer to being stopped. The event is dead when it has been held
    up so for the entry's `deadline`.

    Args:
        what: what is away, such as `"crm"`.
        detail: what it did, for the log and the operator, such as `"it answered 503"`; no payload.
        after: how long it asks to be left alone; the retry policy's wait comes on top.
        nothing_happened: proof that what was asked was not done, so that an effect of `Context.once` may be repeated.
    """

    def __init__(
        self, what: str, detail: str = "", *, after: str | timedelta | None = None, nothing_happened: bool = False
    ) -> None:
        self.after, odd = _wait(after)
        super().__init__((f"{what} is away: {detail}" if detail else f"{what} is away") + odd)
        self.what = what
        self.nothing_happened = nothing_happened


class GiveUp(Exception):
    """This event can never be done: it goes to the dead-letter topic at once, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Contacts(Protocol):
    """The contacts hookline keeps: one per person, over all sources."""

    async def find(
        self, *, identity: Identity | None = None, email: str | None = None, contact_id: str | None = None
    ) -> Contact | None:
        """The contact with this identity, verified e-mail address or id of ours; ids of merged contacts lead on."""

    async def save(
        self,
        identity: Identity,
        *,
        at: datetime,
        name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        attributes: Mapping[str, JsonValue] | None = None,
        email_verified: bool = False,
    ) -> Contact:
        """Find or make the contact of an identity and write what is given, unless a newer event has written it.

        Several lanes may write one person at once: rows change by compare-and-swap and this call repeats until it wins.

        Args:
            identity: who it is, in the words of a source.
            at: the time of the event, with its zone; each field keeps the newest.
            name: None or empty says nothing, as with the next two.
            email: kept in any case; merges contacts only if verified.
            phone: as the platform gave it.
            attributes: each has a time of its own.
            email_verified: whether the platform is trusted to have verified the address. Whoever types an address
                that is wrongly taken for verified becomes the person it belongs to.
        """

    async def merge(self, into: str, other: str, *, at: datetime) -> Contact:
        """Make two contacts one; the other's id stays as an alias."""

    async def delete(self, identity: Identity, *, at: datetime) -> Contact | None:
        """Take an identity away; a contact without identities is deleted, and its id stays as a tombstone."""

    async def changed(self) -> frozenset[str]:
        """Ids of contacts that this event changed, merged away or deleted, and that it has to publish.

        The same on every attempt, also after a crash, until the event is done.
        """

    async def publish(self, contact_id: str) -> None:
        """Publish the contact's snapshot, or its tombstone, and return when the log has the latest version."""


class Context(Protocol[C_co]):
    """What a handler may use during one attempt.

    `schedule`, `cancel` and `publish` take effect together when the attempt is done, and not at all when it is not.
    """

    @property
    def config(self) -> C_co:
        """The validated settings of this entry."""

    @property
    def handler(self) -> str:
        """The name of this entry."""

    @property
    def attempt(self) -> int:
        """Which attempt at this event this is, from 1."""

    @property
    def now(self) -> datetime:
        """The time of this attempt, UTC; a test sets it."""

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger that knows handler, event and attempt."""

    @property
    def contacts(self) -> Contacts:
        """The contacts hookline keeps."""

    @overload
    def account(self, name: str | None = None) -> Account: ...
    @overload
    def account(self, name: str | None = None, *, platform: type[P]) -> P: ...
    def account(self, name: str | None = None, *, platform: type[P] | None = None) -> Account | P:
        """A platform's client.

        Args:
            name: an account of the configuration; by default the one of the event's source.
            platform: the client class you need (`hookline.clients.MyGPTAssistants`); gives you its own methods.

        Raises:
            GiveUp: there is no such account, or it is of another platform.
        """

    async def shared(self, make: Callable[[*Ts], AbstractAsyncContextManager[S]], *args: *Ts) -> S:
        """What this entry keeps open in this process from one attempt to the next, such as a session or a pool.

        `make(*args)` is entered by the first attempt that asks, once for all of them; an error of that fails the
        attempts that wait for it, and the next one tries again. It is left by the task that entered it, when no
        attempt is under way any more: when the process or the entry stops, is paused, or is loaded anew.

        Args:
            make: returns an async context manager; a function or class of the module, no lambda.
            args: what it is called with, such as `ctx.config`; other arguments make another one, 100 at the most.
        """

    @overload
    async def once(
        self,
        name: str,
        effect: Callable[[], Awaitable[object]],
        *,
        probe: Callable[[], Awaitable[object]] | None = None,
        shows_within: str | timedelta = "0s",
    ) -> None: ...
    @overload
    async def once(
        self,
        name: str,
        effect: Callable[[], Awaitable[R]],
        *,
        returns: type[R],
        probe: Callable[[], Awaitable[R | None]] | None = None,
        shows_within: str | timedelta = "0s",
    ) -> R: ...
    async def once(
        self,
        name: str,
        effect: Callable[[], Awaitable[Any]],
        *,
        returns: type[Any] | None = None,
        probe: Callable[[], Awaitable[Any]] | None = None,
        shows_within: str | timedelta = "0s",
    ) -> Any:
        """Run an outside effect of this event once, across retries and crashes.

        When an earlier attempt may have run it and nobody knows, `probe` is asked: it returns the effect's result if it
        finds it, None if it surely did not happen, and raises if it cannot tell. Without a probe, or if it cannot tell,
        the event goes to the dead letters with reason `uncertain`. An error that proves that nothing happened (a
        refusal of the platform, no connection, `RetryLater`, `GiveUp`, `Unavailable(…, nothing_happened=True)`) leaves
        it to the next attempt.

        Args:
            name: names the effect among those of this event; one that is under way is not begun again.
            effect: what to do; the attempt lasts until it has ended, or is cancelled by the timeout.
            returns: the type of its result, which is kept as JSON; what is returned was read back from it.
            probe: looks whether the effect happened; for a message that was sent take `Account.said`.
            shows_within: how long after it began it may not show yet where the probe looks: until then a probe that
                finds nothing is not believed, and asked again.
        """

    async def schedule(self, name: str, *, after: str | timedelta, data: Mapping[str, JsonValue] | None = None) -> None:
        """Set a durable timer on this event's lane; the same name moves it. At most 1,000 names in one attempt.

        Args:
            name: the timer's name in its lane, 1,000 characters at the most, as all names here.
            after: due is the event's time plus this; a timer that is past due fires at once.
            data: a few values that come back in `Timer.data`.

        Raises:
            GiveUp: too many timers; the event is dead.
        """

    async def cancel(self, name: str) -> None:
        """Cancel the timer of that name on this event's lane, if it is set."""

    async def publish(self, data: Data, *, key: str) -> None:
        """Publish a canonical event; its id is the same on every retry. This handler is never given it.

        Raises:
            GiveUp: more than 1,000 events, or 8 MiB of them, in one attempt; the event is dead.
        """

    async def allow(self, name: str, key: str, *, limit: int, per: str | timedelta) -> bool:
        """Count one use of a cap and say whether it is within the limit. The same event counts once."""


async def go_without(ctx: Context[Any], account: Account, error: NotSupported) -> None:
    """Say in the log that an account lacks an ability, once a day for each of the two: the handler goes on without."""
    if await ctx.allow("not-supported", f"{account.name}/{error.ability}", limit=1, per="1d"):
        ctx.log.warning("ability.lacked", account=account.name, ability=error.ability, cause=str(error))


Run: TypeAlias = Callable[[Event[E], Context[C]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler(Generic[E, C]):
    """A handler as a value: nothing is registered until the dispatcher loads it."""

    name: str
    on: tuple[type[Data], ...]
    run: Run[E, C]
    config: type[BaseModel] = field(default=NoConfig)
    # How long one attempt may take; None leaves it to the configuration.
    timeout: timedelta | None = None

    @property
    def doc(self) -> str:
        """The first line of the function's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


@overload
def handler(
    name: str, *, on: type[A1], config: type[C] = ..., timeout: str | timedelta = ...
) -> Callable[[Run[A1, C]], Handler[A1, C]]: ...
@overload
def handler(
    name: str, *, on: tuple[type[A1], type[A2]], config: type[C] = ..., timeout: str | timedelta = ...
) -> Callable[[Run[A1 | A2, C]], Handler[A1 | A2, C]]: ...
@overload
def handler(
    name: str, *, on: tuple[type[A1], type[A2], type[A3]], config: type[C] = ..., timeout: str | timedelta = ...
) -> Callable[[Run[A1 | A2 | A3, C]], Handler[A1 | A2 | A3, C]]: ...
@overload
def handler(
    name: str,
    *,
    on: tuple[type[A1], type[A2], type[A3], type[A4]],
    config: type[C] = ...,
    timeout: str | timedelta = ...,
) -> Callable[[Run[A1 | A2 | A3 | A4, C]], Handler[A1 | A2 | A3 | A4, C]]: ...
@overload
def handler(
    name: str,
    *,
    on: tuple[type[A1], type[A2], type[A3], type[A4], type[A5]],
    config: type[C] = ...,
    timeout: str | timedelta = ...,
) -> Callable[[Run[A1 | A2 | A3 | A4 | A5, C]], Handler[A1 | A2 | A3 | A4 | A5, C]]: ...
@overload
def handler(
    name: str,
    *,
    on: tuple[type[A1], type[A2], type[A3], type[A4], type[A5], type[A6]],
    config: type[C] = ...,
    timeout: str | timedelta = ...,
) -> Callable[[Run[A1 | A2 | A3 | A4 | A5 | A6, C]], Handler[A1 | A2 | A3 | A4 | A5 | A6, C]]: ...
@overload
def handler(
    name: str, *, on: tuple[type[Data], ...], config: type[C] = ..., timeout: str | timedelta = ...
) -> Callable[[Run[Data, C]], Handler[Data, C]]: ...
def handler(name: str, *, on: Any, config: Any = NoConfig, timeout: str | timedelta | None = None) -> Any:
    """Make a handler of an async function `(event, ctx) -> None`.

    Args:
        name: the handler's name, and its consumer group's: `[a-z0-9][a-z0-9_-]{0,62}`.
        on: the event types it is given: one class, or a tuple. With more than six, annotate the event `Event[Data]`.
        config: the pydantic model of its own settings in `[handlers.<entry>]`.
        timeout: how long one attempt may take, such as `"20s"`; the configuration overrides it.
    """
    types = cast("tuple[type[Data], ...]", on if isinstance(on, tuple) else (on,))
    limit = None if timeout is None else duration(timeout)

    def make(run: Run[Any, Any]) -> Handler[Any, Any]:
        return Handler(name=name, on=types, run=run, config=config, timeout=limit)

    return make
