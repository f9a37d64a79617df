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
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints

from clients.account import Account
from clients.customgpt_settings import CustomGPTSettings
from clients.gptbots_settings import GPTBotsSettings
from clients.limits import Rate, RateField
from clients.sections import AccountSection, Section
from clients.yourgpt_settings import YourGPTSettings
from schemas.durations import Wait

if TYPE_CHECKING:
    from clients.http import Edges

__all__ = [
    "AccountSection",
    "AccountSettings",
    "CustomGPTSettings",
    "GPTBotsSettings",
    "MyGPTAssistantsSettings",
    "YourGPTSettings",
    "open_account",
]

_CLIENTS: Mapping[str, str] = MappingProxyType(
    {
        "customgpt": "clients.customgpt:CustomGPT",
        "gptbots": "clients.gptbots:GPTBots",
        "mygptassistants": "clients.mygptassistants:MyGPTAssistants",
        "yourgpt": "clients.yourgpt:YourGPT",
    }
)


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


AccountSettings: TypeAlias = Annotated[
    MyGPTAssistantsSettings | CustomGPTSettings | GPTBotsSettings | YourGPTSettings, Field(discriminator="platform")
]
"""The settings of any account, told apart by `platform`."""


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
