"""The dispatcher's metrics: Prometheus names, one label set per entry.

Counters and the histogram are fed per attempt; the gauges are read from the workers when somebody scrapes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dispatcher.outcome import DeadReason

StopCause: TypeAlias = Literal["paused", "tripped", "failed"]
"""Why an entry stands still: somebody paused it, too many of its events died, or it must not run on here."""

_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What an entry has on its hands, in one process."""

    # Attempts under way.
    running: int = 0
    # Lanes with work, and those of them that wait for another attempt.
    lanes: int = 0
    waiting: int = 0
    # Records read and not settled, and their bytes.
    buffered: int = 0
    buffered_bytes: int = 0
    # Records settled behind an unsettled one, and the age in seconds of the oldest unsettled one.
    ahead: int = 0
    head_age: float = 0.0
    # Records of parked lanes, in the store.
    parked: int = 0
    timers: int = 0
    # For how many seconds what is due, and was to be done first of all that is due, has been.
    overdue: float = 0.0
    partitions: int = 0
    renewals: int = 0
    # What runs alone, for it was under way at crash after crash.
    suspects: int = 0
    # Attempts that were cancelled and go on.
    stuck: int = 0
    accounts_away: int = 0
    # Why it stands still; None: it does not.
    stopped: StopCause | None = None


_GAUGES = {
    "running": "Attempts under way.",
    "lanes": "Lanes that have work.",
    "waiting": "Lanes that wait for another attempt.",
    "buffered": "Records read and not settled.",
    "buffered_bytes": "Bytes of the records read and not settled.",
    "ahead": "Offsets between the committed position and the last record read.",
    "head_age": "Seconds since the oldest unsettled record was received.",
    "parked": "Records in the state store, of lanes that wait for longer than memory is to be held for.",
    "timers": "Timers that are set and in memory: those that come due next. `hookline handlers list` counts all.",
    "overdue": "Seconds since the timer or parked lane came due that should have had its turn first, and has not.",
    "partitions": "Partitions this process owns.",
    "renewals": "Times a silent connection to the log was given up since the worker joined its group.",
    "suspects": "Events that were under way when the process crashed, again and again: each is tried alone.",
    "stuck": "Attempts that were cancelled and go on: their lanes stand still until the process ends.",
    "accounts_away": "Accounts whose platforms are away, for which it waits.",
}


_STOPPED = "1 while it stands still: it was paused, too many of its events died, or it failed and must not run on."


@dataclass(slots=True)
class EntryMetrics:
    """The counters of one entry, with their labels filled in."""

    seconds: Histogram
    done: Counter
    retried: Counter
    skipped: Counter
    stale: Counter
    dead: Callable[[str], Counter]
    commits: Histogram
    committed_characters: Histogram


@dataclass(slots=True)
class Metrics:
    """All metrics of the dispatcher, in a registry of the caller's."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    # How late the event loop was, of the whole process.
    lag: Histogram = field(init=False)
    _loads: dict[str, Callable[[], Load]] = field(default_factory=dict)
    _make: Callable[[str], EntryMetrics] = field(init=False)
    _left: Gauge = field(init=False)
    _jobs: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self._make = _factory(self.registry)
        self.lag = Histogram(
            "hookline_loop_lag_seconds",
            "How late the process came to look around, which it does four times a second: what held it up.",
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self._left = Gauge(
            "hookline_left_rows",
            "What waits in the store for entries that are not configured: timers, parked events and so on.",
            ["handler", "kind"],
            registry=self.registry,
        )
        self._jobs = Gauge(
            "hookline_replay_jobs",
            "Replays of many events whose events are still being looked for; the workers of the entry do so.",
            ["handler"],
            registry=self.registry,
        )
        self.registry.register(_Loads(self._loads))

    def of(self, entry: str) -> EntryMetrics:
        """The counters of an entry."""
        return self._make(entry)

    def watch(self, entry: str, load: Callable[[], Load]) -> None:
        """Report an entry's load whenever somebody scrapes; the last call for an entry counts."""
        self._loads[entry] = load

    def left(self, found: Mapping[str, Mapping[str, int]]) -> None:
        """Report what waits for entries that are not configured: entry → kind → rows."""
        self._left.clear()
        for entry, kept in found.items():
            for kind, count in kept.items():
                self._left.labels(entry, kind).set(count)

    def jobs(self, entries: Iterable[str], open_: Sequence[str]) -> None:
        """Report the replays that are not read to their end: the entries there are, and that of each replay."""
        for entry in entries:
            self._jobs.labels(entry).set(open_.count(entry))


class _Loads(Collector):
    def __init__(self, loads: dict[str, Callable[[], Load]]) -> None:
        self._loads = loads

    def collect(self) -> Iterator[Metric]:
        loads = {entry: load() for entry, load in self._loads.items()}
        for name, text in _GAUGES.items():
            family = GaugeMetricFamily(f"hookline_handler_{name}", text, labels=["handler"])
            for entry, load in loads.items():
                family.add_metric([entry], getattr(load, name))
            yield family
        stopped = GaugeMetricFamily("hookline_handler_stopped", _STOPPED, labels=["handler", "cause"])
        for entry, load in loads.items():
            for cause in get_args(StopCause):
                stopped.add_metric([entry, cause], int(load.stopped == cause))
        yield stopped


def _factory(registry: CollectorRegistry) -> Callable[[str], EntryMetrics]:
    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hookline_handler_{name}", text, ["handler", *labels], registry=registry)

    def histogram(name: str, text: str, buckets: tuple[float, ...] = _BUCKETS) -> Histogram:
        return Histogram(f"hookline_handler_{name}", text, ["handler"], registry=registry, buckets=buckets)

    seconds = histogram("seconds", "How long an attempt took.")
    attempts = counter("attempts", "Attempts that ended, by outcome.", "outcome")
    skipped = counter("duplicates", "Records whose id was settled shortly before, and so skipped.")
    stale = counter("stale_results", "Attempts that ended after their partition had gone to another owner.")
    dead = counter("dead", "Events that went to the dead letters, by reason.", "reason")
    commits = histogram("commit_seconds", "How long a commit took.")
    characters = histogram(
        "commit_characters", "Length of a commit's metadata.", (50, 100, 500, 1000, 2000, 3000, 4096)
    )

    @cache
    def of(entry: str) -> EntryMetrics:
        # There from the start, at 0: an alarm on their growth sees the first one too.
        for reason in get_args(DeadReason):
            dead.labels(entry, reason)
        return EntryMetrics(
            seconds=seconds.labels(entry),
            done=attempts.labels(entry, "done"),
            retried=attempts.labels(entry, "retry"),
            skipped=skipped.labels(entry),
            stale=stale.labels(entry),
            dead=cache(lambda reason: dead.labels(entry, reason)),
            commits=commits.labels(entry),
            committed_characters=characters.labels(entry),
        )

    return of
