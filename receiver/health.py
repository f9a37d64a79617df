"""Whether the receiver lives, and whether it should be sent deliveries. Pure.

The public port tells the names of the checks and their state; causes stand in the log and in `hookline doctor`.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import BaseModel, Field

State = Literal["ok", "degraded", "failing"]
Check = Callable[[], State]
"""Costs nothing: it tells the last known state."""


class Health(BaseModel):
    """The body of `/livez` and `/readyz`."""

    status: Literal["ok", "failing"]
    checks: dict[str, State] = Field(default_factory=dict, description="degraded: it works, with less than promised.")


def health_of(checks: Mapping[str, Check]) -> Health:
    """What the checks say together: one that fails makes the receiver unready, a degraded one does not."""
    states = {name: check() for name, check in checks.items()}
    return Health(status="failing" if "failing" in states.values() else "ok", checks=states)


def status_of(health: Health) -> int:
    """The HTTP status a load balancer understands."""
    return 200 if health.status == "ok" else 503
