"""What became of a request, told to whoever wants to know: metrics, the log, the `dev` screen.

A hook is a plain callable that is given a frozen `Answered`. It holds no body, no header and no secret.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from receiver.diagnosis.hint import Hint
from receiver.limits import Bucket

log = structlog.get_logger()

_PRINTABLE = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
# A name and a version in figures.
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z._-]{0,31}(?:/[0-9][0-9.]{0,15})?")
_REFUSALS_A_SECOND = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent a request."""

    # The address at the other end of the connection, which may be a proxy's.
    remote: str = ""
    # What it calls itself.
    agent: str = ""


NOBODY = Sender()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request and its answer."""

    # The id by which it is known: in the answer, in the log, to `hookline explain`.
    request: str = ""
    # None: no source of ours was meant.
    source: str | None
    platform: str | None
    # The HTTP status.
    status: int
    # accepted, duplicate, handshake, or the name of the problem.
    outcome: str
    # Why it was not accepted, more precisely than the sender was told.
    reason: str = ""
    # The beginning of a path that is no source's.
    path: str = ""
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    # The platform's own names of them: a stranger's words, for the screen of `dev` alone.
    names: tuple[str | None, ...] = field(default=(), repr=False)
    quarantined: str | None = None
    # Which of the source's secrets matched, from 0.
    secret: int | None = None
    # From the complete header to the answer.
    seconds: float = 0.0
    # The fields that were at fault, dotted; never a value.
    fields: tuple[str, ...] = ()
    # Of a refused request.
    sender: Sender = NOBODY
    # What was found out about a refusal.
    hints: tuple[Hint, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether it was not accepted, for whatever reason."""
        return self.outcome not in ("accepted", "duplicate", "handshake")


Report = Callable[[Answered], None]


class LogReports:
    """One log line per answer; refusals beyond ten a second of one source are counted and told with the next line.

    Args:
        monotonic: seconds of a clock that is never set back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # Bound once: the proxy would make a new logger for each delivery.
        self.log = log.bind()
        # A source's name is one of the configuration, or None: there are few.
        self._buckets: dict[str | None, Bucket] = {}
        self._hidden: dict[str | None, int] = {}

    def __call__(self, answered: Answered) -> None:
        """Write the line."""
        if not answered.refused:
            if not self.log.is_enabled_for(logging.DEBUG):
                return
            self.log.debug(
                "delivery.accepted",
                request_id=answered.request,
                source=answered.source,
                outcome=answered.outcome,
                ids=[loggable(one) for one in answered.ids[:10]],
                types=list(answered.types[:10]),
                quarantined=answered.quarantined,
                secret=answered.secret,
                ms=round(answered.seconds * 1000, 1),
            )
        elif answered.outcome == "not-stored":
            log.error(
                "delivery.unstored",
                request_id=answered.request,
                source=answered.source,
                cause=answered.reason[:500],
                status=answered.status,
            )
        elif self._may_tell(answered.source):
            log.warning("delivery.refused", **_filled(_refusal(answered, self._hidden.pop(answered.source, 0))))

    def _may_tell(self, source: str | None) -> bool:
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = Bucket(_REFUSALS_A_SECOND, 1.0)
        if bucket.take(self._monotonic()):
            self._hidden[source] = self._hidden.get(source, 0) + 1
            return False
        return True


def _refusal(answered: Answered, hidden: int) -> dict[str, object]:
    return {
        "request_id": answered.request,
        "source": answered.source,
        "status": answered.status,
        "problem": answered.outcome,
        "reason": answered.reason,
        "why": "; ".join(hint.text for hint in answered.hints),
        "fields": [loggable(one) for one in answered.fields[:10]],
        "path": answered.path,
        "quarantined": answered.quarantined,
        "remote": answered.sender.remote,
        "agent": answered.sender.agent,
        "hidden": hidden,
    }


def _filled(entry: Mapping[str, object]) -> dict[str, object]:
    """What says something: a line is read by people too."""
    return {name: value for name, value in entry.items() if value}


def product(agent: str) -> str:
    """What a User-Agent names first, `curl/8.5.0`, as it may stand in a log; empty where it names nothing plain."""
    found = _PRODUCT.match(agent)
    return found[0] if found else ""


def loggable(name: str) -> str:
    """A stranger's id for a log line: as it is when it is short and plain, else a placeholder."""
    return name if _PRINTABLE.fullmatch(name) else "(not printable)"
