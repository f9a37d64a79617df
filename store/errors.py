"""What can go wrong between hookline and its store.

StoreError
├── StoreUnavailable    the database did not answer in time, or cannot be reached: the same call may succeed later
├── StoreRefused        the database will never take these values (a bound, a broken rule): repeating does not help
│   ├── ReplaysFull     too many replays of an entry are open
│   └── ParkingFull     too many records of an entry are parked
├── StoreMisconfigured  the address, credentials, file or schema cannot work; the text says what to change
│   └── StoreDamaged    the file's content is not what SQLite wrote
├── NotOwned            another worker owns the partition now: drop it, its writes are refused
├── PollNotHeld         another process polls the source now: its writes count, these do not
├── JobNotHeld          another process reads for the replay now, or it was cancelled: these writes do not count
└── ContactUnknown      no contact has this id, or it was deleted

A message names the cause and what to do. It never holds a password, and never a row's content.
"""

from typing import ClassVar

from schemas.record import TopicPartition


class StoreError(Exception):
    """The store failed."""

    # Whether the same call may succeed later without anyone changing anything.
    retryable: ClassVar[bool] = False


class StoreUnavailable(StoreError):
    """The database did not answer in time or cannot be reached.

    A write that failed so may still have happened, or happen later. Every write of this package can be repeated.
    """

    retryable: ClassVar[bool] = True


class StoreRefused(StoreError):
    """The database, or a bound of hookline, refuses these values for ever."""


class ReplaysFull(StoreRefused):
    """Too many replays of an entry would be open at once."""

    def __init__(self, handler: str, *, bound: int, room: int) -> None:
        super().__init__(
            f"At most {bound:,} replays of an entry may be open at once, and {handler} has room for {room:,} more."
            " Ask again when its worker has done some: `hookline dead list` shows which are open."
        )
        self.handler = handler
        self.bound = bound
        self.room = room


class ParkingFull(StoreRefused):
    """Too many records of an entry would be parked at once."""

    def __init__(self, handler: str, *, bound: int) -> None:
        super().__init__(
            f"At most {bound:,} records of an entry may be parked at once, and {handler} has so many. It goes on when"
            " some of them are done: `hookline handlers list` tells how many wait, the log why."
        )


class StoreMisconfigured(StoreError):
    """The configuration or the schema cannot work; waiting will not help."""


class StoreDamaged(StoreMisconfigured):
    """The file is damaged, or no SQLite database at all."""


class NotOwned(StoreError):
    """The partition has another owner by now, or none: nothing of this write counts."""

    def __init__(self, handler: str, at: TopicPartition, epoch: int) -> None:
        super().__init__(
            f"{handler} does not own {at.topic}/{at.partition} under epoch {epoch} any more: another worker claimed it."
            " Drop the partition and rejoin the group."
        )
        self.handler = handler
        self.at = at
        self.epoch = epoch


class PollNotHeld(StoreError):
    """Another process asks the platform of a source by now: nothing of this write counts."""

    def __init__(self, source: str) -> None:
        super().__init__(f"The source {source} is polled by another process by now; this one stands by.")
        self.source = source


class JobNotHeld(StoreError):
    """Another process reads for a replay by now, or it was cancelled: nothing of this write counts."""

    def __init__(self, job: int) -> None:
        super().__init__(f"The replay {job} was cancelled, or another process goes on with it; this one stands by.")
        self.job = job


class ContactUnknown(StoreError):
    """No contact has this id, or it was deleted."""

    def __init__(self, contact_id: str) -> None:
        super().__init__(f"There is no contact {contact_id}, or it was deleted.")
        self.contact_id = contact_id
