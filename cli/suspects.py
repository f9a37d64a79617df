"""What is taken to crash a worker again and again, in words. Pure."""

from collections.abc import Iterable, Mapping

from cli.entry_reports import Report
from dispatcher.caution import is_suspect, record_item, replay_item
from schemas.record import StoredRecord
from store.replay_rows import Mark
from store.suspects import whereabouts


def crashed_with(kept: Mapping[str, int], report: Report) -> Mapping[str, int]:
    """What was under way at crashes and has not ended since → at how many.

    Args:
        kept: what the store says, which counts the crash that may come.
        report: what the workers that run here say, who know that it has not come.
    """
    return {**kept, **report.noted}


def suspects_told(noted: Mapping[str, int]) -> str:
    """What was under way at crash after crash.

    Args:
        noted: what was under way at crashes → at how many; where there are no suspects, nothing is told.
    """
    found = {where: crashes for where, crashes in noted.items() if is_suspect(crashes)}
    if not found:
        return ""
    where, crashes = max(found.items(), key=lambda each: each[1])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{where}{more} was under way at {crashes} crashes: such are tried alone, and nothing beside them"


def crashes_of(copies: Iterable[StoredRecord], marks: Iterable[Mark], noted: Mapping[str, int]) -> tuple[int, int]:
    """At how many crashes an event was under way, and how many others are suspects.

    Args:
        copies: its records.
        marks: its replays.
        noted: what was under way at crashes → at how many.
    """
    names = {whereabouts(copy.at, record_item(copy.offset)) for copy in copies}
    names |= {whereabouts(mark.origin, replay_item(mark.id)) for mark in marks if mark.origin is not None}
    crashes = max((noted.get(name, 0) for name in names), default=0)
    return crashes, sum(is_suspect(count) for name, count in noted.items() if name not in names)
