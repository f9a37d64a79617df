"""What a receiver makes of a platform's delivery, for tests: `events_in(body, platform="mygptassistants")`."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatcher.world import NOW
from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, intake
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from schemas.envelope import decode
from schemas.events import Event
from schemas.topics import Topics


def events_in(
    body: bytes | Mapping[str, Any],
    *,
    platform: str,
    source: str = "support",
    headers: Mapping[str, str] | None = None,
    suffix: str = "",
    now: datetime = NOW,
) -> list[Event]:
    """The events of a delivery, read as the receiver reads it. Nothing is signed and no signature is looked at.

    Args:
        body: as posted, or as JSON.
        platform: whose.
        source: the source's name.
        headers: those that the platform tells something by.
        suffix: what the platform puts behind the source's name in the path.
        now: when it was received.

    Raises:
        ValueError: the receiver would refuse it; the text says why.
    """
    settings = SourceSettings(platform=platform, verify="none")
    opened = open_sources({source: settings}, ReceiverSettings())[source]
    named = {"content-type": min(opened.platform.media_types), **(headers or {})}
    delivery = Delivery(
        method="POST",
        target=Target(source, suffix),
        headers=Headers((name.lower().encode(), value.encode()) for name, value in named.items()),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    outcome = intake(opened, delivery, Topics(), now)
    if not isinstance(outcome, Accepted) or outcome.quarantined is not None:
        raise ValueError(
            f"no delivery of {platform}: {getattr(outcome, 'reason', 'it does not fit what is documented')}"
        )
    return [decode(one.record.stored(partition=0, offset=number)) for number, one in enumerate(outcome.records)]
