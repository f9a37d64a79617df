"""Recipes as the tests write them, and what their deliveries become."""

import json
import tomllib
from typing import Any

from receiver.delivery import Delivery, Headers, Target
from receiver.keyring import Keyring
from receiver.recipes.reading import platform_of
from receiver.recipes.recipe import Recipe
from receiver.sources.platform import Fact, Reading, Unreadable
from receiver.verification import Verified, verify
from schemas.schemes import Scheme
from tests.unit.receiver.parts import NOW


def recipe(text: str) -> Recipe:
    """A recipe from its TOML, which need not say how it verifies."""
    raw = tomllib.loads(text)
    return Recipe.model_validate({"verify": {"mode": "none"}} | raw)


def verified(body: object, headers: dict[str, str] | None = None, query: str = "") -> Verified:
    """A delivery that nobody had to sign; a body that is no bytes is sent as JSON."""
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = Delivery(method="POST", target=Target("acme", query=query), headers=Headers(raw), body=data)
    found = verify(Keyring(Scheme(mode="none"), []), delivery, NOW)
    assert isinstance(found, Verified)
    return found


def read(text: str, body: object, **more: Any) -> Reading | Unreadable:
    """What a delivery tells by a recipe."""
    return platform_of("acme", recipe(text)).read(verified(body, **more))


def facts(text: str, body: object, **more: Any) -> tuple[Fact, ...]:
    """The facts of a delivery that can be read."""
    reading = read(text, body, **more)
    assert isinstance(reading, Reading), reading
    return reading.facts
