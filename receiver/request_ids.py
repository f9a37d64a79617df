"""Ids by which requests are known: a sender is told its own, and the operator asks for it with `hookline explain`."""

import secrets
from collections.abc import Iterator

# Bytes of a request's own part, and how many parts are drawn at a time: each draw is a call of the system.
_SIZE, _DRAWN = 5, 512


class RequestIds:
    """Makes ids, `3f9a1c-8d02b7e6a4`: the receiver's own part, and one that nobody can guess or count."""

    def __init__(self) -> None:
        # Of this process: an id of another one, or of one that was stopped, is told as such.
        self.receiver = secrets.token_hex(3)
        self._parts = _parts()

    def new(self) -> str:
        """An id for one request."""
        return f"{self.receiver}-{next(self._parts)}"


def _parts() -> Iterator[str]:
    while True:
        drawn = secrets.token_hex(_SIZE * _DRAWN)
        for at in range(0, len(drawn), 2 * _SIZE):
            yield drawn[at : at + 2 * _SIZE]
