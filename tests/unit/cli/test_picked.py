"""Which records `hookline tail` is asked for."""

import pytest

from cli.picked import Picked
from schemas.record import StoredRecord


def record(key: bytes | None = b"c1", **headers: str) -> StoredRecord:
    told = tuple(
        (name.replace("_", "-", 1) if name.startswith("hookline") else name, value.encode())
        for name, value in headers.items()
    )
    return StoredRecord(topic="t", partition=0, offset=0, key=key, value=b"{}", headers=told, timestamp=0)


EVENT = record(ce_id="message.created:m1", ce_source="/sources/support", ce_type="message.created")
DELIVERY = record(hookline_source="support", hookline_id="evt_1")


@pytest.mark.parametrize(
    ("picked", "event", "delivery"),
    [
        (Picked(), True, True),
        (Picked(source="support"), True, True),
        (Picked(source="shop"), False, False),
        (Picked(type="message.created"), True, False),
        (Picked(type="message.*"), True, False),
        (Picked(type="message"), False, False),
        (Picked(key="c1"), True, True),
        (Picked(key="c2"), False, False),
        (Picked(id="message.created:m1"), True, False),
        (Picked(id="evt_1"), False, True),
        (Picked(source="support", key="c2"), False, False),
    ],
)
def test_what_is_asked_of_a_record(picked: Picked, event: bool, delivery: bool) -> None:
    """All that is asked, of events and of deliveries as they came."""
    assert (picked(EVENT), picked(DELIVERY)) == (event, delivery)


def test_a_record_of_nobody_is_only_shown_with_all() -> None:
    """A tombstone has no headers; that nothing is asked is known."""
    bare = record(None)
    assert (Picked()(bare), Picked(key="c1")(bare), Picked(source="support")(bare)) == (True, False, False)
    assert (Picked().is_all, Picked(key="c1").is_all) == (True, False)
