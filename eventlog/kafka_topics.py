"""What is known of the topics we append to: how many partitions each has, and which records it never takes.

`append` answers at once, so it answers from here. Times are seconds of the event loop's clock, handed in.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from eventlog.errors import LogUnavailable, RecordRefused
from eventlog.kafka_lane import BATCH_OVERHEAD
from eventlog.partitioner import partition_of
from schemas.record import Record

# A topic that was absent so short a time ago is taken for absent; later it is looked for again first.
ABSENT_FOR = 10.0
# A topic that existed and is missing now is waited for so long: a starting broker may not know its topics yet.
MISSED_FOR = 5.0
# A topic we were denied is tried again after so long: rights may be given meanwhile.
DENIED_FOR = 5.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a topic's configuration says about records."""

    # `max.message.bytes`: the size of a batch.
    max_bytes: int
    # Compaction needs keys.
    compacted: bool = False

    @classmethod
    def of(cls, configs: Mapping[str, str], default: int) -> "Rules":
        """Read the answer of DescribeConfigs."""
        return cls(int(configs.get("max.message.bytes", default)), "compact" in configs.get("cleanup.policy", ""))


class Topics:
    """The topics of one connection to the log."""

    def __init__(self, max_message_bytes: int) -> None:
        self._default = Rules(max_message_bytes)
        self._partitions: dict[str, int] = {}
        self._rules: dict[str, Rules] = {}
        # When all topics were listed last; None before the first time.
        self._listed: float | None = None
        self._absent: dict[str, float] = {}
        self._missed: dict[str, float] = {}
        self._denied: dict[str, tuple[float, str]] = {}
        # Whose turn it is among the partitions, for records without a key.
        self._turns: dict[str, int] = {}

    @property
    def listed(self) -> bool:
        """Tell whether all topics were listed once."""
        return self._listed is not None

    def learn(self, found: Mapping[str, int], asked: Collection[str] | None, now: float) -> None:
        """Take in the partitions of the topics asked for, or of all.

        A count never changes here: it is fixed when a topic is created, and keys would move with it.
        """
        if asked is None:
            self._listed = now
        for topic, count in found.items():
            self._partitions.setdefault(topic, count)
            self._missed.pop(topic, None)
            self._absent.pop(topic, None)
        for topic in set(asked or ()) - found.keys():
            self._absent[topic] = now
            if topic in self._partitions and now - self._missed.setdefault(topic, now) >= MISSED_FOR:
                self._forget(topic)

    def learn_rules(self, topic: str, rules: Rules) -> None:
        """Take in what a topic's configuration says."""
        self._rules[topic] = rules

    def deny(self, topic: str, reason: str, now: float) -> None:
        """The topic refuses us; its records are refused at once for a while."""
        self._denied[topic] = (now, reason)

    def rules(self, topic: str) -> Rules:
        """A topic's rules, as far as they are known."""
        return self._rules.get(topic, self._default)

    def known(self, topic: str) -> bool:
        """Tell whether a topic's partitions are known."""
        return topic in self._partitions

    def partition(self, record: Record, chosen: int | None) -> int:
        """Where a record of a known topic goes.

        Raises:
            RecordRefused: there is no such partition.
        """
        count = self._partitions[record.topic]
        if chosen is not None:
            if not 0 <= chosen < count:
                raise RecordRefused(
                    f"{record.topic} has no partition {chosen}: it has {count}, numbered from 0", topic=record.topic
                )
            return chosen
        if record.key is not None:
            return partition_of(record.key, count)
        return self._turns.get(record.topic, 0)

    def next_turn(self, topic: str, partition: int) -> None:
        """A batch left for this partition: records without a key fill another one now."""
        if self._turns.get(topic, 0) == partition:
            self._turns[topic] = (partition + 1) % self._partitions.get(topic, 1)

    def check(self, record: Record, size: int, now: float) -> None:
        """Look whether the topic takes a record of so many bytes.

        Raises:
            RecordRefused: it does not, and never will as things are.
            LogUnavailable: the topic has to be looked up first; ask `Producers` to do it.
        """
        topic = record.topic
        if topic not in self._partitions:
            raise self._unknown(topic, now)
        if topic in self._denied and now - self._denied[topic][0] < DENIED_FOR:
            raise RecordRefused(self._denied[topic][1], topic=topic)
        rules = self._rules.get(topic, self._default)
        if size + BATCH_OVERHEAD > rules.max_bytes:
            raise RecordRefused(
                f"{topic} takes records of {rules.max_bytes} bytes (max.message.bytes), this one has up to "
                f"{size + BATCH_OVERHEAD}: send less, or raise the topic's limit",
                topic=topic,
            )
        if rules.compacted and record.key is None:
            raise RecordRefused(f"{topic} is compacted: a record needs a key there", topic=topic)

    def _unknown(self, topic: str, now: float) -> RecordRefused | LogUnavailable:
        looked = self._absent.get(topic, self._listed)
        if looked is not None and now - looked < ABSENT_FOR:
            return RecordRefused(
                f"the topic {topic} does not exist: create it with `hookline topics apply`", topic=topic
            )
        return LogUnavailable(f"the topic {topic} is being looked up in Kafka: try again")

    def _forget(self, topic: str) -> None:
        for known in (self._partitions, self._rules, self._missed, self._turns):
            known.pop(topic, None)
