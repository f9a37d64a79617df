"""What can go wrong in the receiver itself.

ReceiverError
├── SourceMisconfigured  the configured sources cannot be opened; the text names source and key, never a value
├── AddressTaken         the address to listen on is in use, or is not ours to use
└── UnsafeParser         aiohttp would parse requests without its C parser, which is known to let requests be smuggled

What a sender did wrong is no error here: it is a value, `Refusal` (`receiver/intake.py`) with a `Problem`.
"""


class ReceiverError(Exception):
    """The receiver cannot run; the text says what happened, why, and what to do next."""


class SourceMisconfigured(ReceiverError):
    """The sources cannot be opened as configured."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        # One sentence for each thing that is wrong.
        self.problems = problems


class AddressTaken(ReceiverError):
    """Nothing can listen on the address."""

    def __init__(self, message: str, *, host: str, port: int) -> None:
        super().__init__(message)
        self.host = host
        self.port = port


class UnsafeParser(ReceiverError):
    """aiohttp's C parser is missing."""
