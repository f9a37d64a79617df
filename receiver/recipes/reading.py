"""A recipe made into a `Platform`: the same that the platforms in code are. Pure, and total on any body."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from receiver.recipes.mapping import Makers
from receiver.recipes.paths import Scope, Tables, TextFinder, first_of
from receiver.recipes.recipe import Recipe
from receiver.recipes.splitting import Part, Split, TooManyEvents
from receiver.sources.numbers import unholdable
from receiver.sources.platform import Fact, Platform, Reading, Unreadable, not_fitting
from receiver.verification import Verified
from schemas.events import Unknown
from schemas.lenient import as_short_text, as_time
from schemas.signatures import MAX_FORM_FIELDS

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_MEDIA_TYPES = {"json": (JSON,), "form": (FORM,), "any": (JSON, FORM)}
# Bytes of all events of a delivery: a recipe may put what surrounds them into each.
MAX_KEPT = 16 * 1024 * 1024


def platform_of(name: str, recipe: Recipe) -> Platform:
    """The platform of a recipe.

    Args:
        name: what `[sources.NAME] platform` calls it.
        recipe: validated.
    """
    return Platform(
        name=name,
        scheme=recipe.verify,
        read=Reader(recipe),
        media_types=recipe.media_types or frozenset(_MEDIA_TYPES[recipe.body]),
        handshakes=recipe.handshake,
        status=recipe.status,
        answer=None if recipe.answer is None else recipe.answer.encode(),
        on_invalid=recipe.on_invalid,
    )


class Reader:
    """What a recipe's deliveries tell."""

    def __init__(self, recipe: Recipe) -> None:
        read = recipe.read
        self._body = recipe.body
        self._empty = recipe.empty
        self._split = Split(read.events, read.parts)
        self._makers = Makers(recipe.events)
        self._name, self._delivery, self._item = map(_optional, (read.name, read.delivery, read.item))
        self._key, self._time = map(_optional, (read.key, read.time))

    def __call__(self, verified: Verified) -> Reading | Unreadable:
        """The facts of an authentic delivery."""
        body = self._parsed(verified)
        if isinstance(body, Unreadable):
            return body
        value = body.value
        try:
            parts = self._split(value)
        except TooManyEvents:
            return not_fitting(["$"])
        facts: list[Fact] = []
        left, tables = MAX_KEPT, Tables()
        for part in parts:
            scope = Scope(part.value, part.around, value, verified.headers, verified.query, tables)
            fact = self._fact(part, scope, body.raw)
            if isinstance(fact, Unreadable):
                return fact
            left -= _weight(fact) if len(parts) > 1 else 0
            if left < 0:
                return not_fitting(["$"])
            facts.append(fact)
        whole = Scope(value, value, value, verified.headers, verified.query)
        return Reading(facts=tuple(facts), delivery=self._delivery(whole))

    def _fact(self, part: Part, scope: Scope, raw: bytes | None) -> Fact | Unreadable:
        name = self._name(scope)
        item, time = self._item(scope), _time_of(self._time(scope))
        maker = self._makers.of(name, scope)
        if maker is None:
            if part.trail or raw is None:
                raw = to_json(self._split.alone(part))
            return Fact(
                data=Unknown(payload=None),
                key=as_short_text(self._key(scope)),
                item=item,
                time=time,
                raw=raw,
                name=as_short_text(name),
            )
        made = maker.make(scope)
        if isinstance(made, tuple):
            return not_fitting(made)
        return Fact(
            data=made.data,
            key=made.key,
            entity=made.entity,
            item=item,
            time=_time_of(made.time) or time,
            name=as_short_text(name),
        )

    def _parsed(self, verified: Verified) -> "_Body | Unreadable":
        if self._empty and not verified.body.strip():
            return _Body(None, b"null")
        kind = self._body
        if kind == "form" or (kind == "any" and verified.headers.media_type() == FORM):
            return _form(verified.body)
        if numbers := unholdable(verified.body):
            return not_fitting(numbers)
        try:
            return _Body(from_json(verified.body, allow_inf_nan=False), verified.body)
        except ValueError:
            return Unreadable(kind="not-json")


class _Body:
    """A body that could be read, and the bytes that are its JSON; None where it is none."""

    __slots__ = ("raw", "value")

    def __init__(self, value: JsonValue, raw: bytes | None) -> None:
        self.value = value
        self.raw = raw


def _form(body: bytes) -> _Body | Unreadable:
    """A posted form as an object; a name that stands there twice has a list."""
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="replace")
    except ValueError:
        return Unreadable(kind="not-json")
    fields: dict[str, list[JsonValue]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return _Body({name: some[0] if len(some) == 1 else some for name, some in fields.items()}, None)


def _weight(fact: Fact) -> int:
    return len(fact.raw or to_json(fact.data)) + len(fact.item or "")


def _optional(paths: Sequence[str]) -> TextFinder:
    return first_of(paths) if paths else lambda _: None


def _time_of(text: str | None) -> datetime | None:
    try:
        time = None if text is None else as_time(text)
    except ValueError:
        return None
    return time if isinstance(time, datetime) else None
