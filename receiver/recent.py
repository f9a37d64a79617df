"""The newest refusals, in memory, for `hookline explain`: bounded, and gone with the process."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from receiver.diagnosis.hint import KINDS
from receiver.reports import Answered

OF_A_SOURCE: Final = 1_000
"""Refusals that are kept of each source; those of no source count as one."""

IN_ALL: Final = 10_000
"""Refusals that are kept."""


class Recent:
    """Keeps the newest refusals; a `Report`. Of one source's flood the others keep theirs.

    Args:
        receiver: this receiver's part of request ids.
        clock: the time of day, aware.
    """

    def __init__(self, receiver: str, clock: Callable[[], datetime]) -> None:
        self._receiver = receiver
        self._clock = clock
        self._since = clock()
        # In the order of their coming.
        self._kept: OrderedDict[str, tuple[datetime, Answered]] = OrderedDict()
        self._of: dict[str | None, deque[str]] = {}

    def __call__(self, answered: Answered) -> None:
        """Keep a refusal."""
        if not answered.refused:
            return
        own = self._of.setdefault(answered.source, deque())
        if len(own) == OF_A_SOURCE:
            del self._kept[own.popleft()]
        elif len(self._kept) == IN_ALL:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._of[oldest.source].popleft()
        own.append(answered.request)
        self._kept[answered.request] = (self._clock(), answered)

    def found(self, request: str) -> dict[str, Any] | None:
        """One refusal as JSON has it; None if it is not kept."""
        kept = self._kept.get(request)
        return None if kept is None else _told(*kept)

    def newest(self, *, source: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """The newest refusals, the newest first."""
        chosen = (kept for kept in reversed(self._kept.values()) if source in (None, kept[1].source))
        return [_told(*kept) for kept, _ in zip(chosen, range(limit), strict=False)]

    def state(self) -> dict[str, Any]:
        """Which receiver this is, since when, and from when on refusals are kept."""
        oldest = next(iter(self._kept.values()), None)
        return {
            "receiver": self._receiver,
            "since": self._since.isoformat(timespec="seconds"),
            "oldest": None if oldest is None else oldest[0].isoformat(timespec="seconds"),
            "kept": len(self._kept),
        }


def _told(at: datetime, answered: Answered) -> dict[str, Any]:
    hints = [
        {"kind": hint.kind, "text": hint.text, "means": KINDS[hint.kind].means, "do": KINDS[hint.kind].do}
        for hint in answered.hints
    ]
    return {
        "request_id": answered.request,
        "at": at.isoformat(timespec="milliseconds"),
        "source": answered.source,
        "platform": answered.platform,
        "status": answered.status,
        "problem": answered.outcome,
        "reason": answered.reason,
        "fields": list(answered.fields),
        "path": answered.path,
        "remote": answered.sender.remote,
        "agent": answered.sender.agent,
        "quarantined": answered.quarantined,
        "hints": hints,
    }
