"""What attempts learn of platforms."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from clients.errors import BadAnswer, ClientError, GivenUp, NotFound, PlatformDown, RateLimited, TimedOut
from clients.http import Exchange
from dispatcher.attempt import AttemptTimedOut
from dispatcher.errors import EffectNotShown, EffectUncertain
from dispatcher.hearing import Heard, Hearing, Listening


def exchange(account: str, error: ClientError | None = None, *, reads: bool = False) -> Exchange:
    return Exchange(account=account, platform="p", operation="chat", reads=reads, number=1, seconds=0.1, error=error)


def of(error: ClientError, account: str = "support") -> ClientError:
    error.account = account
    return error


def test_an_answer_is_heard_by_the_attempt_that_asked() -> None:
    """Outside of an attempt nobody listens."""
    hearing = Hearing()
    hearing(exchange("before"))
    with hearing.attempt() as listening:
        hearing(exchange("support"))
    hearing(exchange("after"))
    assert listening.answered == {"support"}


async def test_attempts_are_kept_apart() -> None:
    """Those that run side by side, and the tasks each of them begins."""
    hearing = Hearing()

    async def attempt(account: str) -> frozenset[str]:
        with hearing.attempt() as listening:
            await asyncio.sleep(0)
            await asyncio.create_task(ask(account))
        return listening.answered

    async def ask(account: str) -> None:
        hearing(exchange(account))

    assert await asyncio.gather(attempt("a"), attempt("b")) == [{"a"}, {"b"}]


@pytest.mark.parametrize("error", [RateLimited("no"), NotFound("no"), BadAnswer("no")])
def test_a_refusal_is_an_answer(error: ClientError) -> None:
    """Somebody is there."""
    hearing = Hearing()
    with hearing.attempt() as listening:
        hearing(exchange("support", error))
    assert listening.answered == {"support"}


def test_the_latest_exchange_counts() -> None:
    """A platform that answered and then went away is away."""
    hearing = Hearing()
    with hearing.attempt() as listening:
        hearing(exchange("support"))
        hearing(exchange("support", TimedOut("no")))
    assert listening.answered == set()


TIMEOUT = timedelta(seconds=30)


def heard(seconds: float, *, kind: type[ClientError] = GivenUp) -> Listening:
    """An attempt whose last exchange ended so, after so long."""
    listening = Hearing().attempt()
    listening.hear(exchange("crm", of(GivenUp("short"))))
    listening.hear(replace(exchange("support", of(kind("no"))), seconds=seconds))
    return listening


def test_an_attempt_that_a_platform_kept_waiting_failed_by_the_platform() -> None:
    """The event is not to blame for it, and the account counts as away."""
    error = AttemptTimedOut("no result within 30 s")
    cause = heard(29).cause(error, TIMEOUT)
    assert isinstance(cause, GivenUp)
    assert (cause.account, cause.__cause__) == ("support", error)


@pytest.mark.parametrize(
    ("listening", "error"),
    [
        (heard(10), AttemptTimedOut("slow by itself")),
        (heard(29, kind=TimedOut), AttemptTimedOut("it had its answer, and went on")),
        (heard(29), ValueError("another failure")),
        (heard(29), None),
        (Hearing().attempt(), AttemptTimedOut("it asked nobody")),
    ],
)
def test_other_attempts_fail_by_themselves(listening: Listening, error: Exception | None) -> None:
    """A handler that is slow, or fails otherwise."""
    assert listening.cause(error, TIMEOUT) is error


def asked(*answered: str) -> Listening:
    """An attempt that asked two accounts."""
    listening = Hearing().attempt()
    for account in ("support", "crm"):
        listening.hear(exchange(account, None if account in answered else of(PlatformDown("no"), account)))
    return listening


def test_an_attempt_that_fails_by_an_account_speaks_against_it() -> None:
    """Also when another call of it was answered; other accounts were answered all the same."""
    error = of(PlatformDown("no"))
    heard = asked("support", "crm").learned(error)
    assert (heard.away, heard.account, heard.answered) == (error, "support", {"crm"})


def test_an_effect_that_is_uncertain_speaks_against_the_account_it_failed_by() -> None:
    """Its event is dead, and the next ones are not to meet the same."""
    error = EffectUncertain("send", "it failed")
    error.__cause__ = of(PlatformDown("no"))
    assert asked("crm").learned(error) == Heard(error.__cause__, frozenset({"crm"}), frozenset({"crm"}))


@pytest.mark.parametrize(
    "error", [None, ValueError("no"), of(NotFound("no")), of(PlatformDown("of its own"), "strange")]
)
def test_other_failures_say_nothing_of_a_platform(error: BaseException | None) -> None:
    """Nor do errors of a client that is no account of ours, and is not listened to."""
    assert asked("support").learned(error) == Heard(None, frozenset({"support"}), frozenset({"support"}))


def test_that_a_platform_can_be_read_is_no_sign_that_it_takes_anything() -> None:
    """It is told apart what answered: what was read, or what was sent."""
    listening = Hearing().attempt()
    listening.hear(exchange("support", reads=True))
    listening.hear(exchange("crm"))
    assert listening.learned(None) == Heard(None, frozenset({"support", "crm"}), frozenset({"crm"}))


def test_who_looked_for_an_effect_in_vain_cannot_tell() -> None:
    """It asked, and what it could read is no answer; what another platform took is one."""
    listening = Hearing().attempt()
    listening.hear(exchange("support", reads=True))
    listening.hear(exchange("crm"))
    heard = listening.learned(EffectNotShown("send", timedelta(minutes=2)))
    assert heard == Heard(None, frozenset({"crm"}), frozenset({"crm"}), looked=frozenset({"support"}))


@pytest.mark.parametrize("reads", [False, True])
def test_what_failed_was_to_be_read_or_sent(*, reads: bool) -> None:
    """The latest exchange says so."""
    listening, error = Hearing().attempt(), of(PlatformDown("no"))
    listening.hear(exchange("support", error, reads=not reads))
    listening.hear(exchange("support", error, reads=reads))
    assert listening.learned(error).reads is reads


def test_who_asked_nobody_learned_nothing() -> None:
    """However it ended."""
    assert Hearing().attempt().learned(of(PlatformDown("no"))) == Heard()
