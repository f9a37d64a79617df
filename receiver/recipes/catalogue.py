"""Every platform a source can be of: those in code, the presets, and the recipes of the configuration."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from receiver.recipes import presets
from receiver.recipes.reading import platform_of
from receiver.recipes.recipe import Recipe
from receiver.sources.platform import Platform
from receiver.sources.platforms import PLATFORMS

_NONE: Mapping[str, Recipe] = MappingProxyType({})


class Catalogue(Mapping[str, Platform]):
    """Name → platform; a recipe is made into one when it is asked for.

    Args:
        recipes: `[platforms]`, which go before presets of the same name.
    """

    def __init__(self, recipes: Mapping[str, Recipe] = _NONE) -> None:
        self._recipes = recipes
        self._names = PLATFORMS.keys() | presets.names() | recipes.keys()

    def __getitem__(self, name: str) -> Platform:
        """The platform of a name.

        Raises:
            KeyError: there is none.
        """
        if name in PLATFORMS:
            return PLATFORMS[name]
        recipe = self.recipe(name)
        if recipe is None:
            raise KeyError(name)
        return platform_of(name, recipe)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def sampled(self, name: str) -> str | None:
        """The preset whose samples a platform may send: itself, or the one it is like; None for what has none."""
        if name in self._recipes:
            return self._recipes[name].like
        return name if name in presets.names() else None

    def recipe(self, name: str) -> Recipe | None:
        """The recipe of a name; None for what is in code, or not there."""
        if name in self._recipes:
            return self._recipes[name]
        return Recipe.model_validate(presets.table(name)) if name in presets.names() else None
