"""What lanes hold in their tests."""

from dataclasses import dataclass

from dispatcher.lane import LaneKey

AT = ("t", 0)
KEYS = (b"a", b"b")
BOUNDS = {"records": 3, "rows": 4}


@dataclass(frozen=True, eq=False)
class Thing:
    """A record, or what is none; a row of a record is another thing with the same number."""

    number: int
    parkable: bool = True
    # Of a record that was loaded.
    row: bool = False

    def __repr__(self) -> str:
        return f"{'' if self.parkable else 'timer '}{self.number}"


def key_of(key: bytes) -> LaneKey:
    return LaneKey(*AT, b"support", key)
