"""A refused request, and what is known beside it: what every look at it starts from. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.delivery import Delivery
from receiver.problems import Problem
from receiver.sources.source import Source

# What may be shown of a stranger's header: short and plain.
_PLAIN = re.compile(r"[A-Za-z0-9._:;=+*/ -]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request that was refused."""

    source: Source
    delivery: Delivery
    problem: Problem
    # Why, in the word that the log and the metrics have.
    reason: str
    # The time of receipt, aware.
    now: datetime
    # All sources, by name: it may be meant for another one.
    sources: Mapping[str, Source]

    @property
    def others(self) -> list[Source]:
        """The other sources that prove who sends."""
        proving = ("hmac", "hash", "static_token")
        return [one for one in self.sources.values() if one != self.source and one.ring.scheme.mode in proving]


def plain(value: bytes | None) -> str:
    """A header's value for a person, if it is short and plain; never for what may be a secret."""
    text = (value or b"").decode("latin-1")
    return repr(text) if _PLAIN.fullmatch(text) else "something longer or unprintable"


def counted(number: float, what: str) -> str:
    """A number with its thing: `1 byte`, `1,700 bytes`."""
    return f"{number:,.0f} {what}" + ("" if round(number) == 1 else "s")


def ordinal(index: int, of: int) -> str:
    """Which secret: `secret 2 of 3`; the first is the newest."""
    return "the secret" if of == 1 else f"secret {index + 1} of {of}"
