"""What keeps an entry from beginning attempts and from reading: somebody wants it to stop, or a platform is away.

It stays a member of its group meanwhile; attempts under way end, timers and lanes are kept. Of each account whose
platform is away one lane is tried all the same, first the one that failed last when that was found. After each failure
another one asks, if one is ready: what a platform answers to one event must not stand for all of them. One that takes
nothing is away also while it can be read.
"""

import math
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from clients.errors import ClientError
from dispatcher.breaker import Breaker
from dispatcher.dead_limit import DeadLimit
from dispatcher.errors import describe
from dispatcher.hearing import Heard
from dispatcher.lane import Lane, State
from dispatcher.observers import span

log = structlog.get_logger()

AnyLane = Lane[Any]


async def _nobody(_why: str) -> None:
    """Nobody is there who could stop it."""


_AWAY = (
    "nothing is lost and nothing dies of it: one event at a time is tried until the platform answers, then all go on. "
    "Look at the platform's status page, and at what stands between"
)
_DEAR = (
    "an effect of `once` without a probe came to it, so its event is dead: nobody can tell whether it happened. Give "
    "it a probe, such as `probe=lambda: account.said(…)`, and nothing dies of an outage. One event at a time is tried "
    "until the platform answers"
)


_AT_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Account:
    """One account, as far as this entry's attempts know."""

    breaker: Breaker = field(default_factory=Breaker)
    # While it is open: the lane that asks.
    probe: AnyLane | None = None
    # The lanes whose latest attempt failed because its platform is away.
    failed: set[AnyLane] = field(default_factory=set)
    # The lane that asks has failed: it is another one's turn, if one is ready.
    tired: bool = False
    # When it is asked next.
    asked_at: datetime = _AT_ONCE
    # Something was not taken that was sent: that it can be read does not mean that it takes anything.
    deaf: bool = False

    def failure(self, lane: AnyLane, heard: Heard, now: datetime, *, dear: bool = False) -> bool:
        """A lane's attempt failed by it; whether that opened the breaker for the first time."""
        known, probe = self.breaker.since is not None, self.probe is lane
        # one that fails again and again may do so by its own event
        if dear or known or lane not in self.failed:
            self.breaker.failed(now, probe=probe, dear=dear)
        self.tired = self.tired or probe
        self.deaf = self.deaf or not heard.reads
        if probe or self.probe is None:
            self.asked_at = now + max(self.breaker.wait, _told(heard))
        return self.breaker.is_open and not known

    def looked(self, now: datetime) -> None:
        """The lane that asks found no sign yet of what it had sent: whoever is ready first asks next.

        It is as rare as after a failure: nothing was taken.
        """
        self.breaker.failed(now, probe=True)
        self.asked_at = now + self.breaker.wait
        self.unprobed()

    def unprobed(self) -> None:
        """The lane that was to ask does not: any one may."""
        self.probe = None
        self.breaker.unprobed()

    def rest(self, now: datetime) -> timedelta:
        """How long the one that asks next has to wait for that."""
        return max(timedelta(), self.asked_at - now)

    def hears(self, heard: Heard, name: str, lane: AnyLane) -> bool:
        """Whether an attempt of a lane was an answer: where others wait to send, only that something was taken is."""
        return name in heard.took or not self.deaf or self.failed <= {lane}


