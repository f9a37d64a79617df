"""What keeps an entry from going on, and what lets it."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from clients.errors import PlatformDown
from dispatcher.brakes import Brakes
from dispatcher.hearing import Heard
from dispatcher.lane import Lane, LaneKey
from dispatcher.lanes import Lanes
from tests.unit.dispatcher.test_lanes import Number

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
USUAL = timedelta(seconds=300)
SECOND = timedelta(seconds=1)


def lane(name: str) -> Lane[Number]:
    return Lane(LaneKey("t", 0, b"support", name.encode()))


def down(account: str = "support", *, retry_after: float | None = None) -> Heard:
    error = PlatformDown("it answered 503", retry_after=retry_after)
    error.account = account
    return Heard(away=error)


def up(account: str = "support", *, took: bool = True) -> Heard:
    mine = frozenset({account})
    return Heard(answered=mine, took=mine if took else frozenset())


def opened(account: str = "support") -> tuple[Brakes, Lane[Number]]:
    """With five lanes that failed, and the last of them."""
    brakes = Brakes("h")
    last = lane("")
    for number in range(5):
        last = lane(f"c{number}")
        brakes.failed(last, down(account), USUAL, NOW)
    return brakes, last


def test_the_lane_that_failed_last_asks() -> None:
    """After a second, and then more and more rarely; the others wait as usual."""
    brakes = Brakes("h")
    lanes = [lane(f"c{number}") for number in range(5)]
    waits = [brakes.failed(each, down(), USUAL, NOW) for each in lanes]
    assert waits == [USUAL, USUAL, USUAL, USUAL, SECOND]
    assert (brakes.on, brakes.probes()) == (True, [lanes[4]])
    assert brakes.failed(lanes[4], down(), USUAL, NOW) == 2 * SECOND
    assert brakes.failed(lane("late"), down(), USUAL, NOW) == USUAL
    assert brakes.probes() == [lanes[4]]


def test_the_platform_may_say_when_to_ask() -> None:
    """A longer wait that it names is kept."""
    brakes, probe = opened()
    assert brakes.failed(probe, down(retry_after=40), USUAL, NOW) == 40 * SECOND


def test_an_answer_lets_all_go_on() -> None:
    """The lanes that failed by it need not wait any longer, also those of before it was known."""
    brakes, probe = opened()
    freed = brakes.answered(lane("well"), up(), NOW)
    assert len(freed) == 5
    assert probe in freed
    assert (brakes.on, brakes.probes(), dict(brakes.away)) == (False, [], {})


def test_what_failed_by_an_outage_that_is_over_goes_on_too() -> None:
    """Its attempt began before the answer, and is told of after it; one that begins afterwards waits as usual."""
    brakes, _ = opened()
    begun = brakes.returns
    brakes.answered(lane("well"), up(), NOW)
    late = [brakes.failed(lane(f"late{number}"), down(), USUAL, NOW, since=begun) for number in range(5)]
    assert (late, brakes.on) == ([timedelta()] * 5, False)
    assert brakes.failed(lane("late"), down(retry_after=40), USUAL, NOW, since=begun) == 40 * SECOND
    assert brakes.failed(lane("new"), down(), USUAL, NOW, since=brakes.returns) == USUAL


def test_an_answer_between_failures_keeps_it_going() -> None:
    """Five in a row is what counts."""
    brakes = Brakes("h")
    for _ in range(3):
        for number in range(4):
            brakes.failed(lane(f"c{number}"), down(), USUAL, NOW)
        brakes.answered(lane("well"), up(), NOW)
    assert not brakes.on


def test_lanes_that_fail_again_and_again_are_no_outage() -> None:
    """Their events may be what the platform cannot take: it takes five of them to say that it is away."""
    brakes = Brakes("h")
    lanes = [lane(f"c{number}") for number in range(5)]
    for _ in range(10):
        assert {brakes.failed(each, down(), USUAL, NOW) for each in lanes[:4]} == {USUAL}
    assert not brakes.on
    assert brakes.failed(lanes[4], down(), USUAL, NOW) == SECOND


def test_after_each_failure_another_lane_is_to_ask() -> None:
    """If one is ready; else the same asks again."""
    brakes, probe = opened()
    assert brakes.unasked(NOW) == {}
    assert brakes.failed(probe, down(), USUAL, NOW) == 2 * SECOND
    assert (brakes.unasked(NOW), brakes.probes()) == ({"support": 2 * SECOND}, [probe])
    brakes.asks("support", another := lane("c9"))
    assert (brakes.unasked(NOW), brakes.probes()) == ({}, [another])
    assert brakes.failed(probe, down(), USUAL, NOW) == USUAL
    assert brakes.unasked(NOW) == {}


def test_accounts_do_not_stand_for_each_other() -> None:
    """Each asks by a lane of its own, and an answer of one says nothing of the other."""
    brakes, first = opened("support")
    second = lane("")
    for number in range(5):
        second = lane(f"d{number}")
        brakes.failed(second, down("crm"), USUAL, NOW)
    assert brakes.probes() == [first, second]
    brakes.answered(lane("well"), up(), NOW)
    assert (brakes.on, dict(brakes.away)) == (True, {"crm": NOW})


def test_a_lane_that_fails_otherwise_waits_for_no_account() -> None:
    """If it was the one that asks, any lane may find out; the next failure is enough then."""
    brakes, probe = opened()
    assert brakes.failed(probe, Heard(), USUAL, NOW) == USUAL
    assert not brakes.on
    assert brakes.failed(lane("next"), down(), USUAL, NOW) == SECOND
    assert probe not in brakes.answered(lane("well"), up(), NOW)


def test_a_probe_that_is_settled_without_an_answer_asks_no_more() -> None:
    """Its timer was cancelled, perhaps."""
    brakes, probe = opened()
    brakes.settled(probe)
    assert not brakes.on


def test_a_probe_goes_with_its_partition() -> None:
    """The other lanes that failed are still woken by an answer, those that went too are not."""
    lanes: Lanes[Number] = Lanes()
    brakes = Brakes("h")
    for partition in range(5):
        lanes.put(LaneKey("t", partition, b"support", b"c"), Number(1))
        taken = lanes.take()
        assert taken is not None
        brakes.failed(taken, down(), USUAL, NOW)
    lanes.drop([("t", 0), ("t", 4)])
    brakes.drop_gone()
    assert not brakes.on
    assert [
        each.key.partition for each in sorted(brakes.answered(lane("well"), up(), NOW), key=lambda one: one.key)
    ] == [
        1,
        2,
        3,
    ]


def test_a_stop_holds_the_probes_too() -> None:
    """Nothing at all is begun."""
    stopped = False
    brakes, probe = opened()
    brakes.stopped = lambda: stopped
    assert brakes.probes() == [probe]
    stopped = True
    assert (brakes.on, brakes.probes()) == (True, [])


def test_an_outage_is_told_once_and_so_is_its_end() -> None:
    """With how long it was, also when the lane that asked went away meanwhile."""
    with capture_logs() as logs:
        brakes, probe = opened()
        brakes.settled(probe)
        brakes.failed(lane("next"), down(), USUAL, NOW)
        brakes.answered(lane("well"), up(), NOW + 90 * SECOND)
        brakes.answered(lane("well"), up(), NOW + 100 * SECOND)
    told = [(line["event"], line["handler"], line["account"], line.get("seconds")) for line in logs]
    assert told == [("account.away", "h", "support", None), ("account.back", "h", "support", 90.0)]
    assert (
        logs[0]["cause"]
        == "it answered 503. Wait and try again; before repeating a send, read the conversation's newest message"
    )


def test_where_it_costs_events_the_first_is_enough() -> None:
    """Then another lane is to ask, after a second and ever more rarely; what was under way changes nothing."""
    brakes = Brakes("h")
    with capture_logs() as logs:
        brakes.died(lane("c0"), down(), NOW)
        assert brakes.unasked(NOW) == {"support": SECOND}
        for turn in range(3):
            brakes.asks("support", asker := lane(f"asks{turn}"))
            brakes.died(lane("under way"), down(), NOW)
            assert (brakes.on, brakes.probes(), brakes.unasked(NOW)) == (True, [asker], {})
            brakes.died(asker, down(), NOW)
            brakes.settled(asker)
            assert brakes.unasked(NOW) == {"support": SECOND * 2 ** (turn + 1)}
    assert [line["event"] for line in logs] == ["account.away"]
    assert "nobody can tell whether it happened" in logs[0]["advice"]


def test_where_it_costs_events_never_more_than_one_lane_finds_out() -> None:
    """One that was to ask, and did not, passes that on at once; an answer ends it."""
    brakes = Brakes("h")
    brakes.died(lane("c0"), down(), NOW)
    brakes.asks("support", asker := lane("c1"))
    brakes.settled(asker)
    assert brakes.unasked(NOW) == {"support": timedelta()}
    brakes.asks("support", another := lane("c2"))
    assert another in brakes.answered(lane("well"), up(), NOW)
    assert (brakes.on, brakes.unasked(NOW)) == (False, {})


def test_an_event_that_died_of_an_outage_that_is_over_stops_nothing() -> None:
    """Nor does one that died of something else."""
    brakes, _ = opened()
    brakes.answered(lane("well"), up(), NOW)
    brakes.died(lane("late"), down(), NOW, since=0)
    brakes.died(lane("other"), Heard(), NOW, since=1)
    assert (brakes.on, brakes.unasked(NOW)) == (False, {})


LOOKED = Heard(looked=frozenset({"support"}))


def test_who_looks_in_vain_keeps_the_platform_away() -> None:
    """Another one is to ask, as rarely as after a failure; the one that looked is still waited for."""
    brakes, probe = opened()
    assert brakes.failed(probe, LOOKED, USUAL, NOW) == USUAL
    assert (brakes.probes(), brakes.unasked(NOW), dict(brakes.away)) == ([], {"support": 2 * SECOND}, {"support": NOW})
    brakes.asks("support", another := lane("c9"))
    assert brakes.failed(another, LOOKED, USUAL, NOW + 2 * SECOND) == USUAL
    assert brakes.unasked(NOW + 2 * SECOND) == {"support": 4 * SECOND}
    assert brakes.unasked(NOW + 60 * SECOND) == {"support": timedelta()}
    assert probe in brakes.answered(another, up(), NOW)


def test_a_platform_that_can_only_be_read_is_away() -> None:
    """For who waits to send; an event that only reads is handled and lets the next one ask at once."""
    brakes, probe = opened()
    assert brakes.answered(probe, up(took=False), NOW) == []
    brakes.settled(probe)
    assert (brakes.unasked(NOW), dict(brakes.away)) == ({"support": timedelta()}, {"support": NOW})
    brakes.asks("support", reader := lane("reads"))
    assert brakes.answered(reader, up(took=False), NOW) == []
    assert len(brakes.answered(reader, up(), NOW)) == 4


def test_to_be_read_is_an_answer_where_nobody_waits_to_send() -> None:
    """Nothing could be read before, or what was to be sent is dead."""
    brakes = Brakes("h")
    for number in range(5):
        brakes.failed(lane(f"c{number}"), Heard(down().away, reads=True), USUAL, NOW)
    assert len(brakes.answered(lane("reads"), up(took=False), NOW)) == 5
    brakes.died(lane("c0"), down(), NOW, since=brakes.returns)
    brakes.asks("support", reader := lane("reads"))
    brakes.answered(reader, up(took=False), NOW)
    assert (brakes.on, brakes.unasked(NOW)) == (False, {})


def test_who_speaks_with_the_platform_again_keeps_its_own_wait() -> None:
    """It is answered, and asks to be tried in an hour."""
    brakes, probe = opened()
    assert probe not in brakes.answered(probe, up(), NOW)


def test_what_happens_next_is_told_as_it_will_be() -> None:
    """The policy's wait holds where nobody waits for a platform, and ends when that answers."""
    brakes = Brakes("h")
    brakes.failed(lane("c0"), down(), USUAL, NOW)
    assert brakes.following(down(), USUAL, NOW) == "retry in 5 min, or when support answers"
    assert brakes.following(Heard(), USUAL, NOW) == "retry in 5 min"
    brakes, probe = opened()
    assert brakes.following(down(), SECOND, NOW) == "waits until support answers, which is asked again in 1 s"
    told = "retry in 5 min at the earliest, and not while it waits for support"
    assert [brakes.following(each, USUAL, NOW) for each in (LOOKED, Heard())] == [told, told]
    brakes.answered(probe, up(), NOW)
    assert brakes.following(down(), timedelta(), NOW) == "retry in 0 ms"
