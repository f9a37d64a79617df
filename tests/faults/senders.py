"""A steady load from several platforms at once: threads that send conversations, event after event."""

import itertools
import threading
import time
from typing import Self

from tests.e2e.processes import wait_for
from tests.faults.auditor import Answer, Auditor, Sent


class Senders:
    """Sends until it is left; then each thread sees its last event accepted, or loses its patience.

    Args:
        auditor: whose events are sent.
        conversations: how many are sent side by side, one thread each.
        every: seconds from one event of a conversation to the next, at the least.
        patience: seconds an event is tried again.
        pause: seconds between two tries.
        timeout: seconds a try waits for its answer.
    """

    def __init__(
        self,
        auditor: Auditor,
        *,
        conversations: int = 3,
        every: float = 0.01,
        patience: float = 60,
        pause: float = 0.05,
        timeout: float = 10,
    ) -> None:
        self.auditor = auditor
        self._every = every
        self._patience = patience
        self._pause = pause
        self._timeout = timeout
        self._leaving = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._run, args=(f"c{number}",), name=f"sender-{number}", daemon=True)
            for number in range(conversations)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Send nothing more, once what was begun is accepted."""
        self._leaving.set()
        for thread in self._threads:
            thread.join(self._patience + self._timeout)
            assert not thread.is_alive(), f"{thread.name} hangs"
        assert self._errors == []

    def accepted_since(self, moment: float, count: int, *, seconds: float = 30) -> float:
        """Wait until so many events were accepted after a moment; returns the seconds from it to the last of them."""

        def times() -> list[float]:
            accepted = [one.accepted for one in list(self.auditor.sent) if one.accepted is not None]
            found = sorted(each for each in accepted if each > moment)
            return found[:count] if len(found) >= count else []

        last: float = wait_for(times, seconds=seconds, what=f"the acceptance of {count} events")[-1]
        return last - moment

    def recovered(self, moment: float) -> float:
        """Seconds from a moment until every conversation had gone on."""
        firsts: dict[str, float] = {}
        for one in self.auditor.sent:
            if one.accepted is not None and one.accepted > moment:
                firsts.setdefault(one.conversation, one.accepted - moment)
        assert len(firsts) == len(self._threads), f"only {sorted(firsts)} went on"
        return max(firsts.values())

    def last(self) -> list[Sent]:
        """The last event of each conversation."""
        return list({one.conversation: one for one in self.auditor.sent}.values())

    def answers(self, since: float = 0.0) -> list[Answer]:
        """The answers to attempts that began after a moment."""
        return [answer for one in list(self.auditor.sent) for answer in list(one.answers) if answer.at >= since]

    def _run(self, conversation: str) -> None:
        try:
            for seq in itertools.count():
                began = time.monotonic()
                self.auditor.send(conversation, seq, patience=self._patience, timeout=self._timeout, pause=self._pause)
                if self._leaving.wait(max(0.0, began + self._every - time.monotonic())):
                    return
        except Exception as error:  # noqa: BLE001 - told by `finish`, in the test's own thread
            self._errors.append(error)
