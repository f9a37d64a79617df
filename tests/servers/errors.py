"""What can go wrong when a test asks for a real server.

ServerError
├── ServerUnavailableError   this machine lacks what that way of starting needs; the next way is tried
├── NoServerError            no way was left
├── ServerStartError         it was started and is not ready in time, or ended
└── SupervisorError          the process that watches over a server is gone or answered nonsense
"""


class ServerError(Exception):
    """A server of the tests cannot be used."""


class ServerUnavailableError(ServerError):
    """This way of starting the server is not open on this machine; the text says what is missing."""


class ServerStartError(ServerError):
    """The server was started and did not become ready; the text ends with the tail of its log."""


class SupervisorError(ServerError):
    """The supervisor of a server process ended or answered what nobody asked."""


class NoServerError(ServerError):
    """No way to the server is open on this machine; the text lists every way tried and why not."""
