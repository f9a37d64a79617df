"""The rows of `hookline handlers list`: every entry, how it stands and why, and what could not be loaded."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.entry_reports import Report
from cli.entry_states import standing_of
from cli.lags import Standing
from cli.plugins import Plugins
from dispatcher import needs
from dispatcher.settings import Entry
from dispatcher.worker import topics_of
from schemas.topics import Topics
from store.stops import Stop


def rows(
    plugins: Plugins, topics: Topics, found: Mapping[str, Standing], reports: Mapping[str, Report]
) -> Iterator[dict[str, Any]]:
    """Each as the fields of `--json`.

    Args:
        plugins: what was loaded.
        topics: what they are called.
        found: how the entries stand, as far as that is known.
        reports: what workers that run say of them.
    """
    for entry in plugins.plan.entries:
        yield _enabled(entry, plugins, topics, found.get(entry.name), reports.get(entry.name))
    for name in plugins.plan.disabled:
        why = f"[handlers.{name}] says enabled = false"
        yield {"entry": name, "state": "disabled", "why": why, **_origin(name, plugins)}
    for name in plugins.plan.unconfigured:
        why = f"it has settings to be set: add a section [handlers.{name}]"
        yield {"entry": name, "state": "not configured", "why": why, **_origin(name, plugins)}
    for broken in plugins.registry.problems:
        yield {
            "entry": broken.shadowed or Path(broken.where).name,
            "state": "shadowed" if broken.shadowed else "broken",
            "why": broken.why,
            "origin": broken.where,
        }
    for problem in plugins.plan.problems:
        yield {"entry": problem.entry, "state": "broken", "why": problem.why, **_origin(problem.entry, plugins)}


def _enabled(
    entry: Entry, plugins: Plugins, topics: Topics, standing: Standing | None, report: Report | None
) -> dict[str, Any]:
    state, reason = standing_of(standing, report)
    return {
        "entry": entry.name,
        "handler": entry.handler.name,
        "state": state,
        "reason": reason,
        "lag": standing and standing.lag,
        "parked": standing and standing.parked,
        "waiting": standing and standing.waiting,
        "about": entry.handler.doc,
        "why": _why(entry, plugins),
        "on": ", ".join(data.event_type for data in entry.handler.on),
        "topics": list(topics_of(entry, topics)),
        "accounts": ", ".join(_accounts(entry)),
        **_origin(entry.handler.name, plugins),
        "sources": sorted(entry.sources) if entry.sources is not None else None,
        "stop": _object(standing.stop) if standing and standing.stop else None,
    }


def _why(entry: Entry, plugins: Plugins) -> str:
    if entry.name not in plugins.sections:
        return "it needs no settings"
    used = f", use = {entry.handler.name}" if entry.handler.name != entry.name else ""
    return f"section [handlers.{entry.name}]{used}"


def _accounts(entry: Entry) -> list[str]:
    """Those it asks for, as far as its code and its settings tell."""
    found = (*needs.of_code(entry.handler.run), *needs.of_config(entry.config))
    return sorted({need.name or "the source's" for need in found})


def _origin(handler: str, plugins: Plugins) -> dict[str, Any]:
    """Where a handler came from: a file, or the entry point of a distribution."""
    loaded = plugins.registry.handlers.get(handler)
    if loaded is None:
        return {}
    of = f" ({loaded.distribution})" if loaded.distribution else ""
    return {"origin": f"{loaded.origin}{of}"}


def _object(stop: Stop) -> dict[str, str]:
    return {"reason": stop.reason, "detail": stop.detail, "by": stop.by, "at": stop.at.isoformat()}
