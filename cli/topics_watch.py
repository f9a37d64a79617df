"""Whether the topics are there as the configuration says: looked at until it is so, then now and then."""

import asyncio
from collections.abc import Mapping

from cli.topic_state import TopicState, look
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from schemas.topics import TopicSettings

# Seconds between looks, while something is wrong and while all is well.
_SOON, _LATER = 1.0, 5.0


class TopicsWatch:
    """Knows the last known state of the topics; `run` keeps it fresh."""

    def __init__(self, log: EventLog, wanted: Mapping[str, TopicSettings]) -> None:
        self._log = log
        self._wanted = wanted
        # What is wrong with them; empty when all is well.
        self._differs = ""
        # Why the log does not say.
        self._silence = "it has not answered yet"

    @property
    def problem(self) -> str:
        """What is wrong and what to do; empty when all is well."""
        if self._silence:
            # of a log that is known to be away others tell in these words
            return f"the event log does not answer: {self._log.health().detail or self._silence}"
        return self._differs

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self._differs, self._silence = _told(await look(self._log, self._wanted)), ""
            except EventLogError as error:
                self._silence = str(error)
            await asyncio.sleep(_SOON if self.problem else _LATER)


def _told(states: list[TopicState]) -> str:
    missing = [state.topic for state in states if state.found is None]
    differing = [state.topic for state in states if state.found not in (None, state.wanted)]
    if missing:
        return f"topics are missing ({', '.join(missing)}): create them with `hookline topics apply`"
    if differing:
        return f"topics have other partition counts than wanted ({', '.join(differing)}): see `hookline topics plan`"
    return ""
