"""Server-sent events: bytes to lines to blocks to events. No I/O.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html; unlike a browser we also take a last
block that no blank line ends. What the events mean is each platform's affair.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One block: its `event:` name (empty if none) and its `data:` lines, none if it holds only comments."""

    name: str = ""
    data: tuple[str, ...] = ()


def read_block(lines: Sequence[str]) -> SseEvent:
    """Read the lines between two blank ones. Any text is taken; unknown fields and comments are ignored."""
    name, data = "", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data.append(value)
    return SseEvent(name, tuple(data))


class Lines:
    """Cuts a stream of bytes, in pieces of any size, into lines. The caller bounds the total size.

    Lines end with LF, CRLF or CR; bytes that are no UTF-8 become U+FFFD; a byte order mark at the start is dropped.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        # The pieces of the line that is not ended yet: joined once, so that a slow drip costs no quadratic time.
        self._pieces: list[str] = []
        self._after_cr = False
        self._begun = False

    def feed(self, raw: bytes) -> list[str]:
        """Return the lines that these bytes complete, empty ones too."""
        return self._cut(self._decode(raw))

    def finish(self) -> list[str]:
        """Return what is left when the stream ends; a last line need not be ended."""
        lines = self._cut(self._decode(b"", final=True))
        rest, self._pieces = "".join(self._pieces), []
        return [*lines, rest] if rest else lines

    def _cut(self, text: str) -> list[str]:
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if text and self._after_cr:
            self._after_cr = False
            text = text.removeprefix("\n")
        if not text:
            return []
        # A CR at the very end may be the first half of CRLF: it ends the line now, a LF that follows is dropped.
        self._after_cr = text.endswith("\r")
        *ended, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = []
        for line in ended:
            self._pieces.append(line)
            lines.append("".join(self._pieces))
            self._pieces = []
        if rest:
            self._pieces.append(rest)
        return lines


class Blocks:
    """Cuts a stream of bytes into blocks of lines, as `Lines` cuts it into lines."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._block: list[str] = []

    def feed(self, raw: bytes) -> list[list[str]]:
        """Return the blocks that these bytes complete."""
        return self._ended(self._lines.feed(raw))

    def finish(self) -> list[list[str]]:
        """Return what is left when the stream ends."""
        blocks = self._ended([*self._lines.finish(), ""])
        self._block = []
        return blocks

    def _ended(self, lines: Sequence[str]) -> list[list[str]]:
        blocks = []
        for line in lines:
            if line:
                self._block.append(line)
            elif self._block:
                blocks.append(self._block)
                self._block = []
        return blocks
