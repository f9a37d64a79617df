"""Which variable is to blame for what is wrong with a configuration; what the file says is its own fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.explain import origin_of, parts_of
from receiver.errors import SourceMisconfigured
from schemas.wording import Path

if TYPE_CHECKING:
    # brings the whole plugin API along, and this is read before every command
    from dispatcher.errors import EntryMisconfigured


@dataclass(frozen=True, slots=True)
class Blame:
    """What came from where."""

    # The keys that variables set, each with its variable.
    origins: Mapping[Path, str]
    # The configuration file as it stands.
    file: Mapping[str, Any]

    def told(self, path: Path, problem: str) -> str:
        """A problem with the variable that set the key before it, or those that set parts of it behind."""
        variable = origin_of(path, self.origins, self.file)
        return f"{problem}{parts_of(path, self.origins)}" if variable is None else f"{variable}: {problem}"

    def sources(self, error: SourceMisconfigured) -> list[tuple[Path, str]]:
        """Each problem of the sources with its key."""
        found = []
        for problem in error.problems:
            # `sources.NAME.secrets[0]: …`
            path = tuple(problem.partition(":")[0].partition("[")[0].split("."))
            found.append((path, self.told(path, problem)))
        return found

    def entry(self, problem: "EntryMisconfigured") -> tuple[Path, str]:
        """A problem of a handler's entry with its key."""
        path = ("handlers", problem.entry, *([problem.under] if problem.under else []))
        return path, self.told(path, str(problem))
