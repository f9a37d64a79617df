"""The handlers of a configuration: loaded from packages and folders, and checked against sources and accounts."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from cli import belongings
from cli.base import Installation
from cli.blame import Blame
from cli.errors import Misconfigured
from cli.field_values import IN_THE_FILE, literal_secrets
from cli.probe import dangers
from cli.settings import blame
from clients.account import Account
from clients.http import Edges, Exchange, unheard
from clients.settings import open_account
from dispatcher.errors import EntryMisconfigured
from dispatcher.registry import Registry, load
from dispatcher.settings import Plan, Surroundings, plan

log = structlog.get_logger()

# Seconds an import may take before it is told of.
_SLOW = 10.0


@dataclass(frozen=True, slots=True)
class Plugins:
    """What could be loaded, and what it means for this configuration."""

    registry: Registry
    plan: Plan
    accounts: Mapping[str, Account]
    account_of: Mapping[str, str]
    blame: Blame
    # The entries that have a section.
    sections: frozenset[str] = frozenset()
    # Whether production runs without what cannot be used.
    allow_broken: bool = False

    @property
    def problems(self) -> list[str]:
        """One sentence for each thing that is wrong."""
        told = [self.blame.entry(problem)[1] for problem in self.plan.problems]
        return [*map(str, self.registry.problems), *told]


def loaded(
    here: Installation, *, on_exchange: Callable[[Exchange], None] = unheard, carefully: bool = False
) -> Plugins:
    """Load the handlers and open the accounts; nothing is connected.

    Args:
        here: whose.
        on_exchange: called after each request to a platform.
        carefully: first find out, in a process of its own, which plugins would end this one or never come back.

    Raises:
        Misconfigured: `[handlers] path` is no list of folders, or `allow_broken` neither true nor false.
    """
    settings = here.settings
    edges = Edges(on_exchange=on_exchange)
    accounts = {name: open_account(name, one, edges=edges) for name, one in settings.accounts.items()}
    account_of = {
        name: one.account or name for name, one in settings.sources.items() if (one.account or name) in accounts
    }
    folders = folders_of(here)
    with _slow_told() as on_import, belongings.kept():
        registry = load(folders, skip=dangers(folders) if carefully else {}, on_import=on_import)
    around = Surroundings(
        accounts=accounts,
        account_of=account_of,
        sources=frozenset(settings.sources),
        rebalance_timeout=settings.eventlog.rebalance_timeout,
    )
    sections = frozenset(name for name, table in settings.handlers.items() if isinstance(table, Mapping))
    made, blamed = plan(settings.handlers, registry, around), blame(here.places)
    made = _without_secrets(made, registry, blamed.file.get("handlers", {}))
    return Plugins(registry, made, accounts, account_of, blamed, sections, _allow_broken(here))


def _without_secrets(made: Plan, registry: Registry, sections: Any) -> Plan:
    """The plan without entries of whose sections of the file a secret of the plugin's own stands in the file itself."""
    found = []
    for name, table in sections.items() if isinstance(sections, Mapping) else ():
        used = table.get("use", name) if isinstance(table, Mapping) else None
        if isinstance(used, str) and used in registry.handlers:
            keys = literal_secrets(table, registry.handlers[used].handler.config)
            found += [EntryMisconfigured(name, f"{'.'.join(key)}: {IN_THE_FILE}", under=key[0]) for key in keys]
    refused = {problem.entry for problem in found}
    entries = tuple(entry for entry in made.entries if entry.name not in refused)
    return replace(made, entries=entries, problems=(*made.problems, *found))


@contextmanager
def _slow_told() -> Iterator[Callable[[str], None]]:
    """Name a plugin whose import takes long. A thread does: whoever waits for the import cannot."""
    timers: list[threading.Timer] = []

    def on_import(where: str) -> None:
        for timer in timers:
            timer.cancel()
        timers.append(threading.Timer(_SLOW, tell, (where,)))
        timers[-1].daemon = True
        timers[-1].start()

    def tell(where: str) -> None:
        log.warning("plugin.slow", plugin=where, advice="nothing runs until its import ends: kill -9 if it does not")

    try:
        yield on_import
    finally:
        for timer in timers:
            timer.cancel()


def _allow_broken(here: Installation) -> bool:
    said = here.settings.handlers.get("allow_broken", False)
    # A variable's value is text.
    if (found := {"true": True, "false": False}.get(str(said).lower())) is None:
        raise Misconfigured(
            "handlers.allow_broken is neither true nor false: write allow_broken = true, or leave it out"
        )
    return found


def folders_of(here: Installation) -> list[Path]:
    """The plugin folders.

    Raises:
        Misconfigured: `[handlers] path` is no list of folders.
    """
    path = here.settings.handlers.get("path", [])
    folders = [path] if isinstance(path, str) else path
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise Misconfigured('handlers.path is no list of folders: write path = ["./plugins"]')
    return [(here.base / folder).absolute() for folder in folders]
