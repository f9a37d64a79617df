"""One delivery that tells several events, taken apart. Pure, and total on any JSON.

No event is lost: where a body, or an item, does not have the list that a path names, it is an event itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import JsonValue

from receiver.recipes.paths import EACH, BadPath, Step, steps_of

# More than any sender puts into one delivery (Meta: 1,000).
MAX_EVENTS = 2_000

Steps = tuple[Step, ...]


class TooManyEvents(ValueError):
    """A delivery tells more events than any sender puts into one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One event of a delivery."""

    value: JsonValue
    # What it was split off last: the body, or the item of `events` that `parts` took apart.
    around: JsonValue
    # The containers from the body down to it, and the step out of each.
    trail: tuple[tuple[JsonValue, Step], ...] = ()


class Split:
    """How a body is taken apart.

    Args:
        events: the path of a list in the body, with `[]` where every item counts; None: the body is one event.
        parts: paths of lists in such an item. An item that has none of them filled is an event itself.

    Raises:
        BadPath: one of them is no path of lists.
    """

    def __init__(self, events: str | None, parts: Sequence[str] = ()) -> None:
        self._events = None if events is None else _lists(events)
        self._parts = [_lists(path) for path in parts]

    def __call__(self, body: JsonValue) -> list[Part]:
        """The events of a body, in its order.

        Raises:
            TooManyEvents: there are more than `MAX_EVENTS`.
        """
        whole = Part(body, body)
        if self._events is None and not self._parts:
            return [whole]
        outer = [whole] if self._events is None else _walk(whole, self._events, whole, body)
        found = list(islice((part for one in outer for part in self._taken_apart(one)), MAX_EVENTS + 1))
        if len(found) > MAX_EVENTS:
            raise TooManyEvents
        return found

    def alone(self, part: Part) -> JsonValue:
        """The delivery as if it had told this event alone: what surrounds it, with the other events left out."""
        value = part.value
        for depth in reversed(range(len(part.trail))):
            container, step = part.trail[depth]
            if isinstance(container, dict) and isinstance(step, str):
                others = self._others([one for _, one in part.trail[: depth + 1]])
                value = {**{name: one for name, one in container.items() if name not in others}, step: value}
            else:
                value = [value]
        return value

    def _taken_apart(self, item: Part) -> Iterator[Part]:
        parts = [part for steps in self._parts for part in _walk(item, steps, None, item.value)]
        yield from parts or [item]

    def _others(self, way: Sequence[Step]) -> set[str]:
        """The names beside the last step of a way that lead to other events."""
        above = [*way[:-1]]
        paths = [[*(self._events or ()), *steps] for steps in self._parts]
        beside = {path[len(above)] for path in paths if path[: len(above)] == above and len(path) > len(above)}
        return {name for name in beside if isinstance(name, str) and name != way[-1]}


def _walk(part: Part, steps: Steps, whole: Part | None, around: JsonValue) -> Iterator[Part]:
    """The items at the end of a way; `whole`, if anything, stands for a way that ends early."""
    if not steps:
        yield Part(part.value, around, part.trail)
        return
    step, rest = steps[0], steps[1:]
    trail = (*part.trail, (part.value, step))
    if step is EACH and isinstance(part.value, list):
        for one in part.value:
            inner = Part(one, around, trail)
            yield from _walk(inner, rest, None if whole is None else inner, around)
    elif isinstance(step, str) and isinstance(part.value, dict) and step in part.value:
        yield from _walk(Part(part.value[step], around, trail), rest, whole, around)
    elif whole is not None:
        yield whole


def _lists(path: str) -> Steps:
    steps = steps_of(path)
    if not all(isinstance(step, str) or step is EACH for step in steps) or steps[-1:] != (EACH,):
        raise BadPath(f"{path!r} must end with [], and have only names and [] before: entry[].changes[], or $[]")
    return steps
