"""`[handlers]` of the configuration: which handlers run, as which entries, with what settings.

An entry is one consumer group. Its own section wins over the decorator, the decorator over the default. A handler
without a section runs when its config needs nothing; `use` makes further entries of one handler.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clients.account import Account
from dispatcher import needs
from dispatcher.attempt import strangers_code
from dispatcher.errors import EntryMisconfigured
from dispatcher.needs import Need
from dispatcher.outcome import Policy
from dispatcher.registry import NAME, AnyHandler, Registry
from schemas.durations import PositiveDuration, Wait, spoken
from schemas.events import Timer
from schemas.wording import faults

DEFAULT_TIMEOUT = timedelta(seconds=30)
GIVING_BACK = timedelta(seconds=10)
"""Beside an attempt under way, giving partitions back takes so long at most: to cancel, to commit, to release."""
OF_ALL = frozenset({"path", "allow_broken"})
"""The keys of `[handlers]` that are no entry."""
# No event is older, in any zone.
_EPOCH = 1971


class CommonSettings(BaseModel):
    """What every `[handlers.<entry>]` section may say; its other keys are the handler's own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    use: str | None = Field(default=None, description="The handler to run; by default the one of the entry's name.")
    sources: tuple[str, ...] | None = Field(default=None, min_length=1, description="Only these; by default all.")
    attempts: int = Field(default=5, ge=1, le=1000, description="How often an event is tried before it is dead.")
    backoff: Wait = Field(
        default=timedelta(seconds=1), description="The longest first wait; it doubles. At least half is waited."
    )
    max_backoff: Wait = Field(default=timedelta(minutes=5), description="No wait is longer.")
    deadline: PositiveDuration = Field(
        default=timedelta(hours=24),
        description="So long an event is tried again when what it needs is away: a platform, an API, store or log.",
    )
    timeout: Wait | None = Field(default=None, description="How long one attempt may take.")
    concurrency: int = Field(default=32, ge=1, le=10_000, description="Attempts that may run at once.")
    enabled: bool = Field(default=True, description="Whether it runs; its position and timers are kept if not.")
    start: Literal["earliest", "now"] | AwareDatetime = Field(
        default="earliest", description="Where an entry that never ran begins: earliest, now or a time with its zone."
    )

    @field_validator("start")
    @classmethod
    def _in_our_time(cls, value: str | datetime) -> str | datetime:
        # Before that a zone may lead out of the calendar, and a log knows no record.
        if isinstance(value, datetime) and value.year < _EPOCH:
            raise ValueError(f"must be in {_EPOCH} or later; earliest stands for the first event that is kept")
        if isinstance(value, datetime) and value.year == MAXYEAR and value.utcoffset() != timedelta():
            raise ValueError("must be before the end of the calendar in every zone")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.backoff > self.max_backoff:
            raise ValueError("backoff is longer than max_backoff, the longest wait: raise max_backoff or lower backoff")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One handler as it is to run: a consumer group of its own."""

    name: str
    handler: AnyHandler
    # The handler's own settings, validated.
    config: BaseModel
    # None: every source.
    sources: frozenset[str] | None = None
    policy: Policy
    timeout: timedelta
    concurrency: int
    start: Literal["earliest", "now"] | datetime = "earliest"
    # It is said where it starts, so it is meant to begin if it never did.
    start_said: bool = True
    # The handler's own name, where no entry runs by it and `start` is not said: it may have been this one's before.
    former: str | None = None

    @property
    def sets_timers(self) -> bool:
        """Whether it may have timers: nobody else may set one."""
        return Timer in self.handler.on


@dataclass(frozen=True, slots=True)
class Plan:
    """What `[handlers]` means."""

    # In the order of their names.
    entries: tuple[Entry, ...]
    # Entries that say `enabled = false`.
    disabled: tuple[str, ...] = ()
    # Handlers that need settings and have no section: they do not run, and that is no error.
    unconfigured: tuple[str, ...] = ()
    problems: tuple[EntryMisconfigured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an entry is checked against."""

    accounts: Mapping[str, Account]
    # Source → the name of its account, for sources that have one.
    account_of: Mapping[str, str]
    sources: Collection[str]
    # How long Kafka waits for partitions to be given back, where that is set; None: as long as the entry needs.
    rebalance_timeout: timedelta | None = None


