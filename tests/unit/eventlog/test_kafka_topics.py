"""What is known of topics, and what is said of records because of it."""

import pytest

from eventlog.errors import LogUnavailable, RecordRefused
from eventlog.kafka_topics import ABSENT_FOR, DENIED_FOR, MISSED_FOR, Rules, Topics
from schemas.record import Record


def record(*, topic: str = "t", key: bytes | None = b"k") -> Record:
    return Record(topic=topic, key=key, value=b"v", timestamp=1)


@pytest.fixture
def topics() -> Topics:
    """One topic of three partitions; listed at 100."""
    topics = Topics(1000)
    topics.learn({"t": 3}, None, 100.0)
    return topics


def test_a_known_topic_takes_records(topics: Topics) -> None:
    """Nothing is raised."""
    topics.check(record(), 100, 100.0)


def test_a_key_decides_the_partition(topics: Topics) -> None:
    """murmur2, as Kafka's own clients do it."""
    topics.learn({"twelve": 12}, ["twelve"], 100.0)
    assert topics.partition(record(topic="twelve", key=b"foobar"), None) == 6


def test_the_caller_decides_before_the_key(topics: Topics) -> None:
    """As far as there is such a partition."""
    assert topics.partition(record(), 2) == 2
    for wrong in (3, -1):
        with pytest.raises(RecordRefused, match=f"no partition {wrong}: it has 3"):
            topics.partition(record(), wrong)


def test_keyless_records_take_turns_by_batch(topics: Topics) -> None:
    """They fill one partition's batch until it leaves, then the next one's."""
    given = []
    for _ in range(4):
        given.append(topics.partition(record(key=None), None))
        assert topics.partition(record(key=None), None) == given[-1]
        topics.next_turn("t", given[-1])
    assert given == [0, 1, 2, 0]


def test_a_batch_of_another_partition_changes_no_turn(topics: Topics) -> None:
    """Only the one being filled."""
    topics.next_turn("t", 2)
    assert topics.partition(record(key=None), None) == 0


def test_an_absent_topic_is_refused(topics: Topics) -> None:
    """It was not in the list just now."""
    with pytest.raises(RecordRefused, match="hookline topics apply"):
        topics.check(record(topic="new"), 100, 100.0)


def test_an_old_list_proves_nothing(topics: Topics) -> None:
    """The topic may have been created since: it is looked up first."""
    with pytest.raises(LogUnavailable, match="looked up"):
        topics.check(record(topic="new"), 100, 100.0 + ABSENT_FOR)


def test_a_topic_that_was_looked_up_in_vain_is_refused(topics: Topics) -> None:
    """For a while."""
    topics.learn({}, ["new"], 200.0)
    with pytest.raises(RecordRefused):
        topics.check(record(topic="new"), 100, 200.0)


def test_before_the_first_list_nothing_is_refused() -> None:
    """Kafka was never reached."""
    with pytest.raises(LogUnavailable):
        Topics(1000).check(record(), 100, 0.0)


def test_a_topic_that_goes_missing_is_waited_for(topics: Topics) -> None:
    """A starting broker may not know it yet; only then it is gone."""
    topics.learn({}, ["t"], 100.0)
    topics.learn({}, ["t"], 100.0 + MISSED_FOR - 0.1)
    assert topics.known("t")
    topics.learn({}, ["t"], 100.0 + MISSED_FOR)
    assert not topics.known("t")


def test_a_topic_that_was_back_is_not_gone(topics: Topics) -> None:
    """The wait starts anew."""
    topics.learn({}, ["t"], 100.0)
    topics.learn({"t": 3}, ["t"], 101.0)
    topics.learn({}, ["t"], 100.0 + MISSED_FOR)
    assert topics.known("t")


def test_counts_stay(topics: Topics) -> None:
    """A topic that grows must not move the keys of a running process."""
    topics.learn({"t": 4}, ["t"], 101.0)
    with pytest.raises(RecordRefused):
        topics.partition(record(), 3)


def test_too_large_for_the_topic(topics: Topics) -> None:
    """The batch's header counts; the text names the limit."""
    topics.check(record(), 1000 - 61, 100.0)
    with pytest.raises(RecordRefused, match="1000 bytes"):
        topics.check(record(), 1000 - 60, 100.0)


def test_the_topics_own_limit_wins(topics: Topics) -> None:
    """Where it is known."""
    topics.learn_rules("t", Rules(500))
    with pytest.raises(RecordRefused):
        topics.check(record(), 500, 100.0)


def test_compaction_needs_keys(topics: Topics) -> None:
    """The broker would refuse the whole batch."""
    topics.learn_rules("t", Rules(1000, compacted=True))
    topics.check(record(), 100, 100.0)
    with pytest.raises(RecordRefused, match="needs a key"):
        topics.check(record(key=None), 100, 100.0)


def test_a_denied_topic_is_refused_for_a_while(topics: Topics) -> None:
    """Then it is tried again: rights may have come."""
    topics.deny("t", "no right", 100.0)
    with pytest.raises(RecordRefused, match="no right"):
        topics.check(record(), 100, 100.0 + DENIED_FOR - 0.1)
    topics.check(record(), 100, 100.0 + DENIED_FOR)


def test_rules_are_read_from_the_configuration() -> None:
    """What a broker does not tell is the default."""
    told = {"max.message.bytes": "77", "cleanup.policy": "compact,delete"}
    assert Rules.of(told, 1) == Rules(77, compacted=True)
    assert Rules.of({"cleanup.policy": "delete"}, 1) == Rules(1, compacted=False)
