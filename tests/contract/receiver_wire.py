"""One request to the receiver as bytes, as malformed as a test wants it."""

from tests.unit.receiver.parts import MESSAGE, signed

SIGNED = signed("mygptassistants", MESSAGE)
CLOSE = b"Connection: close"
CHUNKED = b"Transfer-Encoding: chunked"
LINE = b"POST /in/support HTTP/1.1"


def request(
    *fields: bytes,
    line: bytes = LINE,
    body: bytes = MESSAGE,
    length: bool = True,
    host: bool = True,
    headers: list[tuple[bytes, bytes]] | None = None,
    end: bytes = b"\r\n",
) -> bytes:
    """One request, as malformed as it is told."""
    lines = [line, *([b"Host: test"] if host else [])]
    lines += [name + b": " + value for name, value in (SIGNED if headers is None else headers)]
    lines += [*fields, *([b"Content-Length: %d" % len(body)] if length else [])]
    return end.join([*lines, b"", b""]) + body


def chunked(body: bytes, extension: bytes = b"", end: bytes = b"\r\n") -> bytes:
    return b"%x" % len(body) + extension + end + body + end + b"0" + end + end