def plan(section: Mapping[str, Any], registry: Registry, around: Surroundings | None) -> Plan:
    """Make entries of the `[handlers]` section.

    A section that cannot work is a problem in the result; it does not hide the others.

    Args:
        section: the table as parsed, with secrets resolved; what is said for all (`OF_ALL`) is not looked at.
        registry: the handlers there are.
        around: accounts and sources of the configuration; None: there is none, and whatever is named is there.
    """
    sections = {name: table for name, table in section.items() if name not in OF_ALL}
    disabled: list[str] = []
    entries: list[Entry] = []
    problems: list[EntryMisconfigured] = []
    idle = sorted(name for name in registry.handlers.keys() - sections.keys() if _needs_settings(registry, name))
    for name in sorted({*sections, *registry.handlers} - set(idle)):
        found = _entry(name, sections.get(name, {}), registry, around)
        if found is None:
            disabled.append(name)
        elif isinstance(found, Entry):
            entries.append(found)
        else:
            problems += found
    running = {*(entry.name for entry in entries), *(problem.entry for problem in problems)}
    said = {entry.name for entry in entries if "start" in sections.get(entry.name, ())}
    entries = [
        replace(entry, start_said=entry.name in said, former=None if entry.name in said else _former(entry, running))
        for entry in entries
    ]
    return Plan(tuple(entries), tuple(disabled), tuple(idle), tuple(problems))


def entry_of(
    handler: AnyHandler,
    *,
    name: str | None = None,
    common: CommonSettings | None = None,
    config: BaseModel | None = None,
) -> Entry:
    """An entry made of values instead of a configuration, as tests and tools need it."""
    common = common or CommonSettings()
    return Entry(
        name=name or handler.name,
        handler=handler,
        config=handler.config() if config is None else config,
        sources=None if common.sources is None else frozenset(common.sources),
        policy=Policy(
            attempts=common.attempts,
            backoff=common.backoff,
            max_backoff=common.max_backoff,
            deadline=common.deadline,
        ),
        timeout=common.timeout or handler.timeout or DEFAULT_TIMEOUT,
        concurrency=common.concurrency,
        start=common.start if isinstance(common.start, str) else common.start.astimezone(UTC),
    )


def _entry(
    name: str, table: Any, registry: Registry, around: Surroundings | None
) -> Entry | list[EntryMisconfigured] | None:
    """The entry, everything that is wrong with it, or None when it is disabled."""
    if not NAME.fullmatch(name):
        return [EntryMisconfigured(name, f"the name does not match {NAME.pattern}")]
    if not isinstance(table, Mapping):
        return [EntryMisconfigured(name, f"is not a section: write a table [handlers.{name}]")]
    wanted = table.get("use", name)
    loaded = registry.handlers.get(wanted) if isinstance(wanted, str) else None
    if loaded is None:
        return [_no_handler(name, wanted, registry)]
    handler = loaded.handler
    own_keys = _keys(handler.config)
    problems = list(_unknown(name, table, {*CommonSettings.model_fields, *own_keys}))
    common, more = _validated(
        CommonSettings, name, {key: table[key] for key in table if key in CommonSettings.model_fields}
    )
    problems += more
    if common is not None and not common.enabled and not problems:
        return None
    config, more = _validated(handler.config, name, {key: table[key] for key in table if key in own_keys})
    problems += more
    if common is not None and around is not None:
        problems += _unknown_sources(name, common.sources or (), around)
    if problems:
        return problems
    entry = entry_of(handler, name=name, common=common, config=config)
    return entry if around is None else [*_outlasting(entry, around), *_missing_accounts(entry, around)] or entry


