"""The users of a GPTBots agent: their properties, and the visitors of channels who were said to be them.

Documented at https://www.gptbots.ai/docs/api-reference/user-api/user-overview: a user exists once a conversation named
it, and at most 100 anonymous ids are bound to one; the oldest binding is dropped.
"""

import hashlib
from typing import Any, Final

from simulator.recent import Latest

MAX_USER_ID: Final = 32
MAX_BOUND: Final = 100


def user_id_of(name: str) -> str:
    """Return a name as a user id within the documented bound."""
    return name if len(name) <= MAX_USER_ID else hashlib.md5(name.encode(errors="replace")).hexdigest()  # noqa: S324  # no secret


class Users:
    """All users, bounded; the least recently changed are forgotten."""

    def __init__(self) -> None:
        self._properties = Latest[str, dict[str, Any]]()
        self._bound = Latest[str, list[dict[str, Any]]]()
        # anonymous id → user id
        self._users_of = Latest[str, str]()

    def get(self, user_id: str) -> dict[str, Any] | None:
        """Return a user's properties, or None for a user nobody named."""
        return self._properties.get(user_id)

    def named(self, user_id: str) -> dict[str, Any]:
        """Return a user's properties, which may be changed; the user comes to be."""
        found = self._properties.get(user_id)
        return self._properties.set(user_id, {} if found is None else found)

    def set(self, user_id: str, name: str, value: object) -> bool:
        """Set one property; False if the agent does not define it, or the value does not fit."""
        if name.startswith("missing") or isinstance(value, dict | list):
            return False
        self.named(user_id)[name] = value
        return True

    def bind(self, user_id: str, ids: list[dict[str, Any]]) -> None:
        """Say that visitors of channels are this user."""
        new = {one["anonymous_id"] for one in ids}
        kept = [one for one in self.bound(user_id) if one["anonymous_id"] not in new]
        self._bound.set(user_id, [*kept, *ids][-MAX_BOUND:])
        for one in ids:
            self._users_of.set(one["anonymous_id"], user_id)
        self.named(user_id)

    def bound(self, user_id: str) -> list[dict[str, Any]]:
        """Return the visitors who are this user, oldest binding first."""
        return self._bound.get(user_id) or []

    def bound_to(self, anonymous_id: str) -> str | None:
        """Return the user a visitor was said to be."""
        return self._users_of.get(anonymous_id)

    def clear(self) -> None:
        """Forget everything."""
        self._properties.clear()
        self._bound.clear()
        self._users_of.clear()
