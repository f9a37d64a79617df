"""The presets' samples, posted as their senders would post them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.signing import FORM, JSON, Request, signed
from receiver.delivery import Delivery, Headers, route
from receiver.recipes import presets
from receiver.recipes.catalogue import Catalogue
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.sources.source import Source
from schemas.topics import Topics

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
TOPICS = Topics()
PRESETS = sorted(presets.names())
CATALOGUE = Catalogue()
PUBLIC = "https://hooks.example.org/in/acme"
SECRET, TOKEN = "preset-secret-0123456789", "path-token-0123456789"
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
# Words that look like what another secret of the same kind is.
OTHER, OTHER_WHSEC = "other-secret-0123456789x", "whsec_b3RoZXItc2VjcmV0LTAxMjM0NTY3ODk="


@dataclass(frozen=True)
class Sample:
    """One delivery, written from the sender's pages, and what becomes of it."""

    preset: str
    name: str
    body: bytes
    headers: dict[str, str]
    events: list[dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.preset}-{self.name}"


def samples(preset: str) -> list[Sample]:
    """The samples of a preset."""
    told = json.loads((SAMPLES / preset / "expected.json").read_text(encoding="utf-8"))
    files = [file for file in sorted((SAMPLES / preset).glob("webhook_*")) if file.suffix in (".json", ".form")]
    assert {file.stem for file in files} == set(told), f"samples and expected.json of {preset} differ"
    found = []
    for file in files:
        kind = {"Content-Type": FORM if file.suffix == ".form" else JSON}
        one = told[file.stem]
        body = file.read_bytes().replace(b"@@SECRET@@", SECRET.encode())
        found.append(Sample(preset, file.stem, body, {**kind, **one["headers"]}, one.get("events", [])))
    return found


def secret_of(preset: str, *, other: bool = False) -> str:
    """A secret of the form that the preset wants."""
    whsec = CATALOGUE[preset].scheme.key_format == "whsec"
    return (OTHER_WHSEC if whsec else OTHER) if other else (WHSEC if whsec else SECRET)


def settings(preset: str, *, other: bool = False) -> SourceSettings:
    """A source of the preset, as a user would write it."""
    proof: dict[str, Any] = {"secrets": [secret_of(preset, other=other)]}
    if CATALOGUE[preset].scheme.mode == "none":
        proof = {"token": TOKEN}
    public = {"public_url": PUBLIC} if CATALOGUE[preset].scheme.signs_url else {}
    return SourceSettings.model_validate({"platform": preset, **proof, **public})


def source(preset: str) -> Source:
    """The same, opened."""
    return open_sources({"acme": settings(preset)}, ReceiverSettings())["acme"]


def posted(sample: Sample, *, now: datetime = NOW, other: bool = False, delivery_id: str = "msg_1") -> Delivery:
    """The delivery of a sample, signed by the preset's scheme."""
    given = settings(sample.preset, other=other)
    path = f"/in/acme/{TOKEN}" if given.token else "/in/acme"
    request = Request(path, sample.body, {name.lower(): value for name, value in sample.headers.items()})
    return delivery(signed(CATALOGUE[sample.preset], given, request, delivery_id=delivery_id, now=now))


def delivery(request: Request) -> Delivery:
    """A request as the receiver sees it."""
    target = route(request.url)
    assert target is not None, request.url
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    return Delivery(method="POST", target=target, headers=Headers(headers), body=request.body)
