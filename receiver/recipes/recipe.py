"""`[platforms.NAME]`: one kind of sender as data. The presets in `receiver/presets/` are of the same form."""

import difflib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from receiver.handshakes import EMPTY, Handshake
from receiver.recipes import presets
from receiver.recipes.paths import finder, text_finder
from receiver.recipes.splitting import Split
from schemas.events import CANONICAL, Role
from schemas.schemes import Scheme

MAPPABLE = tuple(data.event_type for data in CANONICAL if data.event_type not in ("contact.snapshot", "unknown"))
"""The canonical events that a recipe can make."""

# Family of events → what must be mapped, what may be.
_NEEDS = {
    "message": (("message_id", "conversation_id", "role"), ("content", "contact")),
    "conversation": (("conversation_id",), ("status", "contact")),
    "handoff": (("conversation_id",), ("status", "contact")),
    "contact": (("contact.id",), ("contact", "attributes")),
    "bot": ((), ("bot_id",)),
    "workflow": (("workflow_run_id",), ("status",)),
}
_ALWAYS = frozenset({"name", "where", "type", "time", "extra"})


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str | bool | int) else value


def _checked(check: Callable[[str], object]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        check(text)
        return text

    return checked


def _type(text: str) -> str:
    if text not in MAPPABLE:
        near = difflib.get_close_matches(text, MAPPABLE, n=1)
        raise ValueError(f"is no event; did you mean {near[0]}?" if near else f"is no event; write one of {MAPPABLE}")
    return text


Path = Annotated[str, AfterValidator(_checked(finder))]
TextPath = Annotated[str, AfterValidator(_checked(text_finder))]
Lists = Annotated[str, AfterValidator(_checked(Split))]
TextPaths = Annotated[tuple[TextPath, ...], BeforeValidator(_listed)]
Words = Annotated[tuple[str | int | bool, ...], BeforeValidator(_listed), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Reads(_Part):
    """`read`: what names a delivery and its events."""

    events: Lists | None = Field(default=None, description="The list of a body that tells several events: events[].")
    parts: Annotated[tuple[Lists, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Lists in such an event, whose items are events in its place, where it has any."
    )
    name: TextPaths = Field(default=(), description="The sender's name of an event; the first that is there.")
    delivery: TextPaths = Field(default=(), description="The delivery's id: the same on every retry.")
    item: TextPaths = Field(default=(), description="An event's own id inside its delivery.")
    key: TextPaths = Field(default=(), description="What keeps events in order that are not mapped.")
    time: TextPaths = Field(default=(), description="When it happened: ISO 8601, or seconds or milliseconds of 1970.")


class RoleOf(_Part):
    """Who wrote a message, by a word of the sender."""

    path: TextPath = Field(description="Where the word stands.")
    user: Words | None = Field(default=None, description="Words that mean the visitor.")
    agent: Words | None = Field(default=None, description="Words that mean a person of the team.")
    assistant: Words | None = Field(default=None, description="Words that mean the bot.")
    system: Words | None = Field(default=None, description="Words that mean the platform itself.")
    default: Role | None = Field(default=None, description="What any other word means, or none.")


RoleIs = Annotated[
    Annotated[Role, Tag("word")] | Annotated[RoleOf, Tag("table")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "table"),
]


class ContactOf(_Part):
    """Who an event is with."""

    id: TextPaths = Field(default=(), description="The sender's id of the person.")
    name: TextPaths = Field(default=(), description="The name.")
    email: TextPaths = Field(default=(), description="The e-mail address.")
    phone: TextPaths = Field(default=(), description="The telephone number.")


class Mapping(_Part):
    """`events`: an event of the sender that becomes a canonical one."""

    name: Names = Field(description="The sender's name of the event; * and ? stand for any characters.")
    where: dict[TextPath, Words] = Field(default={}, description="What else must be so: path = word, or words.")
    type: Annotated[str, AfterValidator(_type)] = Field(description="The canonical event.")
    message_id: TextPaths = Field(default=(), description="The message's id.")
    conversation_id: TextPaths = Field(default=(), description="The conversation's id.")
    content: TextPaths = Field(default=(), description="The message's text; empty where there is none.")
    role: RoleIs | None = Field(default=None, description="Who wrote the message.")
    status: TextPaths = Field(default=(), description="The state of the conversation or the run.")
    contact: ContactOf = Field(default=ContactOf(), description="Who it is with.")
    attributes: Path | None = Field(default=None, description="An object of more that is told of a contact.")
    bot_id: TextPaths = Field(default=(), description="The bot's id.")
    workflow_run_id: TextPaths = Field(default=(), description="The run's id.")
    time: TextPaths = Field(default=(), description="When it happened, where `read` has another time.")
    extra: dict[str, Path] = Field(default={}, description="More for the event's extra, beside what is left of it.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed, possible = _NEEDS[self.type.partition(".")[0]]
        if missing := [one for one in needed if not self._has(one)]:
            raise ValueError(f"{self.type} needs {' and '.join(missing)}")
        known = _ALWAYS | {one.partition(".")[0] for one in (*needed, *possible)}
        if strange := sorted(self.model_fields_set - known):
            raise ValueError(f"{self.type} has no {' and no '.join(strange)}; it has {', '.join(sorted(known))}")
        return self

    def _has(self, name: str) -> bool:
        if name == "contact.id":
            return bool(self.contact.id)
        return bool(getattr(self, name))


class About(_Part):
    """`about`: for people. The pages of the presets are made from it."""

    title: str = Field(description="The sender's own name.")
    pages: tuple[str, ...] = Field(default=(), description="Where the sender documents it.")
    connect: tuple[str, ...] = Field(default=(), description="The steps at the sender's side.")
    secret: str = Field(default="", description="What the secret is called there.")
    inferred: tuple[str, ...] = Field(default=(), description="What is not documented, and how it is taken.")
    cannot: tuple[str, ...] = Field(default=(), description="What it cannot do.")


class Recipe(_Part):
    """`[platforms.NAME]`: how a kind of sender signs, and what its deliveries mean."""

    like: str | None = Field(default=None, description="A preset that has all that is not said here.")
    about: About | None = Field(default=None, description="For people: title, pages, steps.")
    body: Literal["json", "form", "any"] = Field(
        default="json", description="What a body is; any: what its content type says."
    )
    media_types: frozenset[str] = Field(
        default=frozenset(), description="The content types it posts; if not set, those of the body."
    )
    empty: bool = Field(default=False, description="Whether an empty body is an event too.")
    status: int = Field(default=202, ge=200, le=299, description="The status of success.")
    answer: str | None = Field(default=None, max_length=1_000, description="The body of success; the ids if not set.")
    on_invalid: Literal["refuse", "accept"] = Field(
        default="refuse", description="accept for senders that switch an address off that answers 4xx."
    )
    verify: Scheme = Field(description="How it proves that a delivery is its own.")
    handshake: tuple[Handshake, ...] = Field(default=(), description="How it tries an address out.")
    read: Reads = Field(default=Reads(), description="What names a delivery and its events.")
    events: tuple[Mapping, ...] = Field(default=(), description="Its events that become canonical ones.")

    @model_validator(mode="before")
    @classmethod
    def _as_a_preset(cls, value: Any) -> Any:
        """Lay what is said over the preset that it is like."""
        if not isinstance(value, dict) or not isinstance(value.get("like"), str):
            return value
        return {**presets.table(value["like"]), **value}

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.status in EMPTY and self.answer:
            raise ValueError(
                f"an answer with status {self.status} has no body: leave `answer` out, or set another status"
            )
        return self

    def mapped(self) -> Iterator[str]:
        """The canonical events it can make."""
        yield from dict.fromkeys(one.type for one in self.events)
