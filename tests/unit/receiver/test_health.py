"""What the checks say together."""

import pytest

from receiver.health import Health, State, health_of, status_of


@pytest.mark.parametrize(
    ("log", "dedupe", "health", "status"),
    [
        ("ok", "ok", "ok", 200),
        ("ok", "degraded", "ok", 200),
        ("failing", "degraded", "failing", 503),
    ],
)
def test_readiness(log: State, dedupe: State, health: str, status: int) -> None:
    """Without the log nothing is kept; without the dedupe store everything is."""
    found = health_of({"log": lambda: log, "dedupe": lambda: dedupe})
    assert found == Health.model_validate({"status": health, "checks": {"log": log, "dedupe": dedupe}})
    assert status_of(found) == status
