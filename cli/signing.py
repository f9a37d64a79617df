"""A test request, signed as the source's platform signs it. Pure but for the time it is given."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cli.errors import Misconfigured
from receiver.settings import SourceSettings
from receiver.sources.platform import Platform
from schemas.keys import UnusableSecret
from schemas.schemes import Scheme
from schemas.signatures import Outgoing, Unsignable, sign

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted."""

    url: str
    body: bytes
    headers: dict[str, str]


def content_type(platform: Platform) -> str:
    """What a platform's bodies are, where nobody says it."""
    types = platform.media_types
    return JSON if JSON in types or not types else FORM if FORM in types else min(types)


def signed(
    platform: Platform, settings: SourceSettings, request: Request, *, delivery_id: str, now: datetime
) -> Request:
    """The request with all that its platform adds; unchanged where the source has no secret.

    Raises:
        Misconfigured: it cannot be signed with what there is.
    """
    if not settings.secrets:
        return request
    secret, scheme = settings.secrets[0].get_secret_value(), platform.scheme
    if scheme.mode == "static_token" and scheme.token is not None and scheme.token.where != "header":
        return _with_token(request, scheme.token.where, scheme.token.name, secret)
    form = request.headers["content-type"].partition(";")[0] == FORM
    query = _query(scheme, request.body, form=form)
    outgoing = Outgoing(body=request.body, id=delivery_id, url=(settings.public_url or request.url) + query, form=form)
    try:
        headers = dict(sign(scheme, secret, outgoing, now))
    except (Unsignable, UnusableSecret) as error:
        raise Misconfigured(str(error)) from error
    return Request(request.url + query, request.body, {**request.headers, **headers})


def _query(scheme: Scheme, body: bytes, *, form: bool) -> str:
    """What a sender appends to the address that it signs."""
    return "" if scheme.body_hash is None or form else f"?{scheme.body_hash}={sha256(body).hexdigest()}"


def _with_token(request: Request, where: str, name: str, secret: str) -> Request:
    """A request with its secret in the URL, or in the body."""
    if where == "query":
        return Request(f"{request.url}?{quote(name)}={quote(secret, safe='')}", request.body, request.headers)
    try:
        whole: Any = json.loads(request.body)
    except ValueError:
        whole = None
    body, (*above, last) = whole, name.split(".")
    for one in above:
        body = body.setdefault(one, {}) if isinstance(body, dict) else None
    if not isinstance(body, dict):
        raise Misconfigured(f"this platform has its secret in the body, as {name}: send a JSON object")
    if body.get(last) == secret:
        return request
    body[last] = secret
    return Request(request.url, json.dumps(whole, ensure_ascii=False).encode(), request.headers)
