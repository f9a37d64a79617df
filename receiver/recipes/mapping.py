"""An event of a sender made into a canonical one, by a recipe. Pure, and total on any JSON."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from pydantic import JsonValue

from receiver.recipes.paths import Scope, TextFinder, finder, first_of, own_names, text_finder
from receiver.recipes.recipe import ContactOf, Mapping, RoleOf
from schemas.events import BY_TYPE, ContactRef, Data, Role
from schemas.lenient import as_short_text, as_text

_GLOB = re.compile(r"[*?\[]")
_IDS = ("message_id", "conversation_id", "workflow_run_id", "bot_id")
_NEEDED = frozenset(_IDS) - {"bot_id"}


@dataclass(frozen=True, slots=True)
class Made:
    """A canonical event."""

    data: Data
    # What keeps order.
    key: str | None
    # The id of the message, conversation or contact.
    entity: str | None
    # When it happened, as the sender wrote it, where the mapping says where that stands.
    time: str | None


class Maker:
    """One mapping, ready to use.

    Raises:
        BadPath: a path of it is none; the model has found that before.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.names = mapping.name
        self._kind = BY_TYPE[mapping.type]
        family = mapping.type.partition(".")[0]
        self._family = family
        self._where = [(_shown_at(path), _any_of(words)) for path, words in mapping.where.items()]
        self._ids = [(name, first_of(paths), paths[0]) for name in _IDS if (paths := getattr(mapping, name))]
        self._status = _or_none(mapping.status)
        self._content = _or_none(mapping.content) or _nothing
        self._role = _role_of(mapping.role)
        self._contact = _contact_of(mapping.contact)
        self._contact_id = (mapping.contact.id or ("",))[0]
        self._attributes = _nothing if mapping.attributes is None else finder(mapping.attributes)
        self._time = _or_none(mapping.time) or _nothing
        self._extra = [(name, finder(path)) for name, path in mapping.extra.items()]
        self._consumed = _tree(_consumed(mapping))

    def fits(self, scope: Scope) -> bool:
        """Whether the conditions of the mapping hold."""
        return all(word(find(scope)) for find, word in self._where)

    def make(self, scope: Scope) -> Made | tuple[str, ...]:
        """The canonical event, or the paths where what it needs is not."""
        fields: dict[str, Any] = {}
        missing = [*self._fill_ids(fields, scope), *self._fill_contact(fields, scope)]
        if self._family == "message":
            fields |= {"role": self._role(scope), "content": self._content(scope) or ""}
            missing += [] if fields["role"] else ["role"]
        elif self._status is not None:
            fields["status"] = self._status(scope)
        if missing:
            return tuple(missing)
        data = self._kind(**fields, extra=self._rest(scope))
        return Made(data, *_named(self._family, fields), self._time(scope))

    def _fill_ids(self, fields: dict[str, Any], scope: Scope) -> Iterator[str]:
        """Put in the ids there are; the paths of those that are needed and missing."""
        for name, find, path in self._ids:
            found = as_short_text(find(scope))
            if found is not None:
                fields[name] = found
            elif name in _NEEDED:
                yield path

    def _fill_contact(self, fields: dict[str, Any], scope: Scope) -> Iterator[str]:
        contact = self._contact(scope)
        if self._family != "contact":
            if contact is not None:
                fields["contact"] = contact
        elif contact is None or contact.id is None:
            yield self._contact_id
        else:
            more = self._attributes(scope)
            attributes = more if isinstance(more, dict) else {}
            fields |= {"contact_id": contact.id, "name": contact.name, "email": contact.email, "phone": contact.phone}
            fields["attributes"] = attributes

    def _rest(self, scope: Scope) -> dict[str, JsonValue]:
        rest = _without(scope.event, self._consumed)
        more = {name: found for name, find in self._extra if (found := find(scope)) is not None}
        return {**(rest if isinstance(rest, dict) else {}), **more}


