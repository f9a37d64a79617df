"""What every entry's worker works with: made once by the composition root, shared by all entries of a process."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from clients.account import Account
from dispatcher.attempts import Attempts
from dispatcher.clock import Clock, SystemClock
from dispatcher.dead_limit import LEAST
from dispatcher.hearing import Hearing
from dispatcher.metrics import Metrics
from dispatcher.observers import Happening, Observer
from dispatcher.shared import Shared
from eventlog.log import EventLog
from schemas.topics import Topics
from store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one entry in one process, and its deadlines."""

    # Records of a partition that were read and are not settled; no more are read beyond it.
    records: int = 1_000
    # Their bytes.
    bytes: int = 4 * 1024 * 1024
    # Offsets between the watermark and the position: what a commit can describe, less one fetch.
    span: int = 19_000
    # Records asked for at once.
    fetch: int = 500
    # How long a fetch waits for records.
    fetch_wait: timedelta = timedelta(milliseconds=500)
    # A commit follows after so many settled records, or this long after the first of them.
    commit_every: int = 500
    commit_after: timedelta = timedelta(seconds=1)
    # Handlers still running when a partition goes away have so long to end before they are cancelled; None: as long as
    # their entry's timeout, so that they end by themselves.
    revoke: timedelta | None = None
    # Cancelled handlers have so long to end.
    cancel: timedelta = timedelta(seconds=2)
    # Taking over partitions is tried for so long before the worker joins its group anew.
    open: timedelta = timedelta(seconds=20)
    # An id settled among the last so many of a partition is not handled again.
    recent: int = 10_000
    # A lane that waits for longer, or with more records, waits in the store.
    lane_wait: timedelta = timedelta(seconds=60)
    lane_records: int = 100
    # Records that may be parked: of a lane, and of the entry in all processes. What is more stays in the log.
    lane_rows: int = 1_000
    parked: int = 100_000
    # Parked records in memory, while they are run, and so many of them are loaded of a lane at once.
    loaded: int = 256
    page: int = 16
    # Timers of a partition that are loaded at once; up to three times as many wait in memory.
    timers: int = 1_000
    # Replays taken at once; each may be as large as a record can be.
    replays: int = 32
    # How often the store is asked for replays.
    replays_every: timedelta = timedelta(seconds=1)
    # How often the store is asked which entries are to stand still.
    stops_every: timedelta = timedelta(seconds=1)
    # `until_empty` does not wait for an entry of which for so long nothing but stuck attempts went on.
    hanging: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The parts around a worker."""

    log: EventLog
    store: Store
    topics: Topics = field(default_factory=Topics)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    # Source → the name of its account, for sources that have one.
    account_of: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    # Random numbers from 0 to below 1, for the jitter of retries.
    jitter: Callable[[], float] = random.random
    observers: tuple[Observer, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    # What runs now, of all entries.
    attempts: Attempts = field(default_factory=Attempts)
    # What handlers keep open from one attempt to the next.
    shared: Shared = field(default_factory=Shared)
    # Told of exchanges with platforms by the clients of `accounts`.
    hearing: Hearing = field(default_factory=Hearing)
    # So many deaths, when they are most of what ends, stop an entry; infinite: none do.
    dead_limit: float = LEAST
    limits: Limits = field(default_factory=Limits)
    # Called when an attempt goes on in a partition that is another's by now; whether the process ends because of it.
    on_abandoned: Callable[[], bool] = lambda: False
    # Every entry of the configuration, those that do not run too; None: nobody knows.
    configured: frozenset[str] | None = None
    # The version of hookline, for dead letters.
    version: str = ""

    def group(self, entry: str) -> str:
        """The consumer group of an entry."""
        return f"{self.topics.prefix}{entry}"

    def tell(self, happening: Happening) -> None:
        """Tell every observer."""
        for observer in self.observers:
            observer(happening)
