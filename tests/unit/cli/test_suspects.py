"""Which event is taken to crash a worker, and which are its neighbours."""

import pytest

from cli.suspects import crashes_of
from schemas.record import StoredRecord
from tests.unit.cli.dead_cases import ORIGIN, letter, mark

PLACE = f"{ORIGIN.topic}/{ORIGIN.partition}"


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ({}, (0, 0)),
        ({f"{PLACE} record 7": 4}, (4, 0)),
        ({f"{PLACE} record 7": 1, f"{PLACE} record 8": 3, f"{PLACE} record 9": 1}, (1, 1)),
        ({f"{PLACE} record 7": 1, f"{PLACE} replay 1": 2}, (2, 0)),
        ({"other/3 record 7": 2}, (0, 1)),
    ],
)
def test_an_event_is_known_by_its_place_or_its_replay(noted: dict[str, int], expected: tuple[int, int]) -> None:
    """With what else is suspected; what was under way at one crash alone is not."""
    event = letter()
    copy = StoredRecord(
        topic=ORIGIN.topic, partition=ORIGIN.partition, offset=7, key=b"c1", value=b"{}", headers=(), timestamp=0
    )
    assert crashes_of([copy], [mark(event, "running")], noted) == expected
