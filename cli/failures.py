"""Why a handler failed, as `hookline dev` shows it: to the one who writes it, so with the error's own words."""

import traceback

from clients.errors import ClientError
from dispatcher.attempt import AttemptTimedOut, CancelledItself, TriedToExit, strangers_module
from dispatcher.errors import HOOKLINE, EffectUncertain, describe, is_ours, package_of, place
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead
from dispatcher.readable import plain_text
from handlers.api import GiveUp

# Characters of an error's text on its line.
_LONGEST = 400
# Lines of code in a traceback.
_DEEPEST = 8
# Their text says it all.
_TOLD = (AttemptTimedOut, CancelledItself, TriedToExit)


def cause(ended: AttemptEnded) -> str:
    """One line: the error's type, its words, and the handler's line it came from."""
    error, outcome = ended.error, ended.outcome
    uncertain = isinstance(outcome, Dead) and outcome.reason == "uncertain"
    if error is None or (uncertain and not isinstance(error, EffectUncertain)):
        return getattr(outcome, "detail", "")
    if isinstance(error, _TOLD):
        return describe(error)
    words = " ".join(_text(error).split())
    short = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    told = ": ".join(filter(None, (type(error).__name__, short)))
    at = place(error) if isinstance(error, GiveUp | ClientError) or not is_ours(error) else ""
    return f"{told}  at {at}" if at else told


def _text(error: BaseException) -> str:
    with strangers_module():
        return plain_text(str(error))
    return ""


def trace(error: BaseException) -> str | None:
    """The lines of code that led to an error, ours left out; None for one whose text says it all."""
    if is_ours(error) or isinstance(error, _TOLD):
        return None
    lines = [line for line in traceback.walk_tb(error.__traceback__) if package_of(line[0]) not in HOOKLINE]
    return "".join(traceback.StackSummary.extract(iter(lines[-_DEEPEST:])).format()).rstrip()
