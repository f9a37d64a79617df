"""What can go wrong between an entry of the configuration and its running handler.

DispatcherError
├── EffectUncertain     an outside effect may have happened and nobody can tell: the event is dead, reason `uncertain`
├── HandlerStopped      the handler must not run on; the text says why and what to do
│   └── ForeignStore    the group's positions belong to the work of another state store
├── PluginBroken        a plugin cannot be loaded; the others can
└── EntryMisconfigured  a `[handlers.<entry>]` section cannot work
"""

import traceback
from pathlib import Path

from clients.errors import ClientError
from eventlog.errors import EventLogError
from handlers.api import GiveUp, RetryLater
from schemas.envelope import EnvelopeError
from store.errors import StoreError

_OURS = (GiveUp, RetryLater, ClientError, EventLogError, StoreError, EnvelopeError)


class DispatcherError(Exception):
    """The dispatcher cannot go on with something; the text says why and what to do."""


class EffectUncertain(DispatcherError):
    """An effect began in an earlier attempt and its end is unknown."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"it is not known whether the effect {name!r} happened: {why}. Look at the platform: if it did not "
            "happen, `hookline dead replay` the event with --redo-effects; if it did, `hookline dead discard` it"
        )
        self.name = name


class HandlerStopped(DispatcherError):
    """The handler must not run on."""


class ForeignStore(HandlerStopped):
    """The positions were committed by workers with another state store."""

    def __init__(self, group: str, *, found: str, ours: str) -> None:
        super().__init__(
            f"the positions of group {group} belong to the state store {found}, this worker has {ours}: its timers and "
            "effects would be missing. Workers of one handler share one store: set [store] url to the other workers' "
            "PostgreSQL, or run this handler on the machine that has the SQLite file"
        )
        self.found = found
        self.ours = ours


class PluginBroken(DispatcherError):
    """A plugin cannot be loaded."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        # An entry point's value or a file.
        self.where = where
        self.why = why


class EntryMisconfigured(DispatcherError):
    """A section of the configuration cannot work."""

    def __init__(self, entry: str, why: str, *, under: str = "") -> None:
        super().__init__(f"[handlers.{entry}]: {why}")
        self.entry = entry
        self.why = why
        # The key of the section that is at fault, where it is one.
        self.under = under


def describe(error: BaseException) -> str:
    """One line about an error that is safe to log and to keep.

    Errors of our own boundaries promise to hold no payload. A stranger's text may hold anything, so that of every other
    error only its type and the place that raised it are told.
    """
    if isinstance(error, (*_OURS, DispatcherError)):
        return " ".join(str(error).split())[:1000] or type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} in {last.name}"


def frames(error: BaseException, *, limit: int) -> str:
    """The traceback of an error without any value: types, files, lines and the code that stands there.

    Args:
        error: what was raised.
        limit: the most bytes of UTF-8; the end is kept, where the first cause stands.
    """
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines += [*traceback.format_tb(cause.__traceback__), f"{type(cause).__module__}.{type(cause).__qualname__}\n"]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is not None:
            lines.append("-- caused by, or while handling --\n")
    text = "".join(lines).encode("utf-8", "replace")
    return text[-limit:].decode("utf-8", "ignore")
