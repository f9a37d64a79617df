"""What CustomGPT.ai is asked: its bodies and queries, made from our values. Pure.

Documented at https://docs.customgpt.ai/openapi/openapi.json and, for contacts, at
https://docs.customgpt.ai/reference/crm-integration-external_id: a person is an id of at most 128 characters, and may
stand in a conversation's name, such as `crm:12345`, a dash, and `ACME`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clients.account import Contact
from clients.customgpt_settings import CustomGPTSettings
from schemas.customgpt import CONTACT_MARK, MAX_EXTERNAL_ID

MAX_NAME: Final = 255
"""Characters of a conversation's name."""

_BETWEEN: Final = " – "  # noqa: RUF001 - the dash that the page writes
# What a mark of ours needs behind an external id.
_MARK_ROOM = 32


def external_id_of(contact: Contact | None) -> str | None:
    """What tells a contact from others: its id, address or number; a long one as a hash, always the same."""
    known = contact and (contact.id or contact.email or contact.phone)
    if not known:
        return None
    fits = len(known) <= MAX_EXTERNAL_ID - _MARK_ROOM and _BETWEEN not in known
    return known if fits else hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()


def name_of(contact: Contact | None, external_id: str | None) -> str:
    """The name of a contact's conversation."""
    called = contact and (contact.name or contact.email or contact.phone)
    parts = [external_id, called if called != external_id else None]
    return short_name(_BETWEEN.join(part for part in parts if part) or "New conversation")


def short_name(name: str) -> str:
    """A name within the platform's bound."""
    return name[:MAX_NAME]


def kept_name(name: str) -> str:
    """The name of a conversation that is made to keep a contact: our poll knows it again."""
    return name[: MAX_NAME - len(CONTACT_MARK)] + CONTACT_MARK


def is_named_after(name: str, external_id: str) -> bool:
    """Whether a conversation's name is that of a contact."""
    return name.removesuffix(CONTACT_MARK).partition(_BETWEEN)[0] == external_id


def contact_of(name: str, contact_id: str) -> Contact:
    """What a conversation's name tells of its contact."""
    called = name.removesuffix(CONTACT_MARK).partition(_BETWEEN)[2] or None
    email = next((text for text in (called, contact_id) if text and "@" in text), None)
    return Contact(id=contact_id, name=None if called == email else called, email=email)


def message_query(*, stream: bool, lang: str | None, external_id: str | None) -> dict[str, str]:
    """The query of a message; what is not said the platform decides."""
    return {
        **({"stream": "true"} if stream else {}),
        **({} if lang is None else {"lang": lang}),
        **({} if external_id is None else {"external_id": external_id}),
    }


def message(text: str, settings: CustomGPTSettings) -> dict[str, Any]:
    """`POST …/messages`."""
    more = {"custom_persona": settings.custom_persona, "chatbot_model": settings.chatbot_model}
    chosen = {name: value for name, value in more.items() if value is not None}
    return {"response_source": settings.response_source, "prompt": text, **chosen}


def completion(
    messages: Sequence[Mapping[str, str]], *, lang: str | None, external_id: str | None, inline_citations: bool | None
) -> dict[str, Any]:
    """`POST …/chat/completions`."""
    more = {"lang": lang, "external_id": external_id, "is_inline_citation": inline_citations}
    return {"messages": [dict(one) for one in messages], "stream": False} | {
        name: value for name, value in more.items() if value is not None
    }
