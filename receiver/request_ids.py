"""Ids by which requests are known: a sender is told its own, and the operator asks for it with `hookline explain`."""

import secrets


class RequestIds:
    """Makes ids, `3f9a1c-8d02b7e6a4`: the receiver's own part, and one that nobody can guess or count."""

    def __init__(self) -> None:
        # Of this process: an id of another one, or of one that was stopped, is told as such.
        self.receiver = secrets.token_hex(3)

    def new(self) -> str:
        """An id for one request."""
        return f"{self.receiver}-{secrets.token_hex(5)}"
