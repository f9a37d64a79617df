"""Refused deliveries, as their tests make them: any source of any preset, signed rightly and then changed."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from receiver.delivery import Delivery, Headers, route
from receiver.diagnosis.diagnosis import Diagnosis
from receiver.diagnosis.hint import Hint
from receiver.intake import Refusal, intake
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.sources.source import Source
from schemas.signatures import Outgoing, sign
from tests.unit.receiver.parts import NOW, TOPICS

SECRET, OLDER = "a-secret-of-ours-0123456789", "an-older-secret-0123456789"
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
TOKEN = "a-path-token-0123456789"
BODY = b'{"name": "Ada Lovelace", "text": "caf\xc3\xa9 <b>", "at": 1, "deep": {"b": [1, 2], "a": "/"}}'


def sources(**settings: dict[str, Any]) -> dict[str, Source]:
    """Sources by name, of the settings as a user writes them."""
    known = {name: SourceSettings.model_validate(one) for name, one in settings.items()}
    return dict(open_sources(known, ReceiverSettings()))


def of(platform: str, *secrets: str, **more: Any) -> dict[str, Source]:
    """One source, `shop`, of a platform."""
    return sources(shop={"platform": platform, "secrets": list(secrets or (SECRET,)), **more})


def posted(
    known: dict[str, Source],
    body: bytes = BODY,
    *,
    signed: bytes | None = None,
    secret: str = SECRET,
    platform: str | None = None,
    at: datetime = NOW,
    target: str = "/in/shop",
    url: str = "",
    content_type: str = "application/json",
    **headers: str | None,
) -> Delivery:
    """A delivery whose signature is that of other bytes, by another secret, of another platform, or at another time.

    `headers` are changed afterwards, `_` standing for `-`; None takes one away.
    """
    name = re.split(r"[/?]", target)[2]
    scheme = (
        sources(any={"platform": platform, "secrets": [secret]})["any"] if platform else known[name]
    ).platform.scheme
    form = content_type.endswith("urlencoded")
    request = Outgoing(body=body if signed is None else signed, id="msg_1", url=url, form=form)
    given = {header.lower(): value for header, value in sign(scheme, secret, request, at)}
    given["content-type"] = content_type
    given |= {header.replace("_", "-"): value for header, value in headers.items() if value is not None}
    for header, value in headers.items():
        if value is None:
            given.pop(header.replace("_", "-"), None)
    found = route(target)
    assert found is not None
    raw = [(header.encode(), value.encode("latin-1")) for header, value in given.items()]
    return Delivery(method="POST", target=found, headers=Headers(raw), body=body)


def hints(known: dict[str, Source], delivery: Delivery, *, now: datetime = NOW) -> tuple[str, list[Hint]]:
    """The reason of a refusal, and what is found out about it."""
    source = known[delivery.target.source]
    outcome = intake(source, delivery, TOPICS, now)
    assert isinstance(outcome, Refusal), outcome
    diagnosis = Diagnosis(known, monotonic=lambda: 0.0, clock=lambda: now)
    return outcome.reason, list(diagnosis.of(source, delivery, outcome.problem, outcome.reason))


def told(known: dict[str, Source], delivery: Delivery, **more: Any) -> tuple[str, list[tuple[str, str]]]:
    """The same, as reason and pairs of kind and text."""
    reason, found = hints(known, delivery, **more)
    return reason, [(hint.kind, hint.text) for hint in found]


def without(delivery: Delivery, header: bytes) -> Delivery:
    """The same without a header."""
    return replace(delivery, headers=Headers([pair for pair in delivery.headers.raw if pair[0] != header]))
