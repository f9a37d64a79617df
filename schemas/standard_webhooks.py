"""The payload that Standard Webhooks recommends: `{type, timestamp, data}` (spec 1.0.0, "Payload structure").

The spec imposes no shape, so nothing is required: what a delivery says is told to handlers as it came.
"""

from datetime import datetime

from pydantic import JsonValue

from schemas.lenient import as_time


def time_of(payload: JsonValue) -> datetime | None:
    """When the event occurred, where the payload tells it in a form that can be read."""
    if not isinstance(payload, dict):
        return None
    try:
        time = as_time(payload.get("timestamp"))
    except ValueError:
        return None
    return time if isinstance(time, datetime) else None
