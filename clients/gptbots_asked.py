"""What GPTBots is asked: its bodies, made from our values. Pure.

Documented at https://www.gptbots.ai/docs/api-reference/overview: conversation-api, user-api, workflow-api.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import JsonValue

from clients.account import Contact

Mode: TypeAlias = Literal["blocking", "streaming", "webhook"]
Feedback: TypeAlias = Literal["POSITIVE", "NEGATIVE", "CANCELED"]
Quality: TypeAlias = Literal["NONE", "UNRESOLVED", "PARTIALLY_RESOLVED", "FULLY_RESOLVED"]

# The longest user id the platform takes.
_MAX_USER_ID = 32


@dataclass(frozen=True, slots=True)
class Callback:
    """A URL that is called when a workflow has finished; give it a secret of yours in a header."""

    url: str
    method: Literal["POST", "GET"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnonymousId:
    """An id that a channel gave to a visitor who had none of yours."""

    anonymous_id: str
    # The channel: API, WIDGET, WHATSAPP_META …
    conversation_type: str
    source_id: str | None = None


def user_id_of(name: str) -> str:
    """Your id of a person as a user id of the platform: 32 characters at most, a longer one as a hash, always the same.

    The bound is documented (create-conversation), the hash is our way to keep it.
    """
    return name if len(name) <= _MAX_USER_ID else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


def message(conversation_id: str, mode: Mode, text: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    """`POST /v2/conversation/message`: a text of the user, with custom variables of the agent."""
    body: dict[str, Any] = {
        "conversation_id": conversation_id,
        "response_mode": mode,
        "messages": [{"role": "user", "content": text}],
    }
    return body | ({"conversation_config": {"custom_variables": dict(variables)}} if variables else {})


def properties(user_id: str, values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """`POST /v1/property/update`."""
    listed = [{"property_name": name, "value": value} for name, value in values.items()]
    return {"user_id": user_id, "property_values": listed}


def anonymous_ids(user_id: str, anonymous: Sequence[AnonymousId]) -> dict[str, Any]:
    """`POST /v1/user/set-userid`."""
    ids = [{name: value for name, value in asdict(one).items() if value is not None} for one in anonymous]
    return {"user_id": user_id, "anonymous_ids": ids}


def workflow(
    given: Mapping[str, JsonValue], *, user_id: str | None, wait: bool, callbacks: Sequence[Callback]
) -> dict[str, Any]:
    """`POST /v1/workflow/invoke`."""
    called = [{"method": one.method, "url": one.url, "headers": dict(one.headers)} for one in callbacks]
    return {
        **({} if user_id is None else {"userId": user_id}),
        "input": dict(given),
        "isAsync": not wait,
        **({"webhook": called} if called else {}),
    }


def fields_of(contact: Contact, mapped: Mapping[str, str]) -> dict[str, JsonValue]:
    """What is set of a contact, its attributes among the fields, in so far as a property is named for it."""
    given = contact.model_dump(mode="json", exclude_unset=True, exclude={"id", "tags"})
    given |= given.pop("attributes", {})
    return {name: value for name, value in given.items() if name in mapped}
