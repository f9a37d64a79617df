"""What the workers that run with a data folder know of their entries: told on the admin port, and asked for there."""

import json
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cli.addresses import Address
from console.app import Document
from dispatcher.dispatcher import EntryState
from dispatcher.worker import Phase

PATIENCE = 2.0
"""Seconds a role gets to answer on its admin port."""

_PATH = "/handlers"


class Report(BaseModel):
    """What only the process that runs an entry knows of it."""

    model_config = ConfigDict(frozen=True)

    # Why it must not run on; empty: it runs.
    failed: str = ""
    # The events whose attempts were cancelled and go on, and since when.
    stuck: Mapping[str, datetime] = {}
    # The accounts whose platforms are away, and since when that is known.
    away: Mapping[str, datetime] = {}
    # What was under way at crashes and has not ended since → at how many.
    noted: Mapping[str, int] = {}


_REPORTS = TypeAdapter(Mapping[str, Report])


def documents(states: Callable[[], Mapping[str, EntryState]]) -> Mapping[str, Document]:
    """What a worker's admin port tells of its entries."""
    return {_PATH: lambda _query: {name: _report(one).model_dump(mode="json") for name, one in states().items()}}


def ask(roles: Iterable[Address]) -> Mapping[str, Report]:
    """Entry → what the workers among the roles say of it; one that does not answer says nothing."""
    found: dict[str, Report] = {}
    for role in roles:
        for name, report in _asked(role).items():
            found[name] = _both(found.get(name, Report()), report)
    return found


def _report(state: EntryState) -> Report:
    failed = state.reason if state.phase is Phase.FAILED else ""
    return Report(failed=failed, stuck=state.stuck, away=state.away, noted=state.noted)


def _asked(role: Address) -> Mapping[str, Report]:
    if role.admin is None:
        return {}
    try:
        with urllib.request.urlopen(f"{role.admin}{_PATH}", timeout=PATIENCE) as answer:  # noqa: S310 - the role told it
            return _REPORTS.validate_python(json.load(answer))
    except (OSError, ValueError, ValidationError):
        # a receiver, which has none, or a process that is frozen: `doctor` says so
        return {}


def _both(one: Report, other: Report) -> Report:
    return Report(
        failed=one.failed or other.failed,
        stuck={**one.stuck, **other.stuck},
        away={**other.away, **one.away},
        noted={**one.noted, **other.noted},
    )
