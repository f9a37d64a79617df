"""What of a configuration works and is hardly meant: mappings nobody reaches, names that stand for two. Pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from cli.findings import Finding
from cli.settings import Settings
from receiver.recipes import presets
from receiver.recipes.recipe import Mapping, Recipe
from receiver.sources.platforms import PLATFORMS

# Sections of names that people choose: a variable of one is its name with `_` for `-` and `.`.
_NAMED = ("sources", "platforms", "accounts", "handlers")


def oddities(settings: Settings) -> Iterator[Finding]:
    """Each with what was probably meant."""
    for section in _NAMED:
        for one, other in _alike(list(getattr(settings, section))):
            why = f"the variables HOOKLINE_{section.upper()}__{one.upper().replace('-', '_')}__… mean both: rename one"
            yield Finding(f"{section} {one} and {other}", "degraded", why)
    for name, recipe in settings.platforms.items():
        if name in presets.names():
            yield Finding(f"platform {name}", "ok", "stands in place of the preset of this name")
        for place in unused(recipe):
            why = f"events[{place}] is never used: {_reason(recipe)}"
            yield Finding(f"platform {name}", "degraded", why)
    yield from _strange_accounts(settings)


def unused(recipe: Recipe) -> Iterator[int]:
    """The places of the mappings that no event can reach: without a name, or behind one that takes all of theirs."""
    for place, mapping in enumerate(recipe.events):
        before = [one for one in recipe.events[:place] if not one.where]
        if not recipe.read.name or all(any(_takes(one, name) for one in before) for name in mapping.name):
            yield place


def _takes(mapping: Mapping, name: str) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in mapping.name)


def _reason(recipe: Recipe) -> str:
    if not recipe.read.name:
        return "read.name does not say where the sender's name of an event stands"
    return "a mapping before it takes the same names; put the narrower one first, or tell them apart by where"


def _alike(names: list[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name in names:
        known = first.setdefault(name.lower().replace("-", "_").replace(".", "_"), name)
        if known != name:
            yield known, name


def _strange_accounts(settings: Settings) -> Iterator[Finding]:
    """Sources with an account at another platform, or beside a namesake that is not theirs: strangers are answered."""
    for name, source in settings.sources.items():
        namesake = settings.accounts.get(name)
        if source.account not in (None, name) and namesake is not None and namesake.platform == source.platform:
            why = (
                f"its account is {source.account}, and the ids of its contacts would be taken for those of the account "
                f"{name}, in which `push` of sync-contact would write over strangers: rename one of the two"
            )
            yield Finding(f"source {name}", "degraded", why)
        account = settings.accounts.get(source.account or name)
        if account is not None and source.platform in PLATFORMS.keys() - {"standard", account.platform}:
            why = (
                f"its events are of {source.platform}, and its account {source.account or name} is at "
                f"{account.platform}, where nobody knows their conversations: name one at {source.platform}"
            )
            yield Finding(f"source {name}", "degraded", why)
