"""Which `session_uid` belongs to which session id: webhooks give the one, calls want the other. Pure, bounded.

Not documented is how to tell them apart. A session's id is a small integer; its uid was seen as a number of 17 digits,
which no JavaScript integer is exact for, and as a text. So what is no integer below 2^53 is taken for a uid (inferred).
"""

from collections import OrderedDict
from typing import Final

MAX_KNOWN: Final = 10_000

_EXACT: Final = 2**53


def session_number(conversation_id: str) -> int | None:
    """The session id that a conversation's id is; None if it is a uid."""
    if not (conversation_id.isascii() and conversation_id.isdigit()) or len(conversation_id) > len(str(_EXACT)):
        return None
    number = int(conversation_id)
    return number if number < _EXACT else None


class Sessions:
    """The pairs used last."""

    def __init__(self, *, most: int = MAX_KNOWN) -> None:
        self._most = most
        self._uids: OrderedDict[str, str] = OrderedDict()

    def learn(self, session_id: str, session_uid: str) -> None:
        """Remember a pair; the one that was not used for longest goes."""
        self._uids[session_id] = session_uid
        self._uids.move_to_end(session_id)
        if len(self._uids) > self._most:
            self._uids.popitem(last=False)

    def uid(self, session_id: str) -> str | None:
        """The uid of a session, if it is known."""
        found = self._uids.get(session_id)
        if found is not None:
            self._uids.move_to_end(session_id)
        return found

    def __len__(self) -> int:
        return len(self._uids)
