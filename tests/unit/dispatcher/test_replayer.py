"""Which replays a worker takes."""

from dispatcher.partition import Partition, Recent
from dispatcher.replayer import chosen
from dispatcher.tracker import Tracker
from schemas.record import TopicPartition
from store.owners import Epoch
from store.replays import Waiting

ONE, TWO = TopicPartition("t", 1), TopicPartition("t", 2)
WAITING = [Waiting(number, "a", at, b"k") for number, at in ((10, ONE), (7, ONE), (8, TWO), (9, ONE))]

EPOCH = Epoch(1, clean=True, log="a")


def partition(at: TopicPartition, *replaying: int) -> Partition:
    return Partition(at=at, epoch=EPOCH, tracker=Tracker(0), recent=Recent(0), replaying=set(replaying))


def test_those_of_its_partitions_in_the_order_given() -> None:
    """Others are another worker's."""
    mine = partition(ONE)
    assert chosen(WAITING, [mine], 10, {}) == {mine: [10, 7, 9]}


def test_not_those_that_a_lane_holds() -> None:
    """They are open until they end."""
    mine = partition(ONE, 10, 9)
    assert chosen(WAITING, [mine], 10, {}) == {mine: [7]}


def test_no_more_than_there_is_room_for() -> None:
    """The first ones of all partitions together."""
    one, two = partition(ONE), partition(TWO)
    assert chosen(WAITING, [two, one], 3, {}) == {one: [10, 7], two: [8]}


def test_nothing_of_nothing() -> None:
    """No partition, or no replay."""
    assert chosen(WAITING, [], 3, {}) == {}
    assert chosen([], [partition(ONE)], 3, {}) == {}


def test_those_of_another_log_by_their_key() -> None:
    """The other log had more partitions: the owner of the one that has the key now takes them."""
    one, two = partition(ONE), partition(TWO)
    far = TopicPartition("t", 11)
    strange = [Waiting(number, "b", far, key) for number, key in ((1, b"c1"), (2, b"c2"), (3, b"c5"), (4, None))]
    assert chosen(strange, [one, two], 10, {"t": 3}) == {one: [2], two: [1, 4]}


def test_those_of_another_log_wait_for_their_topic() -> None:
    """It may be created later."""
    assert chosen([Waiting(1, "b", ONE, b"k")], [partition(ONE)], 10, {}) == {}