def _outlasting(entry: Entry, around: Surroundings) -> Iterator[EntryMisconfigured]:
    """An attempt that is under way when its partition goes must have ended before another worker has it."""
    needed, given = entry.timeout + GIVING_BACK, around.rebalance_timeout
    if given is not None and given <= needed:
        why = (
            f"an attempt may take {spoken(entry.timeout)}, and giving partitions back {spoken(GIVING_BACK)} more, but "
            f"[eventlog.kafka] rebalance_timeout is {spoken(given)}: another worker would begin the event beside it. "
            f"Set rebalance_timeout to more than {spoken(needed)}, leave it out so that it fits, or lower `timeout`"
        )
        yield EntryMisconfigured(entry.name, why, under="timeout")


def _former(entry: Entry, running: Collection[str]) -> str | None:
    own = entry.handler.name
    return None if own in running else own


def _no_handler(name: str, wanted: Any, registry: Registry) -> EntryMisconfigured:
    broken = "; a plugin that could not be loaded may have it" if registry.problems else ""
    advice = _suggest(str(wanted), registry.handlers) or ". Put its file into a folder of [handlers] path"
    return EntryMisconfigured(name, f"there is no handler {wanted!r}{broken}{advice}")


def _unknown(name: str, table: Mapping[str, Any], known: Collection[str]) -> Iterator[EntryMisconfigured]:
    for key in table:
        if key not in known:
            yield EntryMisconfigured(name, f"unknown key {key!r}{_suggest(key, known)}", under=key)


def _unknown_sources(name: str, sources: Iterable[str], around: Surroundings) -> Iterator[EntryMisconfigured]:
    for source in sources:
        if source not in around.sources:
            why = f"sources: there is no source {source!r}{_suggest(source, around.sources)}"
            yield EntryMisconfigured(name, why, under="sources")


def _validated(
    model: type[BaseModel], name: str, values: Mapping[str, Any]
) -> tuple[Any, Sequence[EntryMisconfigured]]:
    with strangers_code() as caught:
        return model.model_validate(values), ()
    error = caught.error
    if not isinstance(error, ValidationError):
        problem = EntryMisconfigured(name, f"its config model {model.__name__} failed: {error!r}")
        problem.__cause__ = error
        return None, [problem]
    return None, [
        EntryMisconfigured(name, f"{'.'.join(path)}: {words}" if path else words, under=".".join(path[:1]))
        for path, words in faults(error, values)
    ]


def _missing_accounts(entry: Entry, around: Surroundings) -> Iterator[EntryMisconfigured]:
    said = [(need, "") for need in needs.of_code(entry.handler.run)]
    said += [(need, need.where) for need in needs.of_config(entry.config)]
    for need, key in said:
        faults_of = _of_sources(entry, need, around) if need.name is None else _named(need, around)
        for fault in faults_of:
            yield EntryMisconfigured(entry.name, f"{need.where}: {fault}", under=key)


def _named(need: Need, around: Surroundings) -> Iterator[str]:
    name = need.name or ""
    account = around.accounts.get(name)
    if account is None:
        yield f"it asks for the account {name!r}, which is not configured{_suggest(name, around.accounts)}"
    elif need.platform is not None and not isinstance(account, need.platform):
        yield f"it asks for {need.platform.__name__}, but the account {name!r} is of {account.platform}"


def _of_sources(entry: Entry, need: Need, around: Surroundings) -> Iterator[str]:
    """Sources the entry names must have a fitting account; where it takes all sources, one of them must."""
    wanted = need.platform or Account
    fitting = {
        source: isinstance(around.accounts.get(around.account_of.get(source, "")), wanted)
        for source in sorted(entry.sources if entry.sources is not None else around.sources)
    }
    lacking = [source for source, fits in fitting.items() if not fits]
    kind = "an account" if need.platform is None else f"an account of {need.platform.platform}"
    if entry.sources is not None and lacking:
        yield f"it asks for {kind}, which the source {lacking[0]!r} does not have: set its account or narrow `sources`"
    elif fitting and len(lacking) == len(fitting):
        yield f"it asks for {kind}, and no source has one: add an [accounts.<name>] section"


def _needs_settings(registry: Registry, name: str) -> bool:
    with strangers_code() as caught:
        registry.handlers[name].handler.config.model_validate({})
    return caught.error is not None


def _keys(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields.items()
    return frozenset({name for name, _ in fields} | {field.alias for _, field in fields if field.alias})


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean {close[0]!r}?" if close else ""
