"""Server-sent events: bytes to blocks, blocks to events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.sse import Blocks, Lines, SseEvent, read_block


def _blocks(*pieces: bytes) -> list[list[str]]:
    cut = Blocks()
    return [block for piece in pieces for block in cut.feed(piece)] + cut.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_three_ways(end: bytes) -> None:
    """LF, CRLF and CR end a line; an empty line ends a block."""
    raw = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert _blocks(raw) == [["event: a", "data: 1"], ["data: 2"]]


def test_last_block_needs_no_blank_line() -> None:
    """A stream that just stops still gives its last block."""
    assert _blocks(b"data: 1\n\ndata: 2") == [["data: 1"], ["data: 2"]]


def test_crlf_across_two_pieces_is_one_end() -> None:
    """A CR at the end of one piece and the LF of the next do not make a blank line."""
    assert _blocks(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\n") == [["data: 1", "data: 2"]]


def test_characters_across_two_pieces_are_whole() -> None:
    """A character cut between two packets is put together."""
    raw = "data: héllo".encode()
    assert _blocks(raw[:8], raw[8:]) == [["data: héllo"]]


def test_bytes_that_are_no_text_are_replaced() -> None:
    """Broken UTF-8 does not end the stream."""
    assert _blocks(b"data: a\xffb\n\n", b"data: \xe2\x82") == [["data: a\ufffdb"], ["data: \ufffd"]]


def test_byte_order_mark_is_dropped() -> None:
    """A mark at the very start is no part of the first field's name."""
    assert _blocks(b"\xef\xbb", b"\xbfdata: 1") == [["data: 1"]]


def test_blank_lines_alone_are_nothing() -> None:
    """Blank lines between and before blocks make no empty blocks."""
    assert _blocks(b"\n\n\r\n\ndata: 1\n\n\n\n") == [["data: 1"]]


@given(st.binary(max_size=120), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_pieces_do_not_matter(raw: bytes, steps: list[int]) -> None:
    """However the network cuts the bytes, the blocks are the same."""
    pieces, at, turn = list[bytes](), 0, 0
    while at < len(raw):
        pieces.append(raw[at : at + steps[turn % len(steps)]])
        at, turn = at + steps[turn % len(steps)], turn + 1
    assert _blocks(*pieces) == _blocks(raw)


@given(st.lists(st.sampled_from([b"data: x", b"\n", b"\r", b"\r\n", b":", b"\xe2\x82", b"\xac"]), max_size=30))
def test_blocks_hold_no_line_ends_and_no_blanks(pieces: list[bytes]) -> None:
    """A block is never empty, and none of its lines is blank or holds a line end."""
    for block in _blocks(*pieces):
        assert block
        assert all(line and not set(line) & set("\r\n") for line in block)


def test_slow_drip_of_one_long_line_costs_linear_time() -> None:
    """A megabyte without a line end, byte by byte, is joined once."""
    cut = Blocks()
    assert [block for _ in range(100_000) for block in cut.feed(b"x")] == []
    assert [len(line) for block in cut.finish() for line in block] == [100_000]


@pytest.mark.parametrize(
    ("lines", "event"),
    [
        (["data: a"], SseEvent("", ("a",))),
        (["data:a"], SseEvent("", ("a",))),
        (["data:  a"], SseEvent("", (" a",))),
        (["data"], SseEvent("", ("",))),
        (["data: a", "data: b"], SseEvent("", ("a", "b"))),
        (["event: done", "data: {}"], SseEvent("done", ("{}",))),
        ([": keep-alive"], SseEvent()),
        (["id: 1", "retry: 10", "datax: 1", " data: 1"], SseEvent()),
        ([], SseEvent()),
    ],
)
def test_fields_of_a_block(lines: list[str], event: SseEvent) -> None:
    """`event:` and `data:` are read, one space after the colon is dropped, everything else is ignored."""
    assert read_block(lines) == event


def test_lines_come_at_once() -> None:
    """A line is given when it ends, empty ones too; the last one need not end."""
    lines = Lines()
    assert lines.feed(b"\xef\xbb\xbfone\r") == ["one"]
    assert lines.feed(b"\n\ntw") == [""]
    assert lines.feed(b"o\nthree") == ["two"]
    assert lines.finish() == ["three"]
    assert lines.finish() == []
