"""The handlers of a configuration: loaded from packages and folders, and checked against sources and accounts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.base import Installation
from cli.errors import Misconfigured
from clients.account import Account
from clients.http import Edges, Exchange, unheard
from clients.settings import open_account
from dispatcher.registry import Registry, load
from dispatcher.settings import Plan, Surroundings, plan


@dataclass(frozen=True, slots=True)
class Plugins:
    """What could be loaded, and what it means for this configuration."""

    registry: Registry
    plan: Plan
    accounts: Mapping[str, Account]
    account_of: Mapping[str, str]

    @property
    def problems(self) -> list[str]:
        """One sentence for each thing that is wrong."""
        return [str(problem) for problem in (*self.registry.problems, *self.plan.problems)]


def loaded(here: Installation, *, on_exchange: Callable[[Exchange], None] = unheard) -> Plugins:
    """Load the handlers and open the accounts; nothing is connected.

    Args:
        here: whose.
        on_exchange: called after each request to a platform.

    Raises:
        Misconfigured: `[handlers] path` is no list of folders.
    """
    settings = here.settings
    edges = Edges(on_exchange=on_exchange)
    accounts = {name: open_account(name, one, edges=edges) for name, one in settings.accounts.items()}
    account_of = {
        name: one.account or name for name, one in settings.sources.items() if (one.account or name) in accounts
    }
    registry = load(_folders(here))
    around = Surroundings(accounts=accounts, account_of=account_of, sources=frozenset(settings.sources))
    return Plugins(registry, plan(settings.handlers, registry, around), accounts, account_of)


def _folders(here: Installation) -> list[Path]:
    path = here.settings.handlers.get("path", [])
    folders = [path] if isinstance(path, str) else path
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise Misconfigured('handlers.path is no list of folders: write path = ["./plugins"]')
    return [(here.base / folder).absolute() for folder in folders]
