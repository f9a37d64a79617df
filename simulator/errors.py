"""What can go wrong in the simulator.

SimulatorError
├── AddressTakenError   another process listens where the simulator should
├── InvalidJsonError    a body is not a JSON object that can be kept; answered 400
├── RefusedError        a platform's documented refusal: status, code, message
├── ControlError        a request to /_control that cannot be carried out
└── UndeliveredError    one attempt to post a webhook got no answer
"""

from collections.abc import Mapping


class SimulatorError(Exception):
    """The root: everything the simulator raises on purpose."""


class AddressTakenError(SimulatorError):
    """Another process listens on the address; choose another port (0 takes a free one)."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"The simulator cannot listen on {host}:{port} because the port is taken; "
            f"stop the other process or give another port (0 takes a free one)."
        )
        self.host = host
        self.port = port


class InvalidJsonError(SimulatorError):
    """A body is not a JSON object; the text says in which way and may be shown to the caller."""


class RefusedError(SimulatorError):
    """A refusal as a platform documents it; becomes the platform's error envelope."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class ControlError(SimulatorError):
    """A control request names something unknown or does not fit; `status` is 400 or 404."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class UndeliveredError(SimulatorError):
    """One attempt to post a webhook ended without an answer; the text is short and holds no payload."""
