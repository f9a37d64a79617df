"""Strangers' exceptions, made so that nobody fails who reads them: the one place that meets what is half made.

A subclass of ours without `super().__init__`, `retry_after="30"`, a `__str__` that raises: whoever decides, logs or
tells reads an error's type, its text, what caused it and the attributes its type promises. All of it is read here
first; what is amiss is mended, and what cannot be read gets a stand-in of the same name. Pure.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from clients import errors
from clients.errors import ClientError
from handlers.api import GiveUp, RetryLater, Unavailable
from schemas.durations import LONGEST, duration


def _seconds(given: object) -> float | None:
    """Seconds to wait; None, which leaves it to the policy, for what is none."""
    if not isinstance(given, (int, float)) or not math.isfinite(given) or given < 0:
        return None
    return min(given, LONGEST.total_seconds())


def _span(given: object) -> timedelta | None:
    """A time to wait; None, which leaves it to the policy, for what is none."""
    if not isinstance(given, (str, timedelta)):
        return None
    try:
        found = duration(given)
    except ValueError:
        return None
    return found if found >= timedelta() else None


def _word(given: object) -> str:
    return given if isinstance(given, str) else ""


_PROMISED: Mapping[type[Exception], Mapping[str, Callable[[object], object]]] = {
    ClientError: {
        "retry_after": _seconds,
        "retryable": bool,
        "parked": bool,
        "nothing_happened": bool,
        "account": _word,
    },
    RetryLater: {"after": _span},
    Unavailable: {"after": _span, "nothing_happened": bool},
    GiveUp: {},
}
_CLIENT_ERRORS = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ClientError)}
_PUBLIC: frozenset[type[Exception]] = frozenset(_CLIENT_ERRORS | set(_PROMISED))


def mend(error: Exception) -> None:
    """Read all that anybody reads of an error, and set right what is not as promised.

    Raises:
        BaseException: it cannot be; a stranger's property may raise anything.
    """
    for each in chain(error):
        _read(each)
    _keep_promises(error)


def _keep_promises(error: Exception) -> None:
    for kind in filter(lambda kind: isinstance(error, kind), _PROMISED):
        for name, sane in _PROMISED[kind].items():
            given = getattr(error, name, None)
            if (value := sane(given)) is not given or not hasattr(error, name):
                setattr(error, name, value)


def _read(error: BaseException) -> None:
    """Read what is read of any error; that it fails is the answer."""
    names = (name for kind in type(error).__mro__ for name in (kind.__module__, kind.__qualname__, kind.__name__))
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    if isinstance(error, tuple(_PROMISED)):
        str(error)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, and so on."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def stand_in(error: Exception) -> Exception:
    """An error of the same name and of the same kind of ours, raised at the same place; it proves nothing."""
    # past whatever its metaclass or a property of its own says
    kind: type[Exception] = type(error)
    name, mro = type.__getattribute__(kind, "__name__"), type.__getattribute__(kind, "__mro__")
    ours = next((each for each in mro if each in _PUBLIC), Exception)
    kind = type(name, (ours,), {"__module__": __name__, "nothing_happened": False})
    made = kind.__new__(kind, f"{name}, which cannot be read")
    _keep_promises(made)
    return made.with_traceback(BaseException.__dict__["__traceback__"].__get__(error))
