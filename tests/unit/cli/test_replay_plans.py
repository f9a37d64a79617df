"""What a replay would do, and how one stands, told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cli.errors import Misconfigured
from cli.replay_orders import Said, spacing
from cli.replay_plans import Plan
from cli.replay_states import Home, Standing
from store.decisions import Decisions
from store.replay_jobs import Job
from store.replay_rows import State
from tests.contract.stores import LOG, NOW, minute
from tests.contract.test_store_replays import order
from tests.unit.store.test_decisions import mark

NOTHING = Decisions([])
NOON = "from 2026-11-21T12:00:00Z to 2026-11-21T12:00:00Z"


def test_a_plan_counts_what_would_be_replayed() -> None:
    """Each event once, and not what is dealt with."""
    plan = Plan(timedelta(seconds=30))
    decided = Decisions([mark(order(3).letter, "done")])
    twice = replace(order(1), letter=replace(order(1).letter, offset=99))
    plan.add([order(1), order(2), twice, order(3)], decided)
    row = plan.row()
    assert (row["events"], row["skipped"], row["seconds"]) == (2, 2, 60.0)
    assert row["counts"] == [{"type": "", "reason": "exhausted", "events": 2}]
    assert (row["first"], row["last"]) == ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z")
    assert plan.lines()[0] == "2 events would be replayed; 2 more are dealt with already, or under way"
    assert plan.lines()[-1] == "at this rate it takes at least 1 min"


def test_a_plan_of_nothing_is_told_too() -> None:
    """In one line."""
    assert Plan(None).lines() == ["0 events would be replayed"]
    assert Plan(None).row()["first"] is None


def test_a_plan_shows_a_few_ids() -> None:
    """No more of them than a person wants to see."""
    plan = Plan(None)
    plan.add([order(number) for number in range(9)], NOTHING)
    assert len(plan.row()["sample"]) == 5


@pytest.mark.parametrize(
    ("events", "redo", "question"),
    [
        (0, True, ""),
        (10, False, ""),
        (11, False, f"Give h again 11 events, {NOON}?"),
        (1, True, f"Give h again 1 event, {NOON}, and run effects of `once` anew, also those that happened?"),
    ],
)
def test_what_is_no_small_matter_is_asked_about(events: int, redo: bool, question: str) -> None:
    """Many events, or effects that are repeated."""
    plan = Plan(None, redo)
    plan.add([order(number) for number in range(events)], NOTHING)
    assert plan.question("h") == question


@pytest.mark.parametrize(("redo", "warns"), [(False, True), (True, False)])
def test_a_plan_warns_of_letters_that_die_again(redo: bool, warns: bool) -> None:
    """Nobody can tell from a letter whether its handler has a probe by now."""
    plan = Plan(None, redo)
    uncertain = [replace(order(number), death=(("x-dlq-reason", b"uncertain"),)) for number in (1, 2)]
    plan.add([*uncertain, order(3)], NOTHING)
    assert plan.warning.startswith("2 of them died as uncertain: each dies again at once unless") is warns
    assert ("20 such deaths can stop the handler" in plan.lines()[-1]) is warns
    assert (plan.row()["warning"] is not None) is warns


def test_a_plan_of_other_letters_warns_of_nothing() -> None:
    """They may be handled."""
    plan = Plan(None)
    plan.add([order(1)], NOTHING)
    assert (plan.warning, plan.row()["warning"]) == ("", None)


def standing(counts: dict[State, int] | None = None, home: Home = "here", **changes: Any) -> Standing:
    values: dict[str, Any] = {
        "handler": "h",
        "log": LOG,
        "reads": "dead",
        "filters": "{}",
        "cursor": '[["t",0,0,50,100]]',
        "id": 3,
        "state": "reading",
        "found": 10,
        "skipped": 2,
        "asked_at": NOW,
        "ended_at": None,
        "next_at": NOW,
        "held_until": None,
    }
    return Standing(Job(**values | changes), counts or {}, home)


READ = '[["t",0,0,100,100]]'


@pytest.mark.parametrize(
    ("one", "state", "over"),
    [
        (standing(), "reading", False),
        (standing({"waiting": 1}, state="read", cursor=READ), "running", False),
        (standing({"done": 8}, state="read", cursor=READ), "done", True),
        (standing({"done": 8}, state="read", cursor='[["t",0,0,100,100,40]]'), "trimmed", True),
        (standing({"running": 1}, state="cancelled"), "cancelled", False),
    ],
)
def test_a_replay_is_over_when_nothing_more_comes_of_it(one: Standing, state: str, over: bool) -> None:
    """What runs when it is cancelled goes on."""
    assert (one.state, one.is_over) == (state, over)


@pytest.mark.parametrize(
    ("one", "seconds"),
    [
        pytest.param(standing(cursor='[["t",0,0,0,100]]', found=0, skipped=0), None, id="nothing was looked at"),
        pytest.param(standing({"waiting": 2, "done": 6}, spacing=timedelta(seconds=3)), 30, id="at the rate"),
        pytest.param(standing({"waiting": 2, "done": 5}), 120, id="as fast as so far"),
        pytest.param(standing({"waiting": 8}), None, id="nothing is done yet"),
        pytest.param(
            standing({"done": 8}, spacing=timedelta(seconds=3), cursor='[["t",0,0,50,100,25]]'),
            48,
            id="of what was read",
        ),
        pytest.param(standing({"done": 8}, state="read", cursor=READ), 0, id="over"),
    ],
)
def test_how_long_it_takes_is_estimated(one: Standing, seconds: int | None) -> None:
    """As if the rest held as many events as what was read."""
    assert one.row(minute(1))["seconds_left"] == seconds


def test_a_replay_of_a_log_that_nobody_reads_is_told() -> None:
    """Nobody can say when it is over; one that has read its events goes on all the same."""
    away = standing({"waiting": 2, "done": 6}, home="elsewhere", spacing=timedelta(seconds=3))
    assert (away.state, away.row(NOW)["seconds_left"], away.shown(NOW)["left"]) == ("elsewhere", None, "unknown")
    assert away.advice.endswith("if its events are to be left there, `hookline replay cancel 3`")
    read = standing({"waiting": 2}, home="elsewhere", state="read", cursor=READ)
    assert (read.state, read.row(NOW)["advice"]) == ("running", None)


def test_of_a_replay_whose_log_may_be_another_nothing_is_claimed() -> None:
    """Its log is away just now."""
    unknown = standing({"waiting": 2, "done": 6}, home="unknown", spacing=timedelta(seconds=3))
    assert (unknown.state, unknown.shown(NOW)["left"], unknown.advice) == ("reading", "unknown", "")


def test_what_came_of_a_replay_is_told_in_a_line() -> None:
    """Only of what there is; all is well when each event was handled."""
    done = standing({"done": 8}, state="read", cursor=READ)
    assert (done.summary(), done.is_done) == ("8 done", True)
    mixed = standing({"done": 6, "dead": 1, "cancelled": 1}, state="read", cursor=READ)
    assert (mixed.summary(), mixed.is_done) == ("6 done, 1 failed again, 1 taken back", False)
    assert standing().summary() == ""


def test_what_the_log_dropped_is_told() -> None:
    """Whoever takes the rest for all of it would look for the difference elsewhere."""
    cut = standing({"done": 8}, state="read", cursor='[["t",0,0,90,90,40],["t",1,0,9,9]]')
    assert (cut.row(NOW)["trimmed"], cut.row(NOW)["state"], cut.shown(NOW)["trimmed"]) == (40, "trimmed", 40)
    assert (cut.summary(), cut.is_done) == ("8 done, 40 dropped by the log before they were read", False)


def test_filters_that_say_nothing_are_refused() -> None:
    """A replay of everything would look like what was asked for."""
    with pytest.raises(Misconfigured, match="--reason exausted: there is no such reason; did you mean exhausted"):
        Said(reasons=["exausted"]).filters("dead")
    with pytest.raises(Misconfigured, match="--reason is of dead letters"):
        Said(reasons=["exhausted"]).filters("topics")
    with pytest.raises(Misconfigured, match="--since: yesterday is no time"):
        Said(since="yesterday").filters("dead")
    with pytest.raises(Misconfigured, match=r"cannot be kept: .* a\\udcff is no text: it is not UTF-8"):
        Said(keys=["c1", "a\udcff"]).filters("dead")
    assert Said(types=["message.*"], keys=["c1"]).filters("dead").types == ("message.*",)


def test_a_rate_says_what_lies_between_two_events() -> None:
    """Less than one a second too."""
    assert (spacing(None), spacing(4), spacing(0.1)) == (None, timedelta(seconds=0.25), timedelta(seconds=10))
