"""The topics, what each holds and how it is kept.

The names are a contract; the prefix, partitions and retention are configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.durations import PositiveDuration

TopicName = Literal["conversations", "contacts", "contacts.state", "platform", "deliveries", "quarantine", "dead"]

DEFAULT_PREFIX = "hookline."


class TopicSettings(BaseModel):
    """How one topic is kept: `[topics.<name>]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partitions: int = Field(default=12, ge=1, le=1000, description="Fixed when the topic is created.")
    retention: PositiveDuration | None = Field(default=timedelta(days=14), description="Older records may go.")
    compact: bool = Field(default=False, description="Of records with one key only the latest is kept.")


DEFAULTS: Mapping[TopicName, TopicSettings] = MappingProxyType(
    {
        "conversations": TopicSettings(retention=timedelta(days=30)),
        "contacts": TopicSettings(retention=timedelta(days=30)),
        "contacts.state": TopicSettings(retention=None, compact=True),
        "platform": TopicSettings(partitions=3, retention=timedelta(days=14)),
        "deliveries": TopicSettings(retention=timedelta(days=3)),
        "quarantine": TopicSettings(partitions=3, retention=timedelta(days=30)),
        "dead": TopicSettings(retention=timedelta(days=30)),
    }
)

# An event type's topic is found by the part before the first dot.
_BY_FAMILY: Mapping[str, TopicName] = MappingProxyType(
    {
        "message": "conversations",
        "conversation": "conversations",
        "handoff": "conversations",
        "contact": "contacts",
        "bot": "platform",
        "workflow": "platform",
        "unknown": "platform",
    }
)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one installation."""

    prefix: str = DEFAULT_PREFIX
    # a factory, since Python 3.11 refuses an unhashable default
    settings: Mapping[TopicName, TopicSettings] = field(default_factory=lambda: DEFAULTS)

    def name(self, topic: TopicName) -> str:
        """The topic's full name in the log."""
        return self.prefix + topic

    def of(self, event_type: str) -> str:
        """The full name of the topic that holds events of a CloudEvents type.

        Raises:
            KeyError: no topic holds that type.
        """
        if event_type == "contact.snapshot":
            return self.name("contacts.state")
        return self.name(_BY_FAMILY[event_type.partition(".")[0]])

    def all(self) -> Mapping[str, TopicSettings]:
        """Full name → how it is kept, for every topic."""
        return {self.name(topic): self.settings.get(topic, default) for topic, default in DEFAULTS.items()}
