"""Pages written by hand, with blocks in them that are made from the code. Pure.

    <!-- made: settings eventlog -->
    …
    <!-- end -->

`make docs` puts what is made into the blocks; everything around them is left alone.
"""

import re
from collections.abc import Mapping, Sequence

_BLOCK = re.compile(r"<!-- made: (?P<name>[^\n]+?) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)


class WrongBlocks(ValueError):
    """A page and what is made for it do not fit together; the text says how."""


def renewed(page: str, made: Mapping[str, str]) -> str:
    """A page with every block made anew.

    Args:
        page: the page as it stands.
        made: block name → Markdown.

    Raises:
        WrongBlocks: the page lacks a block, or has one that nobody makes.
    """
    names = [block["name"] for block in _BLOCK.finditer(page)]
    if sorted(names) != sorted(made):
        lacks, strange = sorted(set(made) - set(names)), sorted(set(names) - set(made))
        raise WrongBlocks(f"lacking: {lacks}, made by nobody: {strange}, in all: {names}")
    return _BLOCK.sub(
        lambda block: f"<!-- made: {block['name']} -->\n{made[block['name']].strip()}\n<!-- end -->", page
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def code(text: object) -> str:
    """Text as Markdown code."""
    return f"`{text}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
