"""Which partitions hear nothing, and whether anybody answers at all."""

from eventlog.kafka_silence import Silence
from schemas.record import TopicPartition

ZERO, ONE = TopicPartition("t", 0), TopicPartition("t", 1)


def heard(silence: Silence) -> tuple[float, dict[TopicPartition, float]]:
    return silence.seconds, silence.deaf(2)


def test_silence_adds_up_until_an_answer_comes() -> None:
    """The first answer of all is one too."""
    silence = Silence()
    silence.listened(3, {ZERO: 7}, ())
    assert heard(silence) == (0, {})
    silence.listened(1, {ZERO: 7}, ())
    silence.listened(2, {ZERO: 7}, ())
    assert heard(silence) == (3, {ZERO: 3})
    silence.listened(1, {ZERO: 8}, ())
    assert heard(silence) == (0, {})


def test_a_consumer_that_never_heard_anything_is_silent() -> None:
    """From its first request on."""
    silence = Silence()
    silence.listened(3, {ZERO: 0}, ())
    assert heard(silence) == (3, {ZERO: 3})


def test_one_partition_may_be_deaf_while_others_hear() -> None:
    """Of another broker's connection: the log as a whole answers."""
    silence = Silence()
    for answer in range(3):
        silence.listened(1, {ZERO: answer + 1, ONE: 0}, ())
    assert heard(silence) == (0, {ONE: 3})


def test_records_are_an_answer() -> None:
    """Also those that were fetched long before they were asked for."""
    silence = Silence()
    silence.listened(3, {ZERO: 0, ONE: 0}, {ONE})
    assert heard(silence) == (0, {ZERO: 3})


def test_what_is_not_asked_for_cannot_be_silent() -> None:
    """It was left out because its lanes are full."""
    silence = Silence()
    silence.listened(3, {ZERO: 0}, ())
    silence.listened(1, {ONE: 0}, ())
    assert heard(silence) == (1, {})
    silence.listened(1, {}, ())
    assert heard(silence) == (0, {})


def test_the_silence_of_a_log_that_is_away_is_excused() -> None:
    """Then the consumer is not to blame; what comes now counts."""
    silence = Silence()
    silence.listened(30, {ZERO: 0}, ())
    silence.excuse(but=1)
    silence.listened(1, {ZERO: 0}, ())
    assert heard(silence) == (2, {})
