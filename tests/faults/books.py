"""Holds the handler `plugins/ledger.py` to its promises: every event handled in order, every effect once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.auditor import Records, Sent, inversions

SOURCE = "/handlers/ledger"


@dataclass(frozen=True, kw_only=True)
class Books:
    """Everything that is known of the handler's work."""

    # What was accepted.
    events: Sequence[Sent]
    # The topics of conversations and of dead letters.
    records: Records
    dead: Records
    # The handler's journal: event ids, and `timer:{key}:{name}`.
    journal: Sequence[str]
    # Name of an effect → how often it happened.
    effects: Counter[str]

    def wrong(self) -> dict[str, list[str]]:
        """Everything that is wrong, by kind; empty when all is done and nothing more."""
        letters = _by_event(self.dead)
        found: dict[str, list[str]] = defaultdict(list)
        for event in self.events:
            for kind in self._of(event, letters[event.event_id]):
                found[kind].append(event.id)
        found["out of order"] = inversions(line for line in self.journal if line.startswith("message."))
        found["dead letter altered"] = self._altered()
        found["effect doubled"] = [name for name, count in self.effects.items() if count > 1]
        return {kind: ids for kind, ids in found.items() if ids}

    def _of(self, event: Sent, reasons: set[str]) -> Iterable[str]:
        """What is wrong with one event."""
        if event.event_id not in self.journal:
            yield "unhandled"
        if event.seq % 5 == 4:
            if reasons != {"rejected"}:
                yield f"given up, and dead as {reasons}"
            if self.effects[event.event_id]:
                yield "given up, and with an effect"
        elif reasons:
            # Without a probe nobody can tell what a crash left of an effect.
            if reasons != {"uncertain"} or event.seq % 2 == 0:
                yield f"dead as {reasons}"
            if self._published(event):
                yield "dead, and published"
        else:
            yield from self._of_done(event)

    def _of_done(self, event: Sent) -> Iterable[str]:
        if not self.effects[event.event_id]:
            yield "without effect"
        if len(self._published(event)) != 1:
            yield "not published under one id"
        timer = f"timer:{event.conversation}:t{event.seq}"
        if timer not in self.journal:
            yield "timer not fired"
        elif not self.effects[timer] and not self._timer_is_dead(event):
            yield "timer without effect"

    def _published(self, event: Sent) -> set[str]:
        return {
            record["headers"]["ce_id"]
            for record in self.records
            if record["headers"]["ce_source"] == SOURCE
            and record["key"] == event.conversation
            and record["value"]["status"] == f"s{event.seq}"
        }

    def _timer_is_dead(self, event: Sent) -> bool:
        return any(
            letter["headers"]["ce_type"] == "hookline.timer"
            and letter["headers"]["x-dlq-reason"] == "uncertain"
            and letter["key"] == event.conversation
            and letter["value"]["name"] == f"t{event.seq}"
            for letter in self.dead
        )

    def _altered(self) -> list[str]:
        """The dead letters of events whose key or value is not the event's."""
        originals = {record["headers"]["ce_id"]: record for record in self.records}
        letters = [letter for letter in self.dead if letter["headers"]["ce_id"] in originals]
        return [
            letter["headers"]["ce_id"]
            for letter in letters
            if any(letter[part] != originals[letter["headers"]["ce_id"]][part] for part in ("key", "value"))
        ]


def received(records: Records) -> list[Mapping[str, Any]]:
    """The records that came in by a webhook."""
    return [record for record in records if record["headers"]["ce_source"].startswith("/sources/")]


def _by_event(dead: Records) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for letter in dead:
        found[letter["headers"]["ce_id"]].add(letter["headers"]["x-dlq-reason"])
    return found
