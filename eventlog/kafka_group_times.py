"""How long a group waits for its members, each time derived from the one before.

Past `rebalance_timeout` the group goes on without whoever has not given its partitions back, and Kafka tells nobody:
two members work on them then. So it follows from how long giving back can take. Joining is one request that lasts as
long as the slowest other member takes, and while it gives back a member does not poll.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from eventlog.kafka_client import milliseconds
from eventlog.kafka_settings import KafkaSettings

_SHORTEST = timedelta(seconds=30)
# A member learns of a rebalance by a heartbeat, a second or some late.
_LEARNS = timedelta(seconds=5)
_JOINS = timedelta(seconds=10)
# Kafka's default of `max.poll.interval.ms`.
_POLLS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTimes:
    """The times of one member."""

    session: timedelta
    heartbeat: timedelta
    rebalance: timedelta

    @classmethod
    def of(cls, settings: KafkaSettings, revokes_within: timedelta) -> Self:
        """What fits a member that takes so long to give partitions back."""
        rebalance = settings.rebalance_timeout or max(_SHORTEST, revokes_within + _LEARNS)
        return cls(session=settings.session_timeout, heartbeat=settings.heartbeat, rebalance=rebalance)

    @property
    def request(self) -> timedelta:
        """The longest request: a join, which waits for a whole rebalance."""
        return self.rebalance + _JOINS

    def options(self) -> Mapping[str, int]:
        """The times as aiokafka names them."""
        return {
            "session_timeout_ms": milliseconds(self.session),
            "heartbeat_interval_ms": milliseconds(self.heartbeat),
            "rebalance_timeout_ms": milliseconds(self.rebalance),
            "max_poll_interval_ms": milliseconds(max(_POLLS, 2 * self.rebalance)),
        }
