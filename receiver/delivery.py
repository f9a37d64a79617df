"""One HTTP request as bytes: what verification and intake work on. Pure.

Header names and values stay bytes. A sender's header may hold anything, and a decoding error must not become an answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

RawHeaders = tuple[tuple[bytes, bytes], ...]

# A path is matched as sent: an escaped one (%2e%2e) is no source's.
_PATH = re.compile(r"/in/(?P<source>[a-z0-9][a-z0-9_-]{0,62})(?:/(?P<rest>[A-Za-z0-9._~/-]{0,512}))?")
# The source's name, or the first part of what is none of our paths.
_BEGINNING = re.compile(r"(?:/in)?/[^/]*")
_MAX_SHOWN = 80
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class Headers:
    """The headers of a request, by lower-case name."""

    __slots__ = ("_repeated", "_values", "raw")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self.raw: RawHeaders = tuple(raw)
        self._values: dict[bytes, bytes] = {}
        self._repeated: set[bytes] = set()
        for name, value in self.raw:
            low = name.lower()
            if low in self._values:
                self._repeated.add(low)
            else:
                self._values[low] = value

    def get(self, name: bytes) -> bytes | None:
        """The first value under a lower-case name, without the white space around it."""
        value = self._values.get(name)
        return None if value is None else value.strip(b" \t")

    def repeats(self, names: Iterable[bytes]) -> bool:
        """Whether one of these lower-case names stands there more than once."""
        return bool(self._repeated) and not self._repeated.isdisjoint(names)

    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty when it is missing."""
        value = self._values.get(b"content-type", b"")
        return value.partition(b";")[0].strip(b" \t").decode("ascii", "replace").lower()


@dataclass(frozen=True, slots=True)
class Target:
    """A request target, taken apart."""

    # The name in `/in/{source}`.
    source: str
    # What follows it, without the slash between them: a path secret, a platform's suffix, or nothing.
    rest: str = ""
    # As sent, without the question mark.
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request to a source, its body complete and unread."""

    method: str
    target: Target
    headers: Headers
    body: bytes


def shown_path(target: str, secrets: Iterable[bytes] = ()) -> str:
    """What of a target that no source takes may stand in a log: its beginning, escaped. Tokens stand further behind.

    Args:
        target: as sent.
        secrets: the path tokens of all sources: one may have come to stand where a name should.
    """
    path = _ORIGIN.sub("", target, count=1).partition("?")[0]
    found = _BEGINNING.match(path)
    begun = found[0] if found else ""
    if any(compare_digest(part.encode("utf-8", "replace"), one) for part in begun.split("/") for one in secrets):
        return "***"
    text = begun.encode("unicode_escape").decode("ascii")[:_MAX_SHOWN]
    return text if begun == path and len(text) < _MAX_SHOWN else f"{text}..."


def route(target: str) -> Target | None:
    """The source a request target means; None when it means none."""
    if not target.startswith("/"):
        # The absolute form that a client may use towards a proxy (RFC 9112, 3.2.2).
        target = _ORIGIN.sub("", target, count=1)
    path, _, query = target.partition("?")
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    return Target(match["source"], match["rest"] or "", query.partition("#")[0])
