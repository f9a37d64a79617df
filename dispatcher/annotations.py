"""What a handler's annotations say, held against its `on=` and `config=` when it loads.

A type checker says the same before; this is for those who use none. Annotations that cannot be read (names that exist
for the type checker only) are believed.
"""

import types
from collections.abc import Iterator
from inspect import isclass, signature
from typing import Any, Union, get_args, get_origin, get_type_hints

from dispatcher.attempt import strangers_code
from handlers.api import Context, Handler
from schemas.events import Data, Event

# As many types have a typed form of `on=`.
_TYPED = 6


def mismatches(handler: Handler[Any, Any]) -> Iterator[str]:
    """What the annotations of `(event, ctx)` say that `on=` and `config=` do not."""
    with strangers_code() as caught:
        hints = get_type_hints(handler.run)
        names = list(signature(handler.run).parameters)
    if caught.error is not None or len(names) < 2:  # noqa: PLR2004 - (event, ctx)
        return
    yield from _event(handler.on, names[0], hints.get(names[0], Any))
    yield from _context(handler.config, names[1], hints.get(names[1], Any))


def _event(on: tuple[type[Data], ...], name: str, said: Any) -> Iterator[str]:
    wanted = "Data" if len(on) > _TYPED else " | ".join(each.__name__ for each in on)
    advice = f"write `{name}: Event[{wanted}]`"
    if get_origin(said) is not Event:
        if said is not Any and isclass(said) and not issubclass(Event, said):
            yield f"its first argument is annotated {_shown(said)} and is given an Event: {advice}"
        return
    given = [each for arg in get_args(said) for each in _alternatives(arg)]
    if not all(isclass(each) for each in given):
        return
    for each in given:
        if not issubclass(each, Data):
            yield f"the annotation Event[{_shown(each)}] names no event type: {advice}"
            return
    missing = [each.__name__ for each in on if not issubclass(each, tuple(given))]
    if missing:
        shown = " | ".join(_shown(each) for each in given)
        yield f"on= has {' and '.join(missing)}, the annotation Event[{shown}] has not: {advice}, or change on="


def _context(config: type[Any], name: str, said: Any) -> Iterator[str]:
    for arg in get_args(said) if get_origin(said) is Context else ():
        if isclass(arg) and not issubclass(config, arg):
            yield (
                f"the annotation says `{name}: Context[{_shown(arg)}]`, and config= is {_shown(config)}: write "
                f"@handler(…, config={_shown(arg)}), or annotate what it is given"
            )


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _shown(annotation: Any) -> str:
    return str(getattr(annotation, "__name__", annotation))
