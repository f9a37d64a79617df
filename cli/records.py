"""How `tail` shows a record: an object for programs, a few lines for people."""

import base64
import json
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from cli.output import printable
from schemas.record import StoredRecord

_INDENT = "    "


def as_object(record: StoredRecord) -> dict[str, Any]:
    """A record as `tail --json` shows it; a JSON value as JSON, other bytes as text or base64."""
    time = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": time.replace("+00:00", "Z"),
        "key": None if record.key is None else record.key.decode("utf-8", "replace"),
        "headers": {name: value.decode("utf-8", "replace") for name, value in record.headers},
        "value": _value(record.value),
    }


def as_lines(record: StoredRecord, *, prefix: str, headers: bool, now: datetime) -> Iterator[tuple[Text, bool]]:
    """A record for people: a line with its data, or with its headers between the two.

    Args:
        record: what to show.
        prefix: of the topics' names, left out.
        headers: whether to show them.
        now: in the zone whose time of day is shown; another day is shown with its date.

    Yields:
        A line, and whether it may be cut at the edge of the terminal; else it is to be wrapped.
    """
    shown = as_object(record)
    line = Text()
    line.append(f"{_time(record.timestamp, now)}  ", style="dim")
    line.append(f"{record.topic.removeprefix(prefix)}/{record.partition}@{record.offset}  ")
    line.append(printable(shown["headers"].get("ce_type", "-")), style="bold")
    line.append(f"  {printable(shown['key']) or '-'}", style="cyan")
    data = printable(_extra_last(shown["value"])) or "-"
    if not headers:
        yield line.append(f"  {data}"), True
        return
    yield line, True
    told = _INDENT + "  ".join(f"{name}={printable(value)}" for name, value in shown["headers"].items())
    if told:
        yield Text(told, style="dim"), False
    yield Text(_INDENT + data), True


def wrapped(text: Text, width: int) -> Iterator[Text]:
    """A long line of headers as lines of the terminal."""
    for line in textwrap.wrap(text.plain, width, subsequent_indent=_INDENT, break_on_hyphens=False):
        yield Text(line, style=text.style)


def _time(milliseconds: int, now: datetime) -> str:
    time = datetime.fromtimestamp(milliseconds / 1000, now.tzinfo)
    return time.strftime("%H:%M:%S" if time.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def _extra_last(value: Any) -> Any:
    """What a platform sent beside the fields we know stands behind them: a line may be cut."""
    if not isinstance(value, dict) or "extra" not in value:
        return value
    return {name: value[name] for name in (*(name for name in value if name != "extra"), "extra")}


def _value(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
