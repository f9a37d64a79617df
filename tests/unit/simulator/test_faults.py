"""Orders to misbehave."""

import pytest
from pydantic import ValidationError

from simulator.faults import Fault, Faults

ANY = {"server_error", "reset"}


def test_a_fault_is_used_up() -> None:
    """It meets as many requests as was said."""
    faults = Faults()
    faults.add(Fault(kind="reset", route="chat", count=2))
    met = [faults.take("mygptassistants", "chat", ANY) is not None for _ in range(3)]
    assert met == [True, True, False]


def test_a_fault_without_count_stays_until_cleared() -> None:
    """For a platform that is down for a while."""
    faults = Faults()
    faults.add(Fault(kind="reset", route="chat", count=None))
    before = [faults.take("mygptassistants", "chat", ANY) is not None for _ in range(3)]
    faults.clear()
    assert (before, faults.take("mygptassistants", "chat", ANY)) == ([True, True, True], None)


def test_orders_come_true_one_after_another() -> None:
    """Two orders for one request each are two broken requests, not one."""
    faults = Faults()
    faults.add(Fault(kind="server_error", route="chat"))
    faults.add(Fault(kind="reset", route="chat"))
    met = [faults.take("mygptassistants", "chat", ANY) for _ in range(3)]
    assert [fault.kind if fault else None for fault in met] == ["server_error", "reset", None]


def test_a_fault_meets_only_its_route_and_platform() -> None:
    """Data endpoints and other platforms go on."""
    faults = Faults()
    faults.add(Fault(kind="reset", route="chat", platform="mygptassistants"))
    missed = [faults.take("mygptassistants", "data", ANY), faults.take("gptbots", "chat", ANY)]
    assert (missed, faults.take("mygptassistants", "chat", ANY) is not None) == ([None, None], True)


def test_what_is_in_force_can_be_listed() -> None:
    """With how often it will still happen."""
    faults = Faults()
    fault = Fault(kind="reset", route="chat", count=2)
    faults.add(fault)
    faults.take("mygptassistants", "chat", ANY)
    assert faults.active() == [(fault, 1)]


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "duplicate", "route": "chat"},
        {"kind": "rate_limit", "route": "webhook"},
        {"kind": "explode", "route": "chat"},
        {"kind": "reset", "route": "chat", "count": 0},
        {"kind": "server_error", "route": "chat", "status": 404},
        {"kind": "latency", "route": "chat", "seconds": float("nan")},
        {"kind": "rate_limit", "route": "chat", "retry_after": "1\r\nX: y"},
        {"kind": "reset", "route": "chat", "tiems": 3},
    ],
)
def test_orders_that_cannot_be_carried_out_are_refused(order: dict[str, object]) -> None:
    """A misspelt order must not pass for a platform that behaves."""
    with pytest.raises(ValidationError):
        Fault.model_validate(order)
