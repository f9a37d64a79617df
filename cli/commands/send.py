"""`hookline send`: a signed test event through the real door."""

import json
import secrets
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import invocation
from cli.addresses import receiver_url
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.explain import suggestion
from cli.output import printable, stdout
from cli.samples import around, example_of, nameless
from cli.signing import FORM, Request, content_type, signed
from receiver.settings import SourceSettings
from schemas.examples import Example

PATIENCE = 10.0
"""Seconds to wait for the receiver's answer."""


def send(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A source of the configuration, such as support.")],
    event_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="The platform's name, such as message.created.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Set a field of the body; JSON, else text.")
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="Send this in place of an example; - is standard input.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="A header that the platform would add.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The receiver; default the one that runs here.")] = None,
) -> int:
    """Post a signed event to a source, as its platform would, and show the answer."""
    here = installation(context)
    settings = _source(here, source)
    catalogue = here.settings.catalogue()
    platform = catalogue[settings.platform]
    if platform.polled:
        raise Misconfigured(_polled(source, settings.platform))
    now, unique, name = datetime.now(UTC), secrets.token_hex(6), event_type or ""
    own = dict(map(header_of, header or ()))
    if body is None:
        made = example_of(catalogue, settings.platform, name, now=now, unique=unique)
        content, kind = _changed(made, name, changes or ()), content_type(platform) if made.form is None else FORM
    else:
        made = around(catalogue, settings.platform, name, now=now, unique=unique)
        content, kind = given(_read(body), changes or ()), content_type(platform)
        _hint(nameless(catalogue, settings.platform, source, {*made.headers, *own}))
    headers = {"content-type": kind, **made.headers, **own}
    address = "/".join(filter(None, (_address(here, source, settings, url), made.suffix)))
    request = signed(platform, settings, Request(address, content, headers), delivery_id=made.delivery_id, now=now)
    return _show(here, *_post(request))


def _show(here: Installation, status: int, answer: str) -> int:
    """Show the answer, and how to see what became of the event."""
    stdout().print(f"{status} {printable(answer)}")
    if event_id := first_id(answer):
        words = shlex.join([*invocation.again(here.places), "tail", "--no-follow", f"--id={event_id}"])
        stdout().print(f"see it: {printable(words)}", style="dim")
    return 0 if 200 <= status < 300 else 1  # noqa: PLR2004 - a 2xx is a success


def first_id(answer: str) -> str | None:
    """The id of the event that a receiver took, the first of several; None where it took none."""
    try:
        ids = json.loads(answer)["ids"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(ids[0]) if isinstance(ids, list) and ids else None


def _polled(source: str, platform: str) -> str:
    return (
        f"{platform} posts nothing, so nothing can be sent to {source}: it is asked. Write to the agent at the "
        f"platform, then `hookline poll --once`; in `hookline dev` simulated visitors write to it"
    )


def _changed(made: Example, event_type: str, changes: Sequence[str]) -> bytes:
    """The body of an example with fields set."""
    if made.form is not None:
        return given(made.form.encode(), changes)
    if changes and not isinstance(made.body, dict):
        return given(json.dumps(made.body).encode(), changes)
    for change in changes:
        _hint(unknown(made, change, event_type))
        put(made.body, change)
    return json.dumps(made.body, ensure_ascii=False, separators=(",", ":")).encode()


def _hint(text: str | None) -> None:
    if text:
        sys.stderr.write(f"hookline: {text}\n")


def given(content: bytes, changes: Sequence[str]) -> bytes:
    """A body as it was given; written anew only where fields are set.

    Raises:
        Misconfigured: there are fields to set, and it is no JSON object.
    """
    if not changes:
        return content
    try:
        body = json.loads(content)
    except ValueError as error:
        raise Misconfigured("--set changes JSON, and the body is none") from error
    if not isinstance(body, dict):
        raise Misconfigured("--set changes fields, and the body is no object")
    for change in changes:
        put(body, change)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}. Name a file that holds a body") from error


def header_of(text: str) -> tuple[str, str]:
    """A header of the command line, its name in lower case.

    Raises:
        Misconfigured: it is not of that form.
    """
    name, found, value = text.partition(":")
    if not found or not name.strip():
        raise Misconfigured(f"--header {text!r} is not of the form NAME:VALUE")
    return name.strip().lower(), value.strip()


def put(body: dict[str, Any], change: str) -> None:
    """Set one field of a body, `a.b=c`; tables on the way are made.

    What is text stays text, so that 3 may be a message; other fields are read as JSON, and are text where it is none.

    Raises:
        Misconfigured: it is not of that form.
    """
    (*tables, last), text = _parted(change)
    for key in tables:
        below = body.setdefault(key, {})
        if not isinstance(below, dict):
            raise Misconfigured(f"--set {change!r}: {key} is a value, so it has no fields")
        body = below
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    body[last] = text if isinstance(body.get(last), str) and not isinstance(value, str) else value


def unknown(made: Example, change: str, event_type: str) -> str | None:
    """A hint if the example has no such field: one that was mistyped changes nothing that anybody reads."""
    keys, _ = _parted(change)
    known = list(_paths(made.body, own=made.own))
    path = ".".join(keys)
    if path in known or (made.own is not None and keys[0] == made.own):
        return None
    near = [one for one in known if one.rpartition(".")[2] == keys[-1]] or get_close_matches(path, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{event_type} has no field {path}, so it is added.{meant} The fields are {', '.join(known)}"


def _parted(change: str) -> tuple[list[str], str]:
    path, found, text = change.partition("=")
    keys = path.split(".")
    if not found or not all(keys):
        raise Misconfigured(f"--set {change!r} is not of the form a.b=c")
    return keys, text


def _paths(body: Mapping[str, Any], *, own: str | None, above: str = "") -> Iterator[str]:
    """The fields of a body, `a.b`."""
    for name, value in body.items():
        if isinstance(value, dict) and name != own:
            yield from _paths(value, own=own, above=f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _source(here: Installation, name: str) -> SourceSettings:
    sources = here.settings.sources
    if name not in sources:
        raise Misconfigured(f"there is no source {name}{suggestion(name, list(sources))}")
    return sources[name]


def _address(here: Installation, source: str, settings: SourceSettings, url: str | None) -> str:
    receiver = url or receiver_url(here.data)
    if receiver is None:
        raise CommandFailed(
            f"no receiver runs with the data folder {here.data}: start one with `hookline dev` or `hookline receive`, "
            "or name one with --url"
        )
    token = f"/{settings.token.get_secret_value()}" if settings.token else ""
    return f"{receiver.rstrip('/')}/in/{source}{token}"


def _post(asked: Request) -> tuple[int, str]:
    request = urllib.request.Request(asked.url, asked.body, asked.headers)  # noqa: S310 - as below
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - the receiver's own address
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise CommandFailed(f"the receiver did not answer: {error}. Is it running?") from error
