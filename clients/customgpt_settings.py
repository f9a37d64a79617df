"""`[accounts.NAME]` of an account at CustomGPT.ai.

The API is described by https://docs.customgpt.ai/openapi/openapi.json; the product's agent is its project.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from clients.limits import Rate, RateField
from clients.sections import AccountSection, Section
from schemas.durations import Wait

_ProjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class CustomGPTLimits(Section):
    """How often CustomGPT.ai may be called. No limit of requests is documented: these are only brakes on a runaway."""

    chat: RateField = Field(default=Rate(60, 60.0), description="Messages and completions: each costs a query credit.")
    data: RateField = Field(default=Rate(600, 60.0), description="Everything else: lists, histories, reports.")
    max_wait: Wait = Field(
        default=timedelta(seconds=5), description="Longer waits for a free slot are not waited: the event is retried."
    )


class CustomGPTSettings(AccountSection):
    """An account at CustomGPT.ai: one project."""

    platform: Literal["customgpt"] = Field(description="Which platform the account is at.")
    project_id: _ProjectId = Field(
        coerce_numbers_to_str=True, description="The project (the agent) that is spoken with."
    )
    base_url: str = Field(
        default="https://app.customgpt.ai/api/v1",
        description="Where the platform's API is; https, unless allow_private is set.",
    )
    response_source: Literal["default", "own_content", "openai_content"] = Field(
        default="default",
        description="Where answers come from: the project's setting, its content, or the model alone.",
    )
    lang: _Word | None = Field(default=None, description="The language of answers; the project's without a word.")
    chatbot_model: _Word | None = Field(
        default=None, description="The model that answers; the project's without a word."
    )
    custom_persona: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="The persona that answers; the project's without a word."
    )
    mark_own: bool = Field(
        default=True,
        description="Mark what is sent in its external_id, so that the message is known as ours when it is polled.",
    )
    contact_conversations: bool = Field(
        default=False,
        description="Keep each contact as a conversation named after it, since the platform has no contacts: without "
        "this, contacts are not pushed.",
    )
    limits: CustomGPTLimits = CustomGPTLimits()
