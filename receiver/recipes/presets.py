"""The presets: recipes that come with hookline, one TOML file each in `receiver/presets/`."""

import difflib
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

_FOLDER = files("receiver") / "presets"
_SUFFIX = ".toml"


@cache
def names() -> frozenset[str]:
    """The presets there are."""
    found = (file.name for file in _FOLDER.iterdir())
    return frozenset(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def table(name: str) -> dict[str, Any]:
    """A preset as it stands in its file, with that of the preset it is like.

    Raises:
        ValueError: there is no preset of this name.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names()))}"
        raise ValueError(f"there is no preset {name!r}; {hint}")
    found = _read(name)
    return {**table(found.pop("like")), **found} if "like" in found else found


def like(name: str) -> str | None:
    """The preset that another takes the rest from."""
    return _read(name).get("like")


@cache
def samples(name: str) -> Mapping[str, Any]:
    """The samples of a preset: the sender's name of an event → headers, and a body or a form."""
    told: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return MappingProxyType(told)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
