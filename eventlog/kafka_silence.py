"""How long fetches have gone unanswered, partition by partition. Pure.

A broker answers a fetch within half a second, with records or without. A connection that died without a word, or a task
of aiokafka's that stands still, leaves a consumer that waits for ever and looks well.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from schemas.record import TopicPartition


@dataclass(slots=True)
class Silence:
    """Of one consumer. Only time spent waiting for records counts: what is not asked for cannot be silent."""

    # Partitions asked for last → seconds, and when their brokers answered last.
    _seconds: dict[TopicPartition, float] = field(default_factory=dict)
    _answers: Mapping[TopicPartition, int] = field(default_factory=dict)

    def listened(
        self, seconds: float, answers: Mapping[TopicPartition, int], found: Collection[TopicPartition]
    ) -> None:
        """Some partitions were asked for.

        Args:
            seconds: for how long.
            answers: each of them → when its broker answered last, by any clock.
            found: those with records.
        """
        self._seconds = {
            at: 0.0 if at in found or answer != self._answers.get(at, 0) else self._seconds.get(at, 0.0) + seconds
            for at, answer in answers.items()
        }
        self._answers = dict(answers)

    @property
    def seconds(self) -> float:
        """How long nobody has answered at all."""
        return min(self._seconds.values(), default=0.0)

    def deaf(self, after: float) -> dict[TopicPartition, float]:
        """The partitions that heard nothing for longer, whatever others hear, and for how many seconds."""
        return {at: seconds for at, seconds in self._seconds.items() if seconds > after}

    def excuse(self, but: float) -> None:
        """Take silence for a fault of the log's, but for the last so many seconds."""
        self._seconds = {at: min(seconds, but) for at, seconds in self._seconds.items()}
