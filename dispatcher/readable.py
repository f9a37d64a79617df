"""Strangers' exceptions, made so that nobody fails who reads them: the one place that meets what is half made.

A subclass of ours without `super().__init__`, `retry_after="30"`, a `__str__` that raises the second time, fifty
thousand errors in a group: whoever decides, logs or tells reads an error's type, its text, what caused it and the
attributes its type promises. All of it is read here, once, and kept as plain values; nothing behind this calls code of
the error's own again. What is amiss is mended, what cannot be read gets a stand-in of the same name. Pure.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from clients import errors
from clients.errors import ClientError
from handlers.api import GiveUp, RetryLater, Unavailable
from schemas.durations import LONGEST, duration

_MOST_CAUSES = 50
_MOST_TEXT = 2_000

# As `BaseException` and `type` define them, past whatever a class or its metaclass says of itself.
_VALUES = BaseException.__dict__["__dict__"].__get__
_HELD = BaseExceptionGroup.__dict__["exceptions"].__get__
_CAUSE, _CONTEXT = BaseException.__dict__["__cause__"], BaseException.__dict__["__context__"]
_TRACEBACK = BaseException.__dict__["__traceback__"].__get__
_MRO, _OWN = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
_FLAGS, _OF_PYTHON_CODE = type.__dict__["__flags__"].__get__, 1 << 9
_NAMES = (type.__dict__["__name__"].__get__, type.__dict__["__qualname__"].__get__)
# The packages whose errors are told in their own words.
_OURS = frozenset({"clients", "dispatcher", "eventlog", "handlers", "schemas", "store"})
# Where the text of an error stands that was read.
_TEXT = "_hookline_text"
# What an error's class must leave alone, for it is read more than once, and what its metaclass must.
_LEFT_ALONE = frozenset(
    {"__class__", "__dict__", "__getattribute__", "__setattr__", "__cause__", "__context__", "__suppress_context__"}
    | {"__traceback__", "with_traceback"}
)
_LEFT_ALONE_BY_META = frozenset({"__getattribute__", "__mro__", "__name__", "__qualname__", "__dict__", "__class__"})


def _seconds(given: object) -> float | None:
    """Seconds to wait; None, which leaves it to the policy, for what is none."""
    if not isinstance(given, (int, float)):
        return None
    plain = float.__add__(0.0, given) if isinstance(given, float) else int.__add__(0, given)
    if not math.isfinite(plain) or plain < 0:
        return None
    return min(plain, LONGEST.total_seconds())


def _span(given: object) -> timedelta | None:
    """A time to wait; None, which leaves it to the policy, for what is none."""
    if not isinstance(given, (str, timedelta)):
        return None
    try:
        found = duration(plain_text(given) if isinstance(given, str) else timedelta.__add__(timedelta(), given))
    except ValueError:
        return None
    return found if found >= timedelta() else None


def plain_text(given: object) -> str:
    """A text as one of Python's own, and bounded."""
    return str.__getitem__(given, slice(_MOST_TEXT)) if isinstance(given, str) else ""


_PROMISED: Mapping[type[Exception], Mapping[str, Callable[[object], object]]] = {
    ClientError: {
        "retry_after": _seconds,
        "retryable": bool,
        "parked": bool,
        "nothing_happened": bool,
        "account": plain_text,
    },
    RetryLater: {"after": _span},
    Unavailable: {"after": _span, "nothing_happened": bool},
    GiveUp: {},
}
_CLIENT_ERRORS = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ClientError)}
_PUBLIC: frozenset[type[Exception]] = frozenset(_CLIENT_ERRORS | set(_PROMISED))
_NAMES_PROMISED = frozenset(name for promises in _PROMISED.values() for name in promises)


def kept(error: BaseException, found: dict[str, Any] | None) -> Exception:
    """What is read from now on: the error itself with what was found, if that is enough, or what stands in for it.

    Args:
        error: what was raised.
        found: what `read` gave; None if it raised.
    """
    plain = found is not None and _is_plain(error) and not _computes_promises(error)
    made = error if plain and isinstance(error, Exception) else _stand_in(error, found or {})
    _VALUES(made).update(found or {})
    _mend_causes(made)
    return made


def name_of(error: BaseException) -> str:
    """The name of its class."""
    return plain_text(_NAMES[0](type(error)))


def text_of(error: BaseException) -> str:
    """What an error says, as it was read."""
    text = _VALUES(error).get(_TEXT)
    return text if isinstance(text, str) else str(error)


def held_by(error: Exception) -> Sequence[Exception] | None:
    """What an exception group holds, whatever a subclass says of itself; None for any other error."""
    return _HELD(error) if issubclass(type(error), ExceptionGroup) else None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, and so on, as far as it is told."""
    return islice(_chain(error), _MOST_CAUSES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        following = cause.__cause__
        if following is None and not cause.__suppress_context__:
            following = cause.__context__
        cause = following


def _mend_causes(error: BaseException) -> None:
    """Nobody fails who follows the chain."""
    for each in chain(error):
        for link in (_CAUSE, _CONTEXT):
            cause = link.__get__(each)
            if cause is not None and not _is_plain(cause):
                link.__set__(each, _stand_in(cause, {}))


def _is_plain(error: BaseException) -> bool:
    """Whether what is read of it, beside its text and what its class promises, is Python's own."""
    kind = type(error)
    names = [name(each) for each in _MRO(kind) for name in _NAMES]
    own, meta = [_OWN(each) for each in _written(kind)], [_OWN(each) for each in _written(type(kind))]
    modules = [each.get("__module__", "") for each in own]
    return (
        all(type(each) is str for each in [*names, *modules])
        and not any(name in each for each in own for name in _LEFT_ALONE)
        and not any(name in each for each in meta for name in _LEFT_ALONE_BY_META)
        and not any(_is_computed(each.get("__module__")) for each in meta)
    )


def _computes_promises(error: BaseException) -> bool:
    own = [_OWN(each) for each in _written(type(error))]
    return any(_is_computed(each.get(name)) for each in own for name in _NAMES_PROMISED)


def _is_computed(value: object) -> bool:
    return any("__get__" in _OWN(each) for each in _MRO(type(value)))


def _written(kind: type) -> list[type]:
    """The classes of it that Python code has made."""
    return [each for each in _MRO(kind) if _FLAGS(each) & _OF_PYTHON_CODE]


def read(error: BaseException) -> dict[str, Any]:
    """What anybody reads of an error by names: its text, if it is to be told, and what its class promises.

    Raises:
        BaseException: it cannot be; a stranger's property may raise anything.
    """
    kind = type(error)
    found: dict[str, Any] = {}
    if any(str.partition(_OWN(each).get("__module__", ""), ".")[0] in _OURS for each in _MRO(kind)):
        found[_TEXT] = plain_text(str(error))
    for promising in filter(lambda promising: issubclass(kind, promising), _PROMISED):
        for name, sane in _PROMISED[promising].items():
            found[name] = sane(getattr(error, name, None))
    return found


def _stand_in(error: BaseException, found: dict[str, Any]) -> Exception:
    """An error of the same name and of the same kind of ours, raised at the same place; unread it proves nothing."""
    name = name_of(error)
    ours = next((each for each in _MRO(type(error)) if each in _PUBLIC), Exception)
    kind: type[Exception] = type(name, (ours,), {"__module__": __name__, "nothing_happened": False})
    made = kind.__new__(kind, f"{name}, which cannot be read")
    _VALUES(made).update(read(made) | found)
    made.__cause__ = _CAUSE.__get__(error)
    return made.with_traceback(_TRACEBACK(error))
