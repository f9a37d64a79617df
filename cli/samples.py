"""The deliveries that `hookline send` knows: those of the platforms in code, and of the presets."""

from datetime import datetime

from cli.errors import Misconfigured
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.samples import naming_headers, sample
from schemas.examples import Example, NoExample, example


def example_of(catalogue: Catalogue, platform: str, name: str, *, now: datetime, unique: str) -> Example:
    """An example delivery of an event, by the platform's own name of it.

    Raises:
        Misconfigured: there is none; it says which there are.
    """
    try:
        return _example(catalogue, platform, name, now, unique)
    except NoExample as error:
        raise Misconfigured(f"{error}; or send a body of your own with --body FILE") from error


def around(catalogue: Catalogue, platform: str, name: str, *, now: datetime, unique: str) -> Example:
    """What a platform sends beside the body of an event, of which there need be no sample: headers, the address."""
    try:
        return _example(catalogue, platform, name, now, unique)
    except NoExample:
        recipe = catalogue.recipe(platform)
        headers = naming_headers(recipe.read.name, name) if recipe is not None else {}
        return Example({}, f"msg_{unique}", headers=headers)


def nameless(catalogue: Catalogue, platform: str, source: str, headers: set[str]) -> str | None:
    """A hint if a body is sent without the header by which its platform names the event."""
    recipe = catalogue.recipe(platform)
    if recipe is None or not recipe.read.name:
        return None
    wanted = [sorted(naming_headers((path,), "name.action")) for path in recipe.read.name]
    if any(not names or headers.issuperset(names) for names in wanted):
        return None
    return (
        f"{platform} names its events in the header {wanted[0][0]}, and this body comes without: "
        f"`hookline send {source} TYPE --body FILE` sends it, and so does --header {wanted[0][0]}:NAME"
    )


def _example(catalogue: Catalogue, platform: str, name: str, now: datetime, unique: str) -> Example:
    preset = catalogue.sampled(platform)
    made = example if preset is None else sample
    return made(preset or platform, name, now=now, unique=unique)
