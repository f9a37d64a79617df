"""What can go wrong between an entry of the configuration and its running handler.

DispatcherError
├── ChangeRefused       an entry cannot be renamed or rewound as asked; nothing was changed
├── ContextMisused      a handler asked its context for what cannot be: the call is at fault
├── EffectNotShown      an outside effect is not found, and may still show: it is looked for again later
├── EffectUncertain     an outside effect may have happened and nobody can tell: the event is dead, reason `uncertain`
├── GroupInUse          the positions of a group cannot be changed while others read for it
├── HandlerStopped      the handler must not run on; the text says why and what to do
│   ├── ForeignStore    the group's positions belong to the work of another state store
│   ├── RenamedAway     the entry was renamed, and something runs by its old name
│   └── StartUnclear    the entry is new, and may be another one that is called otherwise now
├── PluginBroken        a plugin cannot be loaded; the others can
└── EntryMisconfigured  a `[handlers.<entry>]` section cannot work
"""

import traceback
from datetime import datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from types import FrameType

from clients.errors import ClientError
from dispatcher.attempt import AttemptTimedOut, CancelledItself, TriedToExit
from dispatcher.readable import chain, text_of
from eventlog.errors import EventLogError
from handlers.api import GiveUp, RetryLater, Unavailable
from schemas.envelope import EnvelopeError
from store.errors import StoreError

_OURS = (GiveUp, RetryLater, Unavailable, ClientError, EventLogError, StoreError, EnvelopeError)
# Raised in a handler's stead: the place to tell is where it was then.
_IN_ITS_STEAD = (AttemptTimedOut, CancelledItself, TriedToExit)
# What stands in a traceback before the handler's own code.
_CALLERS = frozenset({"cli", "dispatcher", "asyncio", "uvloop", "contextlib"})
HOOKLINE = frozenset({"dispatcher", "clients", "store", "eventlog", "schemas", "asyncio", "contextlib"})
"""Packages whose lines tell a handler's author nothing."""


class DispatcherError(Exception):
    """The dispatcher cannot go on with something; the text says why and what to do."""


class ContextMisused(DispatcherError, RuntimeError):
    """A handler asked its context for what cannot be; the text says what to write instead."""


class EffectUncertain(DispatcherError):
    """An effect began in an earlier attempt and its end is unknown."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"it is not known whether the effect {name!r} happened: {why}. Look at the platform: if it did not "
            "happen, `hookline dead replay` the event with --redo-effects; if it did, `hookline dead discard` it"
        )
        self.name = name


class EffectNotShown(DispatcherError):
    """Of an effect that an earlier attempt began nothing is found, which is no proof yet: it was begun just now."""

    def __init__(self, name: str, after: timedelta) -> None:
        super().__init__(
            f"the effect {name!r} was begun and is not found: it may show within {after.total_seconds():.1f} s more, "
            "and is looked for again before it is repeated"
        )
        self.after = after


class ChangeRefused(DispatcherError):
    """An entry cannot be renamed or rewound as asked; nothing was changed."""


class GroupInUse(DispatcherError):
    """Workers of a group run."""

    def __init__(self, group: str) -> None:
        super().__init__(
            f"others read for the group {group}: stop all its workers, on every machine, and try again. One that was "
            "killed counts as running for about a minute"
        )


class HandlerStopped(DispatcherError):
    """The handler must not run on."""


class ForeignStore(HandlerStopped):
    """The positions were committed by workers with another state store."""

    def __init__(self, group: str, *, found: str, ours: str) -> None:
        super().__init__(
            f"the positions of group {group} belong to the state store {found}, this worker has {ours}: its timers and "
            "effects would be missing. Workers of one handler share one store: set [store] url to the other workers' "
            "PostgreSQL, or run this handler on the machine that has the SQLite file. If that store is lost, "
            "stop all workers and run `hookline migrate --new-store`: it says what is lost with it"
        )
        self.found = found
        self.ours = ours


class RenamedAway(HandlerStopped):
    """An entry was renamed, and a section or a handler of its old name would begin anew."""

    def __init__(self, entry: str, *, now: str, at: datetime) -> None:
        super().__init__(
            f"{entry} was renamed to {now} at {at:%Y-%m-%d %H:%M} UTC, with all its past, and would begin anew: it "
            f"would be given all events that are kept once more, and repeat their effects. Add [handlers.{entry}] with "
            f"enabled = false; a handler without that section runs by itself. If {entry} is meant to begin, say where "
            f'in [handlers.{entry}]: start = "earliest" gives it all events that are kept, "now" none of them'
        )


class StartUnclear(HandlerStopped):
    """An entry is new, and one that used its handler and does not run any more has handled events of this log."""

    def __init__(self, entry: str, *, former: str) -> None:
        super().__init__(
            f"{entry} is new here, and {former}, of the same handler, has handled events of this log and does not run "
            f"any more. If {entry} is {former} under another name, stop all workers and run `hookline handlers rename "
            f"{former} {entry}`: it goes on where that was, with its timers and effects. If it is to begin by itself, "
            f'say where in [handlers.{entry}]: start = "earliest" gives it all events that are kept, "now" none of them'
        )


class PluginBroken(DispatcherError):
    """A plugin cannot be loaded."""

    def __init__(self, where: str, why: str, *, shadowed: str = "") -> None:
        super().__init__(f"{where}: {why}")
        # An entry point's value or a file.
        self.where = where
        self.why = why
        # The name of its own that another plugin has; empty where that is not what is wrong.
        self.shadowed = shadowed


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
    if is_ours(error):
        return " ".join(text_of(error).split())[:1000] or type(error).__name__
    told = text_of(error) if isinstance(error, _IN_ITS_STEAD) else type(error).__name__
    return " at ".join(filter(None, (told, place(error))))


def is_ours(error: BaseException) -> bool:
    """Whether an error's text is made to be shown: it says what happened, and holds no payload."""
    return isinstance(error, (*_OURS, DispatcherError))


