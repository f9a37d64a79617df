"""The pages of the documentation that hold blocks made from the code."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.conventions.reference import (
    abilities,
    commands,
    configuration,
    contract,
    handlers_api,
    log_events,
    metrics,
    presets,
    problems,
    recipes,
    simulator,
)
from tests.conventions.reference.blocks import renewed

ROOT = Path(__file__).parents[3]

PAGES: Mapping[str, Callable[[], dict[str, str]]] = MappingProxyType(
    {
        "docs/add-a-sender.md": recipes.blocks,
        "docs/configuration.md": configuration.blocks,
        "docs/reference/commands.md": commands.blocks,
        "docs/reference/handlers-api.md": handlers_api.blocks,
        "docs/reference/metrics.md": metrics.blocks,
        "docs/reference/log-events.md": log_events.blocks,
        "docs/reference/problems.md": problems.blocks,
        "docs/reference/simulator.md": simulator.blocks,
        "docs/reference/topics-and-records.md": contract.blocks,
        "docs/write-a-handler.md": abilities.blocks,
        **{presets.page_of(name): presets.blocks_of(name) for name in presets.NAMES},
    }
)
"""Page → what makes its blocks."""


def made_anew(page: str) -> str:
    """A page as it should be.

    Raises:
        WrongBlocks: it lacks a block, or has one that nobody makes.
    """
    return renewed((ROOT / page).read_text(encoding="utf-8"), PAGES[page]())
