"""`[accounts.NAME]`: what may be called, with which key and how patiently; and `open_account`, which makes the client.

    [accounts.support]
    platform = "mygptassistants"
    api_key = "env:MGA_API_KEY"
    bot_id = "bot_123"

Reading the configuration needs no HTTP library: a client's module is imported when its account is opened.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from clients.account import Account
from clients.addresses import host_refusal
from clients.limits import Rate, RateField
from schemas.durations import Duration

if TYPE_CHECKING:
    from clients.http import Edges

_CLIENTS: Mapping[str, str] = MappingProxyType(
    {
        "mygptassistants": "clients.mygptassistants:MyGPTAssistants",
    }
)


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, no value is shown in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _positive(value: timedelta) -> timedelta:
    if not timedelta() < value <= timedelta(days=1):
        raise ValueError("must be longer than nothing and at most a day")
    return value


Wait = Annotated[Duration, AfterValidator(_positive)]


class Timeouts(Section):
    """How long to wait for a platform: `"500ms"`, `"20s"`, `"2m"`."""

    connect: Wait = Field(
        default=timedelta(seconds=5),
        description="For a connection, from the name's look-up to the TLS handshake's end.",
    )
    total: Wait = Field(
        default=timedelta(seconds=30),
        description="For one try, from the first byte out to the last byte in. A bot may think for a while.",
    )
    deadline: Wait = Field(
        default=timedelta(seconds=60), description="For one operation with all its tries and the waits between them."
    )
    idle: Wait = Field(default=timedelta(seconds=30), description="Between two pieces of a stream.")
    stream: Wait = Field(default=timedelta(minutes=5), description="For a whole stream.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.connect <= self.total <= self.deadline:
            raise ValueError("connect must not be longer than total, and total not longer than deadline")
        return self


def _api_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be one word of printable ASCII: was a line break or a space copied with it?")
    return value


ApiKey = Annotated[SecretStr, AfterValidator(_api_key)]


class AccountSection(Section):
    """What the accounts of all platforms have in common."""

    api_key: ApiKey = Field(description="The key of the platform's API.")
    base_url: str = Field(description="Where the platform's API is; https unless allow_private is set.")
    allow_private: bool = Field(
        default=False,
        description="Whether base_url may lead to loopback and private addresses, and be plain http: for a simulator, "
        "never a platform.",
    )
    timeouts: Timeouts = Timeouts()
    connections: int = Field(
        default=20, ge=1, le=1000, description="Connections kept open at most, and so calls under way at once."
    )
    max_answer: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Bytes of the largest answer read; a stream as a whole counts as one.",
    )

    @model_validator(mode="after")
    def _callable(self) -> Self:
        if problem := _url_problem(self.base_url, allow_private=self.allow_private):
            raise ValueError(f"base_url {problem}")
        return self


def _url_problem(url: str, *, allow_private: bool) -> str | None:
    """Say what is wrong with a base URL without repeating it: a password may stand in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    why = host_refusal(host, allow_private=allow_private)
    hint = "" if allow_private else "; if that is meant (a simulator, a test), set allow_private = true"
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    checks = {
        "must begin with https:// and name a host": parts.scheme not in ("https", "http") or not host,
        "must hold scheme, host, port and path in plain ASCII, and nothing else": (
            "@" in parts.netloc or "?" in url or "#" in url or not plain
        ),
        "must hold no dot segments": bool({".", ".."} & set(parts.path.split("/"))),
        "must begin with https://, or the key would travel in clear (http:// needs allow_private = true)": (
            parts.scheme == "http" and not allow_private
        ),
        f"leads to {why}{hint}": why is not None,
    }
    return next((text for text, wrong in checks.items() if wrong), None)


class ChatLimits(Section):
    """How often MyGPTAssistants may be called; the defaults are the published figures."""

    chat: RateField = Field(default=Rate(100, 60.0), description="Messages: send, quick send and stream.")
    data: RateField = Field(default=Rate(1000, 3600.0), description="Everything else: history, lists, contacts.")
    max_wait: Wait = Field(
        default=timedelta(seconds=5), description="Longer waits for a free slot are not waited: the event is retried."
    )


def _contact_path(value: str, *, ids: int) -> str:
    if value == "":
        return value
    segments = value.split("/")
    if segments[0] or "" in segments[1:] or {".", ".."} & set(segments):
        raise ValueError("must begin with a slash, go on below base_url and hold no dot or empty segments")
    if segments.count("{id}") != ids or "{" in value.replace("{id}", "") or "}" in value.replace("{id}", ""):
        wanted = (
            "{id} once, as a segment of its own: /contacts/{id}" if ids else "no braces: it is not about one contact"
        )
        raise ValueError(f"must hold {wanted}")
    return value


_Path = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_.~{}-]*$", max_length=200)]
ListPath = Annotated[_Path, AfterValidator(partial(_contact_path, ids=0))]
ItemPath = Annotated[_Path, AfterValidator(partial(_contact_path, ids=1))]


class ContactPaths(Section):
    """The Contact API, which MyGPTAssistants announces but does not document: off until your account confirms it.

    The paths are the usual ones, relative to base_url; an empty one switches that operation off.
    """

    enabled: bool = Field(default=False, description="Whether the account has a Contact API at these paths.")
    create: ListPath = Field(default="/contacts", description="POST; empty switches it off, as the next four.")
    list: ListPath = Field(default="/contacts", description="GET.")
    get: ItemPath = Field(default="/contacts/{id}", description="GET; {id} is the platform's id of the contact.")
    update: ItemPath = Field(default="/contacts/{id}", description="PATCH.")
    delete: ItemPath = Field(default="/contacts/{id}", description="DELETE.")


class MyGPTAssistantsSettings(AccountSection):
    """An account at MyGPTAssistants, as documented at https://docs.mygptassistants.com/api/overview/."""

    platform: Literal["mygptassistants"] = Field(description="Which platform the account is at.")
    bot_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="The bot that is spoken with, bot_…"
    )
    base_url: str = Field(
        default="https://api.mygptassistants.com/api/v1",
        description="Where the platform's API is; https, unless allow_private is set.",
    )
    mark_own: bool = Field(
        default=True,
        description="Mark what is sent in its metadata, so that the platform's event of it is known as ours.",
    )
    limits: ChatLimits = ChatLimits()
    contacts: ContactPaths = ContactPaths()


AccountSettings: TypeAlias = MyGPTAssistantsSettings
"""The settings of any account; with a second platform this becomes a union told apart by `platform`."""


def open_account(name: str, settings: AccountSettings, *, edges: "Edges | None" = None) -> Account:
    """Make the client of an account. Nothing is connected before the first call.

    Args:
        name: the name in `[accounts.NAME]`; it stands in errors and logs.
        settings: what the configuration says.
        edges: clock, resolver and hooks, for tests and for logging; the real ones by default.
    """
    client = resolve_name(_CLIENTS[settings.platform])
    account = client(name, settings, edges=edges)
    if not isinstance(account, Account):
        raise TypeError(f"{client} is no Account")
    return account
