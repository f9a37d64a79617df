"""Finds out why a request was refused, as far as that may cost: floods of refusals are not looked into.

diagnosis = Diagnosis(sources, monotonic=loop.time, clock=utc_now)
hints = diagnosis.of(source, delivery, problem, reason)
"""

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from receiver.delivery import Delivery, Target
from receiver.diagnosis.case import Case
from receiver.diagnosis.hint import Hint
from receiver.diagnosis.looks import LOOKS, signers
from receiver.diagnosis.trials import looked_into
from receiver.limits import Bucket
from receiver.problems import Problem
from receiver.sources.source import Source

# A look costs some microseconds, a search some milliseconds: so many in so many seconds, of each source and in all.
_LOOKS: Final = (20, 1.0)
_SEARCHES: Final = (5, 5.0)
_SEARCHES_IN_ALL: Final = (8, 4.0)
_SEARCHED = frozenset({"signature-wrong", "signature-malformed"})
_BUSY = Hint("untried", "many were refused at that moment, and this one was not looked into")


class Diagnosis:
    """Looks at refused requests.

    Args:
        sources: all there are, by name.
        monotonic: seconds of a clock that is never set back.
        clock: the time of day, aware.
    """

    def __init__(
        self, sources: Mapping[str, Source], *, monotonic: Callable[[], float], clock: Callable[[], datetime]
    ) -> None:
        self._sources = sources
        self._monotonic = monotonic
        self._clock = clock
        # A source's name is one of the configuration, or None: there are few.
        self._looks: dict[str | None, Bucket] = {}
        self._searches: dict[str | None, Bucket] = {}
        self._in_all = Bucket(*_SEARCHES_IN_ALL)
        # Files are read at the start, not when a stranger posts something.
        signers()

    def of(self, source: Source, delivery: Delivery, problem: Problem, reason: str) -> tuple[Hint, ...]:
        """What is found out about a delivery that was refused.

        Args:
            source: where it was posted to.
            delivery: the request; without its body, where it was refused before that was read.
            problem: what its sender was told.
            reason: why, in the word that the log has.
        """
        if reason not in LOOKS:
            return ()
        if not self._may(self._looks, source.name, _LOOKS):
            return (_BUSY,)
        case = Case(
            source=source,
            delivery=delivery,
            problem=problem,
            reason=reason,
            now=self._clock(),
            sources=self._sources,
        )
        hints = list(LOOKS[reason](case))
        if reason in _SEARCHED and source.ring.scheme.signs and not _is_unread(delivery):
            hints.append(looked_into(case) if self._may_search(source.name) else _BUSY)
        # A search that found nothing adds nothing to a form that is wrong.
        told = [hint for hint in hints if hint.kind != "secret" or len(hints) == 1]
        return tuple(told)

    def lost(self, target: Target | None, path: str) -> tuple[Hint, ...]:
        """What is found out about a request that no source takes.

        Args:
            target: what it meant, if it has the form of a source's path.
            path: as it may be shown.
        """
        if not self._may(self._looks, None, _LOOKS):
            return (_BUSY,)
        if target is None:
            return (Hint("path", f"deliveries go to /in/ and a source's name, and it was posted to {path}"),)
        near = difflib.get_close_matches(target.source, self._sources, n=1)
        known = ", ".join(sorted(self._sources)[:10])
        meant = f"did you mean {near[0]}?" if near else f"there are {known or 'none'}"
        return (Hint("unknown-source", f"{path} names no source; {meant}"),)

    def _may_search(self, source: str) -> bool:
        return self._may(self._searches, source, _SEARCHES) and not self._in_all.take(self._monotonic())

    def _may(self, buckets: dict[str | None, Bucket], source: str | None, rate: tuple[int, float]) -> bool:
        bucket = buckets.get(source)
        if bucket is None:
            bucket = buckets[source] = Bucket(*rate)
        return not bucket.take(self._monotonic())


def _is_unread(delivery: Delivery) -> bool:
    """Whether it was refused before its body was read, of which nothing can be tried then."""
    told = delivery.headers.get(b"content-length") or b""
    return told.isdigit() and int(told[:20]) > len(delivery.body)
