"""Bodies as they leave: compact JSON, or a form. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from clients.errors import Rejected

MAX_REQUEST: Final = 1024 * 1024
"""The largest body we send, in bytes."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


def written(body: Mapping[str, Any], *, form: bool, what: str) -> bytes:
    """Write a body.

    Args:
        body: its fields.
        form: as a form, what is not text as JSON writes it and null left out; else as JSON.
        what: names the call in errors.

    Raises:
        Rejected: it cannot be written, or is larger than `MAX_REQUEST`.
    """
    try:
        payload = _form(body) if form else _json(body).encode()
    except (TypeError, ValueError, RecursionError):
        raise Rejected(f"{what}: the message or its metadata cannot be written as JSON") from None
    if len(payload) > MAX_REQUEST:
        raise Rejected(f"{what}: the message and its metadata are larger than {MAX_REQUEST} bytes")
    return payload


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _form(body: Mapping[str, Any]) -> bytes:
    fields = {name: value if isinstance(value, str) else _json(value) for name, value in body.items()}
    return urlencode({name: text for name, text in fields.items() if body[name] is not None}).encode()
