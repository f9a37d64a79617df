"""aiokafka's log lines: few of each kind, and none that shows what was sent."""

import logging

import pytest

from eventlog.kafka_logging import EVERY, KINDS, Throttle, throttle_client


def line(
    text: str, *args: object, at: float = 0.0, level: int = logging.ERROR, name: str = "aiokafka.x"
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "file", 1, text, args, None)
    made.created = at
    return made


def test_one_line_of_a_kind_passes() -> None:
    """The rest of its kind waits, whatever its arguments."""
    throttle = Throttle()
    passed = [throttle.filter(line("no node %s", n, at=n)) for n in range(3)]
    assert passed == [True, False, False]


def test_the_next_line_says_how_many_were_held() -> None:
    """So that an outage shows its size."""
    throttle = Throttle()
    for n in range(3):
        throttle.filter(line("no node %s", n, at=n))
    late = line("no node %s", 9, at=EVERY)
    assert throttle.filter(late)
    assert late.getMessage() == "no node 9 (2 more of this kind since)"


def test_other_kinds_are_not_held() -> None:
    """Another text, or another logger."""
    throttle = Throttle()
    assert [throttle.filter(line(text, name=name)) for text, name in (("a", "x"), ("b", "x"), ("a", "y"))] == [True] * 3


def test_nothing_below_info_passes() -> None:
    """There aiokafka prints requests: payloads and credentials."""
    assert not Throttle().filter(line("Request %s", "s3cret", level=logging.DEBUG))


def test_memory_is_bounded() -> None:
    """The oldest kinds are forgotten."""
    throttle = Throttle()
    for n in range(KINDS + 1):
        throttle.filter(line(f"text {n}"))
    assert throttle.filter(line("text 0"))
    assert not throttle.filter(line(f"text {KINDS}"))


def test_every_logger_of_the_client_is_throttled_once(caplog: pytest.LogCaptureFixture) -> None:
    """Filters of a logger do not see its children's lines."""
    logger = logging.getLogger("aiokafka.test_kafka_logging")
    throttle_client()
    throttle_client()
    assert [type(each) for each in logger.filters] == [Throttle]
    logger.error("told twice")
    logger.error("told twice")
    assert [each.message for each in caplog.records] == ["told twice"]
