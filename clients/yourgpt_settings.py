"""`[accounts.NAME]` of an account at YourGPT.

Keys, headers and addresses: https://docs.yourgpt.ai/chatbot/api-reference (authentication; integration/introduction).
Keys come with several prefixes (`api-v1-`, `apk-`, the older `pks-`), so none is asked for: which uid is set decides.
"""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from typing_extensions import override

from clients.limits import Rate, RateField
from clients.sections import AccountSection, Section, url_problem
from schemas.durations import Wait

PROJECT_PATH: Final = "/chatbot/v1"
ORGANISATION_PATH: Final = "/api/v1"

Uid = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class YourGPTLimits(Section):
    """How often YourGPT may be called. No limit is documented, so the default is only a brake on a runaway."""

    calls: RateField = Field(default=Rate(600, 60.0), description="All calls together.")
    max_wait: Wait = Field(
        default=timedelta(seconds=5), description="Longer waits for a free slot are not waited: the event is retried."
    )


def _contact_path(value: str) -> str:
    if value and (not value.startswith("/") or {"", ".", ".."} & set(value[1:].split("/"))):
        raise ValueError("must begin with a slash, go on below base_url and hold no dot or empty segments")
    return value


ContactPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9/_.~-]*$", max_length=200), AfterValidator(_contact_path)
]


class YourGPTContactPaths(Section):
    """Making, changing and removing contacts, for which no page was found: off until your account confirms it.

    The paths follow the names of the documented ones, relative to base_url; an empty one switches that operation off.
    """

    enabled: bool = Field(default=False, description="Whether contacts can be made and changed at these paths.")
    create: ContactPath = Field(default="/createContact", description="POST; empty switches it off, as the next two.")
    update: ContactPath = Field(default="/updateContact", description="POST, with contact_id in the body.")
    delete: ContactPath = Field(default="/deleteContact", description="POST, with contact_id in the body.")


class YourGPTSettings(AccountSection):
    """An account at YourGPT: one project, by the project's key or by an organisation's token."""

    platform: Literal["yourgpt"] = Field(description="Which platform the account is at.")
    widget_uid: Uid | None = Field(
        default=None, description="The project, where api_key is its own key (Integrations, API Integration)."
    )
    project_uid: Uid | None = Field(
        default=None, description="The project, where api_key is an organisation's API token. One of the two is needed."
    )
    base_url: str = Field(
        default=f"https://api.yourgpt.ai{PROJECT_PATH}",
        description="Where the project-level API is; https, unless allow_private is set.",
    )
    organisation_url: str | None = Field(
        default=None,
        description="Where the organisation-level API is. Without a word: base_url with /api/v1 for /chatbot/v1.",
    )
    form: bool = Field(
        default=False,
        description="Send forms where the platform's pages show forms (createSession, sendMessage, updateSession, and "
        "getSessions with a token); JSON, as its introduction says, if not.",
    )
    send_by: Literal["assistant", "operator", "user"] = Field(
        default="assistant",
        description="As whom messages are sent: assistant does not wake the bot, operator also mutes it, user asks it.",
    )
    search_pages: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="How many lists of 100 sessions are looked through, newest first, for one a webhook has named.",
    )
    limits: YourGPTLimits = YourGPTLimits()
    contacts: YourGPTContactPaths = YourGPTContactPaths()

    @model_validator(mode="after")
    def _one_project(self) -> "YourGPTSettings":
        if (self.widget_uid is None) == (self.project_uid is None):
            raise ValueError(
                "set widget_uid if api_key is a project's key, or project_uid if it is an organisation's token: one of "
                "the two"
            )
        return self

    @model_validator(mode="after")
    def _organisation_callable(self) -> "YourGPTSettings":
        url = self.organisation_url
        if url is not None and (problem := url_problem(url, allow_private=self.allow_private)):
            raise ValueError(f"organisation_url {problem}")
        return self

    @override
    def moved(self, base_url: str) -> "YourGPTSettings":
        return super().moved(base_url).model_copy(update={"organisation_url": None})

    @property
    def organisation_base(self) -> str:
        """Where organisation-level calls go."""
        if self.organisation_url is not None:
            return self.organisation_url
        base = self.base_url.rstrip("/")
        return base.removesuffix(PROJECT_PATH) + ORGANISATION_PATH if base.endswith(PROJECT_PATH) else base
