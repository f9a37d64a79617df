"""What `[handlers]` means: which handlers run, as which entries, and what is told when it cannot work."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from clients.account import Account, Sent
from dispatcher.errors import PluginBroken
from dispatcher.outcome import Policy
from dispatcher.registry import Loaded, Registry
from dispatcher.settings import Entry, Plan, Surroundings, plan
from handlers.api import AccountName, Context, Handler, handler
from schemas.events import Event, MessageCreated

NO_SURROUNDINGS = Surroundings(accounts=MappingProxyType({}), account_of=MappingProxyType({}), sources=())


class AskConfig(BaseModel):
    question: str
    times: int = 1


class Telephone(Account):
    platform = "telephone"

    async def send(self, conversation_id: str | None, text: str, **more: Any) -> Sent:
        raise NotImplementedError

    async def aclose(self) -> None: ...


class Telegraph(Telephone):
    platform = "telegraph"


@handler("plain", on=MessageCreated)
async def plain(event: Event[MessageCreated], ctx: Context) -> None: ...


@handler("ask", on=MessageCreated, config=AskConfig, timeout="5s")
async def ask(event: Event[MessageCreated], ctx: Context[AskConfig]) -> None: ...


def planned(section: dict[str, Any], *handlers: Handler[Any, Any], around: Surroundings = NO_SURROUNDINGS) -> Plan:
    registry = Registry(MappingProxyType({each.name: Loaded(each, "test") for each in handlers}))
    return plan(section, registry, around)


def only(section: dict[str, Any], *handlers: Handler[Any, Any], around: Surroundings = NO_SURROUNDINGS) -> Entry:
    found = planned(section, *handlers, around=around)
    assert found.problems == ()
    [entry] = found.entries
    return entry


def problem(section: dict[str, Any], *handlers: Handler[Any, Any], around: Surroundings = NO_SURROUNDINGS) -> str:
    [found] = planned(section, *handlers, around=around).problems
    return str(found)


def test_a_handler_that_needs_no_settings_runs_without_a_section() -> None:
    """Putting its file into the folder is enough."""
    entry = only({"path": ["./plugins"]}, plain)
    assert (entry.name, entry.sources, entry.concurrency, entry.start, entry.timeout) == (
        "plain",
        None,
        32,
        "earliest",
        timedelta(seconds=30),
    )
    assert entry.policy == Policy(
        attempts=5, backoff=timedelta(seconds=1), max_backoff=timedelta(minutes=5), deadline=timedelta(hours=24)
    )


def test_a_handler_that_needs_settings_waits_for_its_section() -> None:
    """Without one it does not run, and that is no error."""
    found = planned({}, ask)
    assert (found.entries, found.unconfigured, found.problems) == ((), ("ask",), ())


def test_a_section_configures_the_entry_and_the_handler() -> None:
    """Common keys are hookline's, the rest is validated by the handler's model."""
    section = {
        "ask": {
            "question": "How?",
            "attempts": 9,
            "backoff": "2s",
            "max_backoff": "10m",
            "deadline": "3d",
            "timeout": "1m",
            "concurrency": 4,
            "start": "now",
        }
    }
    entry = only(section, ask)
    assert entry.config == AskConfig(question="How?")
    assert entry.policy == Policy(
        attempts=9, backoff=timedelta(seconds=2), max_backoff=timedelta(minutes=10), deadline=timedelta(days=3)
    )
    assert (entry.timeout, entry.concurrency, entry.start) == (timedelta(minutes=1), 4, "now")


def test_the_section_wins_over_the_decorator_and_the_decorator_over_the_default() -> None:
    """For the timeout."""
    assert only({"ask": {"question": "How?"}}, ask).timeout == timedelta(seconds=5)
    assert only({"ask": {"question": "How?", "timeout": "7s"}}, ask).timeout == timedelta(seconds=7)


@pytest.mark.parametrize("value", ["2026-01-01T12:00:00+01:00", datetime(2026, 1, 1, 11, tzinfo=UTC)])
def test_a_start_may_be_a_time(value: object) -> None:
    """As TOML or a variable writes it, kept in UTC."""
    start = only({"plain": {"start": value}}, plain).start
    assert (start, start.tzinfo if isinstance(start, datetime) else None) == (datetime(2026, 1, 1, 11, tzinfo=UTC), UTC)


def test_use_makes_a_second_entry() -> None:
    """Of the same handler, with settings of its own."""
    around = Surroundings(accounts={}, account_of={}, sources=("support", "shop"))
    section = {"ask": {"question": "How?"}, "ask-shop": {"use": "ask", "question": "What?", "sources": ["shop"]}}
    found = planned(section, ask, around=around)
    assert [(each.name, each.config, each.sources) for each in found.entries] == [
        ("ask", AskConfig(question="How?"), None),
        ("ask-shop", AskConfig(question="What?"), frozenset({"shop"})),
    ]


def test_a_disabled_entry_does_not_run() -> None:
    """And is listed as such."""
    found = planned({"plain": {"enabled": False}}, plain)
    assert (found.entries, found.disabled) == ((), ("plain",))


class Fussy(BaseModel):
    x: int = 1

    @field_validator("x")
    @classmethod
    def _fails(cls, value: int) -> int:
        return [][value]


@handler("fussy", on=MessageCreated, config=Fussy)
async def fussy(event: Event[MessageCreated], ctx: Context[Fussy]) -> None: ...


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"ask": {"question": "How?", "tiems": 2}}, "[handlers.ask]: unknown key 'tiems'. Did you mean 'times'?"),
        ({"plain": {"concurency": 2}}, "[handlers.plain]: unknown key 'concurency'. Did you mean 'concurrency'?"),
        ({"ask": {}}, "[handlers.ask]: question: is missing"),
        ({"ask": {"question": "How?", "times": "many"}}, "[handlers.ask]: times: write a whole number"),
        ({"plain": {"attempts": 0}}, "[handlers.plain]: attempts: must be at least 1"),
        ({"plain": {"timeout": "soon"}}, "not a duration"),
        ({"plain": {"timeout": "0s"}}, "must be longer than 0s"),
        ({"plain": {"backoff": "6m"}}, "[handlers.plain]: backoff is longer than max_backoff, the longest wait: raise"),
        (
            {"plain": {"start": "0001-01-01T00:00:00+23:00"}},
            "start: must be in 1971 or later; earliest stands for the first event that is kept",
        ),
        ({"plain": {"start": "9999-12-31T23:59:59-23:00"}}, "start: must be before the end of the calendar"),
        (
            {"plain": {"start": "2026-01-01T12:00:00"}},
            "start: write 'earliest' or 'now', or write a time with its zone",
        ),
        ({"plain": {"sources": []}}, "sources: needs at least 1"),
        ({"plain": {"sources": ["nowhere"]}}, "there is no source 'nowhere'"),
        ({"plian": {}}, "there is no handler 'plian'. Did you mean 'plain'?"),
        ({"other": {"use": "aks"}}, "there is no handler 'aks'. Did you mean 'ask'?"),
        ({"Not Allowed": {"use": "ask"}}, "the name does not match"),
        ({"plain": 5}, "is not a section: write a table [handlers.plain]"),
        ({"fussy": {"x": 2}}, "its config model Fussy failed: IndexError"),
    ],
)
def test_a_section_that_cannot_work_is_told(section: dict[str, Any], why: str) -> None:
    """With its name, the key, and what was probably meant."""
    told = planned(section, plain, ask, fussy).problems
    assert why in str(told[0])


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """Of an entry too: unknown keys, its common settings, its own."""
    section = {"ask": {"tiems": 2, "attempts": 0, "times": "many", "sources": ["nowhere"]}}
    assert [(one.under, one.why) for one in planned(section, ask).problems] == [
        ("tiems", "unknown key 'tiems'. Did you mean 'times'?"),
        ("attempts", "attempts: must be at least 1"),
        ("question", "question: is missing"),
        ("times", "times: write a whole number"),
    ]


def test_a_wrong_value_is_not_repeated() -> None:
    """It may be a secret."""
    assert "hunter2" not in problem({"ask": {"question": "How?", "times": "hunter2"}}, ask)


def test_a_broken_section_hides_no_other() -> None:
    """The others run."""
    found = planned({"ask": {}, "plain": {}}, plain, ask)
    assert ([each.name for each in found.entries], len(found.problems)) == (["plain"], 1)


def test_a_missing_handler_may_be_in_a_broken_plugin() -> None:
    """The operator is pointed there."""
    registry = Registry({}, (PluginBroken("x.py", "no"),))
    [found] = plan({"ask": {}}, registry, NO_SURROUNDINGS).problems
    assert "a plugin that could not be loaded may have it" in str(found)


# -- accounts ----------------------------------------------------------------------------------------------------------


class Names(BaseModel):
    to: AccountName
    others: tuple[AccountName, ...] = ()
    spare: AccountName | None = None


@handler("by-config", on=MessageCreated, config=Names)
async def by_config(event: Event[MessageCreated], ctx: Context[Names]) -> None: ...


@handler("by-name", on=MessageCreated)
async def by_name(event: Event[MessageCreated], ctx: Context) -> None:
    ctx.account("desk", platform=Telegraph)


@handler("by-source", on=MessageCreated)
async def by_source(event: Event[MessageCreated], ctx: Context) -> None:
    await ctx.once("send", lambda: ctx.account(platform=Telephone).send(event.key, "hi"))


AROUND = Surroundings(
    accounts={"desk": Telephone("desk"), "attic": Telegraph("attic")},
    account_of={"support": "desk", "wire": "attic"},
    sources=("support", "wire", "silent"),
)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"to": "dsek"}, "to: it asks for the account 'dsek', which is not configured. Did you mean 'desk'?"),
        ({"to": "desk", "others": ["cellar"]}, "others: it asks for the account 'cellar'"),
        ({"to": "desk", "spare": "cellar"}, "it asks for the account 'cellar'"),
    ],
)
def test_accounts_of_the_settings_are_checked_when_the_handler_loads(section: dict[str, Any], why: str) -> None:
    """Not at its first event."""
    assert why in problem({"by-config": section}, by_config, around=AROUND)


def test_accounts_of_the_settings_that_are_there_are_fine() -> None:
    """As are those that are not set."""
    only({"by-config": {"to": "desk", "others": ["attic"]}}, by_config, around=AROUND)


def test_accounts_of_the_code_are_checked_when_the_handler_loads() -> None:
    """By name and platform, as far as the code says them; the line is told."""
    line = by_name.run.__code__.co_firstlineno + 2
    assert problem({}, by_name, around=AROUND) == (
        f"[handlers.by-name]: test_settings.py:{line}: it asks for Telegraph, but the account 'desk' is of telephone"
    )


def test_the_setting_that_names_an_account_is_to_blame() -> None:
    """So that its variable is told, if one set it."""
    [one] = planned({"by-config": {"to": "dsek"}}, by_config, around=AROUND).problems
    assert one.under == "to"


def test_an_entry_that_names_its_sources_needs_an_account_for_each() -> None:
    """Otherwise its events would all be dead."""
    assert "which the source 'silent' does not have" in problem(
        {"by-source": {"sources": ["support", "silent"]}}, by_source, around=AROUND
    )
    only({"by-source": {"sources": ["support", "wire"]}}, by_source, around=AROUND)


def test_an_entry_that_takes_all_sources_needs_an_account_for_one() -> None:
    """Sources without one may be of another kind."""
    only({}, by_source, around=AROUND)
    nobody = Surroundings(accounts={}, account_of={}, sources=("support",))
    assert "no source has one" in problem({}, by_source, around=nobody)


@pytest.mark.parametrize(("given", "fits"), [(None, True), (40, False), (41, True)])
def test_an_attempt_must_not_outlast_the_revocation(given: int | None, *, fits: bool) -> None:
    """Where the time is set; the default timeout is 30 s, and giving back takes ten more."""
    around = replace(NO_SURROUNDINGS, rebalance_timeout=None if given is None else timedelta(seconds=given))
    found = planned({}, plain, around=around)
    assert ([entry.name for entry in found.entries] == ["plain"]) is fits
    told = [str(problem) for problem in found.problems]
    assert bool(told) is not fits
    assert all("Set rebalance_timeout to more than 40s, leave it out" in one for one in told)


@pytest.mark.parametrize(
    ("section", "former"),
    [
        ({"again": {"use": "plain"}, "plain": {"enabled": False}}, "plain"),
        ({"again": {"use": "plain"}}, None),
        ({"again": {"use": "plain"}, "plain": {"attempts": 0}}, None),
        ({"again": {"use": "plain", "start": "earliest"}, "plain": {"enabled": False}}, None),
        ({"again": {"use": "ask", "question": "?"}, "plain": {"enabled": False}}, "ask"),
    ],
)
def test_an_entry_may_have_had_the_name_of_its_handler(section: dict[str, Any], former: str | None) -> None:
    """Where none runs under that, or is meant to, and its section does not say where it begins."""
    assert {entry.name: entry.former for entry in planned(section, plain, ask).entries}["again"] == former


def test_an_entry_may_be_meant_to_begin() -> None:
    """Its section says where; a handler without one does not."""
    entries = planned({"again": {"use": "plain", "start": "earliest"}}, plain).entries
    assert {entry.name: entry.start_said for entry in entries} == {"again": True, "plain": False}
