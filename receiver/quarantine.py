"""The quarantine read back: what was kept because it could not be read is taken through the same intake again. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Outcome, readmitted
from receiver.sources.platform import Unreadable
from receiver.sources.source import Source
from schemas.record import StoredRecord
from schemas.topics import Topics

_HTTP = "http-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One authentic delivery that could not be read when it came."""

    # What the sender was told as `quarantined`: a digest of the body.
    id: str
    # The source's name.
    source: str
    # Why it could not be read, and the fields that were at fault.
    reason: str
    fields: tuple[str, ...]
    origin: Literal["webhook", "poll"]
    received_at: datetime
    # Its credentials are masked.
    delivery: Delivery

    def again(self, source: Source, topics: Topics) -> Outcome | Unreadable:
        """Decide anew what becomes of it.

        Args:
            source: its source, as it is configured now.
            topics: the topics of this installation.
        """
        return readmitted(source, self.delivery, topics, self.received_at, origin=self.origin)


def opened(record: StoredRecord) -> Quarantined | None:
    """The delivery of a record of the quarantine; None for one that `quarantine_record` did not make."""
    given = {name: value.decode("utf-8", "replace") for name, value in record.headers if not name.startswith(_HTTP)}
    name, source, path = (given.get(f"hookline-{one}", "") for one in ("id", "source", "path"))
    if not name or not source or record.value is None:
        return None
    method, fields = given.get("hookline-method", ""), given.get("hookline-fields", "")
    return Quarantined(
        id=name,
        source=source,
        reason=given.get("hookline-reason", ""),
        fields=tuple(fields.split(",")) if fields else (),
        origin="poll" if method == "POLL" else "webhook",
        received_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        delivery=Delivery(
            method=method,
            target=_target(source, path),
            headers=Headers(_http_headers(record)),
            body=record.value,
        ),
    )


def _target(source: str, path: str) -> Target:
    rest, _, query = path.removeprefix(f"/in/{source}").removeprefix("/").partition("?")
    return Target(source, rest, query)


def _http_headers(record: StoredRecord) -> list[tuple[bytes, bytes]]:
    return [
        (name.removeprefix(_HTTP).encode("ascii", "replace"), value)
        for name, value in record.headers
        if name.startswith(_HTTP)
    ]
