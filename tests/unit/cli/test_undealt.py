"""What waits for a person."""

from cli.findings import Finding
from cli.undealt import crowded


def test_an_entry_with_very_many_parked_events_is_told_of() -> None:
    """Before it has so many that nothing more is read."""
    assert list(crowded({"few": 50_000, "many": 50_001})) == [
        Finding(
            "parked events",
            "degraded",
            "many has 50,001, and with 100,000 it reads nothing more until some are done: see why its attempts fail, "
            "`attempt.failed` in the log",
        )
    ]
