"""How the topics in the log compare with those of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventlog.log import EventLog
from schemas.topics import TopicSettings


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic of the configuration."""

    topic: str
    # Its partitions in the log; None when it is not there.
    found: int | None
    wanted: int

    @property
    def verdict(self) -> str:
        """`ok`, `missing`, or what differs and what to do."""
        if self.found is None:
            return "missing"
        if self.found == self.wanted:
            return "ok"
        return f"differs: set partitions = {self.found} where {self.wanted} is set, a topic's count is fixed"


async def look(log: EventLog, wanted: Mapping[str, TopicSettings]) -> list[TopicState]:
    """Ask the log.

    Raises:
        EventLogError: it does not answer.
    """
    found = await log.partitions(wanted)
    return [TopicState(topic, found.get(topic), settings.partitions) for topic, settings in wanted.items()]
