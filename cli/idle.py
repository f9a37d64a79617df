"""What an operator may change of handlers only while no worker runs, and asking him whether he means it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.addresses import running
from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from dispatcher.errors import ChangeRefused, GroupInUse
from eventlog.errors import EventLogError

WORKERS = frozenset({"work", "run", "dev"})
"""Roles that run handlers."""


def require_no_workers(here: Installation) -> None:
    """Refuse while workers run with this data folder; those of other machines are found by joining their groups.

    Raises:
        CommandFailed: some do.
    """
    if at_work := [f"{one.role} (process {one.pid})" for one in running(here.data) if one.role in WORKERS]:
        raise CommandFailed(f"workers run with this data folder: {', '.join(at_work)}. Stop all workers first")


def require_no_roles(here: Installation) -> None:
    """Refuse while anything runs with this data folder.

    Raises:
        CommandFailed: something does.
    """
    if at_work := [f"{one.role} (process {one.pid})" for one in running(here.data)]:
        raise CommandFailed(f"roles run with this data folder: {', '.join(at_work)}. Stop all roles first")


def require_consent(question: str, *, yes: bool) -> bool:
    """Whether it is to be done: asked on a terminal, unless it was said before.

    Raises:
        Misconfigured: nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Misconfigured(f"{question} Nobody can be asked here: say --yes if it is meant")
    # what is printed beside it is for programs
    return typer.confirm(question, err=True)


@contextmanager
def changes_explained() -> Iterator[None]:
    """What goes wrong with a change, as a command's failure."""
    try:
        yield
    except (EventLogError, GroupInUse, ChangeRefused) as error:
        raise CommandFailed(str(error)) from error
