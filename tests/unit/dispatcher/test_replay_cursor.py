"""How far the events of a replay were read."""

from dispatcher.replay_cursor import Span, at_end, beginning, decode, encode, gone, left, looked, passed, without
from schemas.record import TopicPartition

ONE, TWO, THREE = (TopicPartition("t", number) for number in (1, 2, 3))
CURSOR = {ONE: Span(10, 12, 20), TWO: Span(0, 0, 5)}


def test_only_what_there_is_to_read_is_read() -> None:
    """Neither a partition that is empty, nor one of which nobody knows where to end."""
    assert beginning({ONE: 10, TWO: 5, THREE: 0}, {ONE: 20, TWO: 5}) == {ONE: Span(10, 10, 20)}


def test_what_is_left_is_counted() -> None:
    """In offsets: there may be fewer records."""
    assert (left(CURSOR), looked(CURSOR)) == (13, 2)
    assert (left(at_end(CURSOR)), looked(at_end(CURSOR))) == (0, 15)


def test_it_goes_forward_and_not_beyond_its_end() -> None:
    """Whatever was reached."""
    assert passed(CURSOR, {ONE: 11, TWO: 9}) == {ONE: Span(10, 12, 20), TWO: Span(0, 5, 5)}
    assert passed(CURSOR, {ONE: 13}) == {ONE: Span(10, 13, 20), TWO: CURSOR[TWO]}


def test_it_comes_back_from_the_store_as_it_was() -> None:
    """A list of places and numbers."""
    assert encode(CURSOR) == '[["t",1,10,12,20],["t",2,0,0,5]]'
    assert decode(encode(CURSOR)) == CURSOR
    assert decode(encode(without(CURSOR, {ONE: 14}))) == {ONE: Span(10, 14, 20, 2), TWO: CURSOR[TWO]}


def test_what_the_log_dropped_is_counted() -> None:
    """All of it, each once, whatever is read behind it."""
    cut = without(passed(without(CURSOR, {ONE: 14, TWO: 0}), {ONE: 15}), {ONE: 17, TWO: 99})
    assert cut == {ONE: Span(10, 17, 20, 4), TWO: Span(0, 5, 5, 5)}
    assert (gone(cut), looked(cut), left(cut)) == (9, 3, 3)