class Makers:
    """All mappings of a recipe, found by an event's name; of several that fit, the first that was written."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        self._exact: dict[str, list[tuple[int, Maker]]] = {}
        self._globs: list[tuple[re.Pattern[str], int, Maker]] = []
        for place, maker in enumerate(map(Maker, mappings)):
            for name in maker.names:
                if _GLOB.search(name):
                    self._globs.append((re.compile(translate(name)), place, maker))
                else:
                    self._exact.setdefault(name, []).append((place, maker))

    def of(self, name: str | None, scope: Scope) -> Maker | None:
        """The mapping of an event; None where there is none."""
        if name is None:
            return None
        found = self._exact.get(name, [])
        if self._globs:
            globs = ((place, maker) for pattern, place, maker in self._globs if pattern.match(name))
            found = sorted([*found, *globs], key=lambda one: one[0])
        return next((maker for _, maker in found if maker.fits(scope)), None)


def _named(family: str, fields: dict[str, Any]) -> tuple[str | None, str | None]:
    """The key and the entity of an event."""
    match family:
        case "message":
            return fields["conversation_id"], fields["message_id"]
        case "conversation" | "handoff":
            return fields["conversation_id"], fields["conversation_id"]
        case "contact":
            return fields["contact_id"], fields["contact_id"]
        case "workflow":
            return fields["workflow_run_id"], fields["workflow_run_id"]
        case _:
            return fields.get("bot_id"), None


def _nothing(_: Scope) -> None:
    return None


def _or_none(paths: Sequence[str]) -> TextFinder | None:
    return first_of(paths) if paths else None


def _role_of(role: Role | RoleOf | None) -> Callable[[Scope], Role | None]:
    if not isinstance(role, RoleOf):
        return lambda _: role
    words: dict[Role, Sequence[object] | None] = {
        "user": role.user,
        "agent": role.agent,
        "assistant": role.assistant,
        "system": role.system,
    }
    table: dict[str, Role] = {_word(one): name for name, some in words.items() for one in some or ()}
    find, default = _shown_at(role.path), role.default
    return lambda scope: table.get(find(scope) or "", default)


def _contact_of(contact: ContactOf) -> Callable[[Scope], ContactRef | None]:
    finders = [
        (name, first_of(paths)) for name in ("id", "name", "email", "phone") if (paths := getattr(contact, name))
    ]

    def found(scope: Scope) -> ContactRef | None:
        fields = {name: text for name, find in finders if (text := find(scope)) is not None}
        if as_short_text(fields.get("id")) is None:
            fields.pop("id", None)
        return ContactRef(**fields) if fields else None

    return found


def _shown_at(path: str) -> TextFinder:
    """What finds a text, and true and false as such."""
    if "{" in path:
        return text_finder(path)
    find = finder(path)

    def shown(scope: Scope) -> str | None:
        value = find(scope)
        return _word(value) if isinstance(value, bool) else as_text(value)

    return shown


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _any_of(words: Iterable[object]) -> Callable[[str | None], bool]:
    texts = [_word(word) for word in words]
    exact = frozenset(text for text in texts if not _GLOB.search(text))
    globs = [re.compile(translate(text)) for text in texts if text not in exact]

    def fits(text: str | None) -> bool:
        return text is not None and (text in exact or any(glob.match(text) for glob in globs))

    return fits


def _consumed(mapping: Mapping) -> Iterator[Sequence[str]]:
    """The names that lead to what a canonical event has in fields of its own."""
    contact = mapping.contact
    fields = (
        *(mapping.message_id, mapping.conversation_id, mapping.content, mapping.status),
        *(mapping.bot_id, mapping.workflow_run_id, contact.id, contact.name, contact.email, contact.phone),
    )
    # Of several paths only one is taken, and of a text in braces only a part: what stands there is kept.
    texts = [paths[0] for paths in fields if len(paths) == 1 and "{" not in paths[0]]
    return (names for text in texts for names in own_names(text))


_Tree = dict[str, Any]


def _tree(ways: Iterable[Sequence[str]]) -> _Tree:
    tree: _Tree = {}
    for way in ways:
        below = tree
        for name in way:
            below = below.setdefault(name, {})
    return tree


def _without(value: JsonValue, tree: _Tree) -> JsonValue:
    """A value without the texts and numbers the tree leads to; all else is left as it is."""
    if not isinstance(value, dict):
        return value
    kept: dict[str, JsonValue] = {}
    for name, one in value.items():
        below = tree.get(name)
        if below and isinstance(one, dict):
            kept[name] = _without(one, below)
        elif below is None or below or as_text(one) is None:
            kept[name] = one
    return kept
