"""Whether an environment variable means something to hookline."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from cli import places
from cli.overlay import SEPARATOR, overlay
from cli.settings import BUILT_IN, Settings

# The word for any setting, and what the tests themselves read (README.md tells of them).
_OTHERS = frozenset({"HOOKLINE_SECTION__KEY", "HOOKLINE_TEST_KAFKA", "HOOKLINE_TEST_POSTGRES"})


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Those of the names that set nothing."""
    return [name for name in dict.fromkeys(names) if name not in _OTHERS and not _known(name)]


def _known(name: str) -> bool:
    if SEPARATOR not in name:
        somewhere = {name: str(Path(__file__))}
        found = places.find(None, None, somewhere, Path("/nowhere"))
        return Path(__file__) in (found.config, found.root)
    try:
        Settings.model_validate(overlay({}, {name: ""}, {"handlers": BUILT_IN}).table)
    except ValidationError as error:
        return all(one["type"] not in ("extra_forbidden", "model_type") for one in error.errors())
    return True
