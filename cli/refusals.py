"""The refusals that running receivers keep: told on the admin port, and asked for there."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cli.addresses import Address
from cli.errors import CommandFailed
from console.app import Document
from receiver.recent import Recent

PATIENCE = 5.0
"""Seconds a role gets to answer on its admin port."""

_PATH = "/refusals"
# More are not shown at once, whatever is asked.
_MOST = 1_000


def documents(recent: Recent) -> Mapping[str, Document]:
    """What a receiver's admin port tells of its refusals."""

    def listed(given: Mapping[str, str]) -> object:
        limit = min(_MOST, int(given.get("limit", "20")))
        return {**recent.state(), "refusals": recent.newest(source=given.get("source"), limit=limit)}

    def one(given: Mapping[str, str]) -> object:
        # Not kept is no error: the state says why that may be.
        return {**recent.state(), "refusal": recent.found(given["request"])}

    return {_PATH: listed, f"{_PATH}/{{request}}": one}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the receivers that run told."""

    # One for each receiver that answered.
    answers: Sequence[Mapping[str, Any]]
    # Those that did not, and why.
    silent: Sequence[str]


def ask(roles: Sequence[Address], *, request: str | None = None, source: str | None = None, limit: int = 20) -> Asked:
    """Ask every receiver among the roles.

    Args:
        roles: those that run, or a stand-in for one whose admin port was named.
        request: the id of one refusal; without it the newest are asked for.
        source: only those of this source.
        limit: so many at most, of each receiver.
    """
    query = {"limit": str(limit), **({} if source is None else {"source": source})}
    path = f"{_PATH}?{urlencode(query)}" if request is None else f"{_PATH}/{quote(request, safe='')}"
    answers, silent = [], []
    for role in roles:
        if role.admin is None or role.receiver is None:
            continue
        try:
            answers.append(_got(role.admin.rstrip("/") + path))
        except CommandFailed as error:
            silent.append(f"{role.role}, process {role.pid}: {error}")
    return Asked(answers, silent)


def _got(url: str) -> Mapping[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise CommandFailed(f"{url} is no address of an admin port: it begins with http://")
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - http only, see above
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise CommandFailed(f"{url} answers {error.code}: is that the admin port of a receiver?") from error
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{url} does not answer: {error}") from error
    if not isinstance(found, dict):
        raise CommandFailed(f"{url} answers something else: is that the admin port of a receiver?")
    return found
