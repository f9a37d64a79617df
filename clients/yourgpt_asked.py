"""What YourGPT is asked: its bodies, made from our values. Pure.

Documented at https://docs.yourgpt.ai/chatbot/api-reference: conversations, contacts, integration/conversation.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from clients.account import Contact

SendBy: TypeAlias = Literal["user", "assistant", "operator"]
State: TypeAlias = Literal["pending", "unresolved", "resolved", "closed"]
ChatMode: TypeAlias = Literal["bot", "awaiting", "operator"]
Kind: TypeAlias = Literal["ALL", "USERS", "LEADS", "SPAM"]

PAGE: Final = 100
"""The largest page the platform gives."""

# The platform's zone is not documented: its dates may be a day off ours.
_DAY = timedelta(days=1)


def message(session_uid: str, text: str, send_by: SendBy, *, stream: bool = False) -> dict[str, Any]:
    """`/sendMessage`."""
    body = {"session_uid": session_uid, "message": text, "send_by": send_by}
    return body | ({"is_stream": True} if stream else {"content_type": "text"})


def messages(session_uid: str) -> dict[str, Any]:
    """`/getSessionMessages`, oldest first."""
    return {"session_uid": session_uid, "orderBy": "ASC"}


def sessions() -> dict[str, Any]:
    """`/getSessions`, newest first."""
    return {"orderBy": "DESC"}


def paged(body: Mapping[str, Any], page: int) -> dict[str, Any]:
    """One page of any list."""
    return {**body, "limit": PAGE, "page": page}


def days(since: datetime, now: datetime) -> dict[str, Any]:
    """The range of days of a list of sessions, a day wider at both ends."""
    return {"from": f"{since.astimezone(UTC) - _DAY:%Y-%m-%d}", "to": f"{now.astimezone(UTC) + _DAY:%Y-%m-%d}"}


def session_filter(session_id: int) -> dict[str, Any]:
    """The filter of a project key's list that leaves one session; its key and operator are inferred."""
    return {"filter": [{"model": "SESSION", "key": "id", "operator": "eq", "value": session_id}]}


def contact_fields(contact: Contact) -> dict[str, Any]:
    """What is set of a contact and has a field there."""
    given = {name: getattr(contact, name) for name in ("name", "email", "phone")}
    return {name: value for name, value in given.items() if value is not None}


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def user_hash(
    secret: str, *, ext_user_id: str | None = None, email: str | None = None, phone: str | None = None
) -> str:
    """The `user_hash` that proves a visitor to the widget (developer-guide/identity-verification).

    Hex HMAC-SHA256, with the widget's secret, of the first there is of the three.

    Raises:
        ValueError: there is none.
    """
    known = next(filter(None, (ext_user_id, email, phone)), None)
    if known is None:
        raise ValueError("a user_hash needs an external user id, an e-mail address or a phone number")
    return hmac.new(secret.encode(), known.encode(), hashlib.sha256).hexdigest()


def named(body: Mapping[str, Any], *, widget_uid: str | None, project_uid: str | None) -> dict[str, Any]:
    """A body that names the project, as its kind of key has it."""
    return given(widget_uid=widget_uid, project_uid=project_uid) | dict(body)
