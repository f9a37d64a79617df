"""README.md and docs/ as the tests read them: code blocks, links, anchors, inline code."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fence:
    """One code block."""

    page: Path
    # Of its first line of code, from 1.
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file it is the content of, where its first line says so: `# plugins/thank_you.py`."""
        named = re.match(r"# (\S+\.py)\n", self.text)
        return named[1] if named else None


def fences(*languages: str) -> list[Fence]:
    """The code blocks of all pages in these languages."""
    return [one for page in PAGES for one in _fences(page) if one.language in languages]


def links(page: Path) -> list[str]:
    """The targets of a page's links."""
    return [link["target"] for link in _LINK.finditer(prose(page))]


def inline_code(page: Path) -> list[str]:
    """What stands in a page's prose as code."""
    return _INLINE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may say, as GitHub makes it."""
    texts = (heading.strip().lower().replace("`", "") for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _fences(page: Path) -> Iterator[Fence]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Fence(page, line, found["language"], textwrap.dedent(found["text"]))