@dataclass(slots=True)
class Brakes:
    """Of one entry, over all its memberships."""

    entry: str = ""
    # Whether somebody wants the entry to stand still, or nobody knows yet.
    stopped: Callable[[], bool] = lambda: False
    # As many may die as will, if nobody says otherwise.
    limit: DeadLimit = field(default_factory=lambda: DeadLimit(least=math.inf))
    # Has the entry stopped; given why. Raises StoreError.
    trip: Callable[[str], Awaitable[None]] = _nobody
    # How often a platform came back, and which time an account's did last.
    returns: int = 0
    _returned: dict[str, int] = field(default_factory=dict)
    _accounts: dict[str, _Account] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether the entry stands still, but for its probes."""
        if self.stopped():
            return True
        # not by `any`: this is asked several times an attempt, of no account most of the time
        for account in self._accounts.values():  # noqa: SIM110
            if account.breaker.is_open:
                return True
        return False

    @property
    def away(self) -> Mapping[str, datetime]:
        """The accounts whose platforms are away and that something waits for, and since when that is known."""
        waited = {name: one.breaker for name, one in self._accounts.items() if one.breaker.is_open or one.failed}
        return {name: breaker.since for name, breaker in waited.items() if breaker.since is not None}

    def probes(self) -> list[AnyLane]:
        """The lanes that may be tried although the brakes are on."""
        return [] if self.stopped() else [one.probe for one in self._accounts.values() if one.probe is not None]

    def failed(self, lane: AnyLane, heard: Heard, wait: timedelta, now: datetime, *, since: int = 0) -> timedelta:
        """A lane is to be tried again; how long it has to wait for that.

        Args:
            lane: whose first item was attempted.
            heard: what its attempt learned.
            wait: as the policy says.
            now: the time.
            since: what `returns` was when the attempt began.
        """
        self._unprobe(lane, except_={heard.account, *heard.looked})
        for name in heard.looked & self._accounts.keys():
            if self._accounts[name].probe is lane:
                self._accounts[name].looked(now)
        if heard.away is None or lane.state is State.GONE:
            return wait
        if self._returned.get(heard.account, 0) > since:
            # it met an outage that is over
            return _told(heard)
        account = self._accounts.setdefault(heard.account, _Account())
        if account.failure(lane, heard, now):
            self._tell(heard.away, _AWAY)
        account.failed.add(lane)
        if account.breaker.is_open and account.probe is None:
            account.probe = lane
        return account.rest(now) if account.probe is lane else wait

    def died(self, lane: AnyLane, heard: Heard, now: datetime, *, since: int = 0) -> None:
        """An event is over, and dead where its attempt learned that a platform is away: the first one is enough.

        Args:
            lane: whose first item it was.
            heard: what its attempt learned.
            now: the time.
            since: what `returns` was when the attempt began.
        """
        if heard.away is None or self._returned.get(heard.account, 0) > since:
            return
        account = self._accounts.setdefault(heard.account, _Account())
        if account.failure(lane, heard, now, dear=True):
            self._tell(heard.away, _DEAR)
        if account.probe in {lane, None}:
            account.unprobed()

    def unasked(self, now: datetime) -> Mapping[str, timedelta]:
        """The accounts that another lane is to ask than the one that does, if any does, and how long it has to wait."""
        away = {name: one for name, one in self._accounts.items() if one.breaker.since is not None}
        return {name: one.rest(now) for name, one in away.items() if one.probe is None or one.tired}

    def asks(self, account: str, lane: AnyLane) -> None:
        """A lane waits, to ask an account."""
        found = self._accounts[account]
        found.probe, found.tired = lane, False
        found.failed.add(lane)
        found.breaker.asked()

    def following(self, heard: Heard, wait: timedelta, now: datetime) -> str:
        """What happens to an event that is to be tried again after a wait, in a few words for people."""
        account, away = self._accounts.get(heard.account), ", ".join(sorted(self.away))
        if account is not None and account.breaker.since is not None:
            return f"waits until {heard.account} answers, which is asked again in {span(account.rest(now))}"
        if away:
            return f"retry in {span(wait)} at the earliest, and not while it waits for {away}"
        if account is not None:
            return f"retry in {span(wait)}, or when {heard.account} answers"
        return f"retry in {span(wait)}"

    def settled(self, lane: AnyLane) -> None:
        """Nothing is left to do of a lane's first item."""
        if self._accounts:
            self._unprobe(lane)

    def answered(self, lane: AnyLane, heard: Heard, now: datetime) -> list[AnyLane]:
        """Platforms answered a lane's attempt; the others that need not wait for them any longer."""
        freed: list[AnyLane] = []
        for name in heard.answered & self._accounts.keys():
            account = self._accounts[name]
            if not account.hears(heard, name, lane):
                continue
            del self._accounts[name]
            freed += account.failed - {lane}
            if account.breaker.since is not None:
                self.returns += 1
                self._returned[name] = self.returns
                seconds = round((now - account.breaker.since).total_seconds(), 1)
                log.warning("account.back", handler=self.entry, account=name, seconds=seconds)
        return freed

    def drop_gone(self) -> None:
        """Lanes went away with their partitions."""
        for account in self._accounts.values():
            account.failed = {lane for lane in account.failed if lane.state is not State.GONE}
            if account.probe is not None and account.probe.state is State.GONE:
                self._unprobe(account.probe)

    def _unprobe(self, lane: AnyLane, *, except_: Container[str] = ()) -> None:
        """A lane waits for no account, but for some perhaps: where it was the probe, any lane may find out, at once."""
        for name, account in self._accounts.items():
            if name in except_:
                continue
            account.failed.discard(lane)
            if account.probe is lane:
                account.asked_at = _AT_ONCE
                account.unprobed()

    def _tell(self, away: ClientError, advice: str) -> None:
        cause = describe(away)
        log.warning("account.away", handler=self.entry, account=away.account, cause=cause, advice=advice)


def _told(heard: Heard) -> timedelta:
    """How long the platform itself wants nobody to come again; clients have made sure that it is not too long."""
    return timedelta(seconds=0 if heard.away is None else heard.away.retry_after or 0)
