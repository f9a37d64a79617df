"""`[accounts.NAME]` of an account at GPTBots.

Hosts, keys and limits: https://www.gptbots.ai/docs/api-reference/overview
"""

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from typing_extensions import override

from clients.limits import Rate, RateField
from clients.sections import AccountSection, Section, url_problem
from schemas.durations import Wait

HANDOFF_HOST: Final = "https://api.gptbots.ai"
"""The only host that the page of the human handoff shows."""

_HOSTS = MappingProxyType({region: f"https://api-{region}.gptbots.ai" for region in ("sg", "jp", "th")})
# The free plan's figure, for each category of the API.
_FREE: Final = Rate(3, 60.0)

Property = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class GPTBotsLimits(Section):
    """How often GPTBots may be called, for each category of its API; the defaults are the free plan's figures."""

    conversation: RateField = Field(default=_FREE, description="Conversations, messages and the human handoff.")
    workflow: RateField = Field(default=_FREE, description="Workflows: invoke and query.")
    user: RateField = Field(default=_FREE, description="Users: their ids, attributes and profile.")
    max_wait: Wait = Field(
        default=timedelta(seconds=5), description="Longer waits for a free slot are not waited: the event is retried."
    )


def _unambiguous(value: dict[str, str]) -> dict[str, str]:
    if len(set(value.values())) != len(value):
        raise ValueError("two fields of a contact cannot be the same property")
    return value


class GPTBotsSettings(AccountSection):
    """An account at GPTBots: the key of one agent, or of one workflow.

    What is inferred is configurable: the host of the human handoff, and which of the agent's own user properties hold a
    contact's name, address and number.
    """

    platform: Literal["gptbots"] = Field(description="Which platform the account is at.")
    region: Literal["sg", "jp", "th"] = Field(
        default="sg",
        description="The data centre: Singapore, Japan or Thailand; what base_url is if it is not set.",
    )
    base_url: str = Field(
        default=_HOSTS["sg"], description="Where the platform's API is; https, unless allow_private is set."
    )
    handoff_url: str | None = Field(
        default=None,
        description="Where the API of the human handoff is. Without a word: https://api.gptbots.ai, which its page "
        "shows, if base_url is one of the platform's hosts; else base_url.",
    )
    response_mode: Literal["blocking", "webhook"] = Field(
        default="blocking",
        description="How a sent message is answered: by the call, or later by the agent's reply webhook. Messages of a "
        "human agent come only by the latter.",
    )
    conversation_type: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$")] = Field(
        default="ALL", description="Conversations of which channel are listed: ALL, API, WIDGET, WHATSAPP_META …"
    )
    properties: Annotated[dict[str, Property], AfterValidator(_unambiguous)] = Field(
        default_factory=dict,
        description="Field of a contact (name, email, phone, or an attribute) to the agent's user property that holds "
        "it. They are the agent's own, so none is guessed: without any, contacts are not pushed.",
    )
    limits: GPTBotsLimits = GPTBotsLimits()

    @model_validator(mode="before")
    @classmethod
    def _of_region(cls, value: Any) -> Any:
        if isinstance(value, dict) and "base_url" not in value:
            region = value.get("region", "sg")
            # an unknown region is the field's own complaint
            host = _HOSTS.get(region) if isinstance(region, str) else None
            return {**value, "base_url": host or _HOSTS["sg"]}
        return value

    @model_validator(mode="after")
    def _handoff_callable(self) -> "GPTBotsSettings":
        if self.handoff_url and (problem := url_problem(self.handoff_url, allow_private=self.allow_private)):
            raise ValueError(f"handoff_url {problem}")
        return self

    @override
    def moved(self, base_url: str) -> "GPTBotsSettings":
        return super().moved(base_url).model_copy(update={"handoff_url": None})

    @property
    def handoff_base(self) -> str:
        """Where the human handoff's two calls go."""
        if self.handoff_url is not None:
            return self.handoff_url
        return HANDOFF_HOST if self.base_url.rstrip("/") in _HOSTS.values() else self.base_url
