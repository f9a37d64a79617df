"""What each platform's client can do, as data: what there is of an operation, and how; what has to be switched on.

`Account` says by it why something is not supported, handlers tell their operator once, and the documentation has it as
a table. Tests hold it against the clients.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

ABILITIES = (
    "start_conversation",
    "send",
    "stream",
    "history",
    "conversations",
    "upsert_contact",
    "get_contact",
    "contact_of",
    "close_conversation",
)
"""The operations of every account, in the order of the tables."""


class Support(NamedTuple):
    """What a platform has of an operation."""

    # "configured": only when the account's section says so, because the platform does not document it.
    given: Literal["yes", "configured", "no"]
    how: str


SUPPORT: Mapping[str, Mapping[str, Support]] = MappingProxyType(
    {
        "mygptassistants": MappingProxyType(
            {
                "start_conversation": Support("yes", "nothing is called: the first message opens it"),
                "send": Support("yes", "as the user"),
                "stream": Support("yes", "as the user"),
                "history": Support("yes", "all at once"),
                "conversations": Support("yes", "page by page, since a time"),
                "upsert_contact": Support("configured", "contacts.enabled: announced, not documented"),
                "get_contact": Support("configured", "contacts.enabled: announced, not documented"),
                "contact_of": Support("no", "no call tells whom a conversation is with"),
                "close_conversation": Support("no", "no call closes one"),
            }
        ),
        "yourgpt": MappingProxyType(
            {
                "start_conversation": Support("yes", "createSession, with nobody in particular"),
                "send": Support("yes", "as send_by says: assistant, operator or user"),
                "stream": Support("yes", "in two steps, as the user"),
                "history": Support("yes", "getSessionMessages"),
                "conversations": Support("yes", "getSessions, by days with a token"),
                "upsert_contact": Support("configured", "contacts.enabled, and a token; found by id or address"),
                "get_contact": Support("configured", "with an organisation's token"),
                "contact_of": Support("yes", "getSessions"),
                "close_conversation": Support("yes", "updateSession: resolved"),
            }
        ),
        "customgpt": MappingProxyType(
            {
                "start_conversation": Support("yes", "named after the contact"),
                "send": Support("yes", "as the user"),
                "stream": Support("yes", "as the user"),
                "history": Support("yes", "page by page"),
                "conversations": Support("yes", "newest first; since is looked at here"),
                "upsert_contact": Support("configured", "contact_conversations: a conversation named after it"),
                "get_contact": Support("configured", "contact_conversations: found by that name"),
                "contact_of": Support("yes", "the external id of its messages"),
                "close_conversation": Support("yes", "deletes it with its messages"),
            }
        ),
        "gptbots": MappingProxyType(
            {
                "start_conversation": Support("yes", "for a user id"),
                "send": Support("yes", "as the user; answered at once or by webhook"),
                "stream": Support("yes", "as the user"),
                "history": Support("yes", "page by page"),
                "conversations": Support("yes", "page by page, since a time"),
                "upsert_contact": Support("configured", "properties; by id only: users come with conversations"),
                "get_contact": Support("yes", "the properties of a user id"),
                "contact_of": Support("no", "lists name the user of a conversation, none asks for one conversation"),
                "close_conversation": Support("yes", "human handoffs only"),
            }
        ),
    }
)
"""Platform → operation → what it has of it."""


def is_reachable(platform: str) -> bool:
    """Whether there is a client of a platform; the others are inbound only: handlers cannot answer there."""
    return platform in SUPPORT


def lack(platform: str, ability: str) -> str:
    """Why a platform has nothing of an operation; empty for what is not in the table."""
    found = SUPPORT.get(platform, {}).get(ability)
    return found.how if found else ""