def place(error: BaseException) -> str:
    """Where an error came from: the innermost line of the handler's own package, not of a library it called.

    Without any such line the innermost one of all; empty for an error that was never raised.
    """
    found = next(filter(None, map(_own_line, chain(error))), None)
    if found is None:
        found = next(reversed(list(traceback.walk_tb(error.__traceback__))), None)
    if found is None:
        return ""
    return _line(*found)


def calling_line() -> str:
    """The innermost line under way that is not the dispatcher's own, as `place` tells it; empty if there is none."""
    lines = traceback.walk_stack(None)
    found = next((line for line in lines if package_of(line[0]) != "dispatcher"), None)
    return "" if found is None else _line(*found)


def package_of(frame: FrameType) -> str:
    """The outermost package of a frame's code."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _line(frame: FrameType, number: int) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{number} in {frame.f_code.co_name}"


def _own_line(error: BaseException) -> tuple[FrameType, int] | None:
    """The innermost line of whatever package the dispatcher called."""
    lines = traceback.walk_tb(error.__traceback__)
    called = list(dropwhile(lambda line: package_of(line[0]) in _CALLERS, lines))
    return next((line for line in reversed(called) if package_of(line[0]) == package_of(called[0][0])), None)


def frames(error: BaseException, *, limit: int) -> str:
    """The traceback of an error without any value: types, files, lines and the code that stands there.

    Of our own lines only those are told that raised it, when a stranger's code called them; or all, if no such did.

    Args:
        error: what was raised.
        limit: the most bytes of UTF-8; the end is kept, where the first cause stands.
    """
    causes = [(cause, list(traceback.walk_tb(cause.__traceback__))) for cause in chain(error)]
    ours = not any(_is_foreign(line) for _, lines in causes for line in lines)
    told = (
        "".join([*_telling(lines, whole=ours), f"{type(cause).__module__}.{type(cause).__qualname__}\n"])
        for cause, lines in causes
    )
    text = "-- caused by, or while handling --\n".join(told).encode("utf-8", "replace")
    return text[-limit:].decode("utf-8", "ignore")


def _telling(lines: list[tuple[FrameType, int]], *, whole: bool) -> list[str]:
    """Those that a stranger's code stands on, and what stands behind its last one; or all."""
    last = max((number for number, line in enumerate(lines) if _is_foreign(line)), default=-1 if whole else len(lines))
    told = (line for number, line in enumerate(lines) if number > last or _is_foreign(line))
    return traceback.StackSummary.extract(told).format()


def _is_foreign(line: tuple[FrameType, int]) -> bool:
    return package_of(line[0]) not in HOOKLINE
