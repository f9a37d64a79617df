"""Which records somebody wants to see. Pure."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from schemas.record import StoredRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What is asked of a record; nothing is asked where there is None."""

    source: str | None = None
    # May hold `*`.
    type: str | None = None
    key: str | None = None
    id: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether every record is meant."""
        return self == Picked()

    @property
    def key_bytes(self) -> bytes | None:
        """The key that is asked for, as it stands in a record."""
        return None if self.key is None else self.key.encode("utf-8", "replace")

    def __call__(self, record: StoredRecord) -> bool:
        """Whether a record is meant: an event, a dead one, or a delivery as it came."""
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        source = headers.get("hookline-source") or headers.get("ce_source", "").rpartition("/")[2]
        key = "" if record.key is None else record.key.decode("utf-8", "replace")
        return (
            self.source in (None, source)
            and (self.type is None or fnmatchcase(headers.get("ce_type", ""), self.type))
            and self.key in (None, key)
            and self.id in (None, headers.get("ce_id"), headers.get("hookline-id"))
        )
