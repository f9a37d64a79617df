"""Which letters a person means, and what is told of their replays."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli import dead_replays
from cli.dead_letters import Letter
from cli.dead_replays import Told, asked_before, order_of, picked, wait
from cli.errors import CommandFailed, Misconfigured
from store.replay_rows import Mark, State
from store.stops import Stop
from store.store import Store
from tests.unit.cli.dead_cases import NOW, ORIGIN, case, letter, mark


def told(state: State, *, owned: bool | None = None, before: State | None = None, **changes: Any) -> Told:
    one = letter()
    return Told(case(one, before), mark(one, state, **changes), owned)


def test_a_letter_is_found_by_its_id() -> None:
    """The last one of the event."""
    found = [case(letter("e2")), case(letter(offset=4)), case(letter(offset=5))]
    assert picked(found, "e1", None) == found[2]
    assert picked(found, "e3", None) is None
    assert picked(found, "e1", "other") is None


def test_a_letter_is_found_by_its_place() -> None:
    """Also when a later one of the event stands elsewhere."""
    found = [case(letter(offset=4)), case(letter(offset=5))]
    assert picked(found, "1@4", "h") == found[0]


def test_which_entry_is_meant_must_be_clear() -> None:
    """Two gave the event up."""
    found = [case(letter()), case(letter(handler="other"))]
    with pytest.raises(Misconfigured, match="e1 is a dead letter of h and other: name one with --handler"):
        picked(found, "e1", None)
    assert picked(found, "e1", "other") == found[1]


def test_which_source_is_meant_must_be_clear() -> None:
    """Ids are unique in their source only."""
    found = [case(letter(offset=4)), case(letter(source="shop", offset=5))]
    expected = r"e1 is the id of several events: name one by its place, 1@4 \(support\) or 1@5 \(shop\)"
    with pytest.raises(Misconfigured, match=expected):
        picked(found, "e1", "h")
    assert picked(found, "1@5", "h") == found[1]


def foreign() -> Letter:
    """A record of somebody else's among the dead letters."""
    return Letter(replace(letter().record, headers=(("ce_id", b"e1"), ("x-dlq-handler", b"h"))))


def test_an_order_holds_the_record_that_died() -> None:
    """At its first place, without what the letter says."""
    order = order_of(case(letter()), redo_effects=True)
    assert (order.record.at, order.record.offset, order.redo_effects) == (ORIGIN, 41, True)
    assert [name for name, _ in order.record.headers] == ["ce_id", "ce_source"]


def test_what_hookline_did_not_write_cannot_be_replayed() -> None:
    """It can be discarded."""
    with pytest.raises(CommandFailed, match=r"1@0 is no dead letter of hookline's.*discard it"):
        order_of(case(foreign()), redo_effects=False)


@pytest.mark.parametrize(
    ("state", "wanted", "holds", "words"),
    [
        ("waiting", True, True, "it was asked for before, and runs effects anew now"),
        ("running", True, False, "it was begun before, without --redo-effects, and repeats no effect that happened."),
        ("waiting", False, True, "it was asked for with --redo-effects before, and that holds"),
        ("waiting", False, False, ""),
        ("done", True, False, ""),
    ],
)
def test_who_asks_again_is_told_what_holds(state: State, wanted: bool, holds: bool, words: str) -> None:
    """Of effects, where it is not what is asked now."""
    remark = asked_before(mark(letter(), state, redo_effects=holds), redo_effects=wanted)
    assert remark.startswith(words)
    assert bool(remark) == bool(words)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (told("done"), "done"),
        (told("done", before="running"), "done"),
        (told("done", before="done"), "was replayed before and is done: nothing was repeated"),
        (
            told("dead", reason="rejected", detail="no such plan"),
            "failed again, rejected: no such plan. `hookline dead list` shows the new dead letter",
        ),
        (told("waiting"), "asked: the worker of h takes it within about a second"),
        (told("discarded"), "discarded meanwhile"),
    ],
)
def test_what_became_of_a_replay_is_told(one: Told, words: str) -> None:
    """In a few words."""
    assert one.sentence() == words


def test_that_no_worker_runs_is_told_with_what_to_do() -> None:
    """The replay waits for one."""
    assert told("waiting", owned=False).sentence().startswith("no worker runs for h: start one with `hookline work`")
    assert told("waiting", owned=True).sentence().startswith("no worker has taken it yet: the one of h is busy")


@pytest.mark.parametrize("state", ["waiting", "running"])
@pytest.mark.parametrize("waited", [True, False])
async def test_that_the_entry_stands_still_is_told_before_anything_of_its_worker(state: State, waited: bool) -> None:
    """A worker that runs takes nothing for it; whoever only asks is told too."""

    async def is_owned(*_place: str) -> bool:
        return True

    async def stops() -> dict[str, Stop]:
        return {"h": Stop(handler="h", reason="paused", by="ops", at=NOW)}

    store = SimpleNamespace(owners=SimpleNamespace(is_owned=is_owned), stops=SimpleNamespace(all=stops))
    one = letter()
    found = await dead_replays.told(cast("Store", store), "here", case(one), mark(one, state), waited=waited)
    assert found.sentence() == (
        "waits: h is paused since 2026-11-21 12:00 UTC by ops. `hookline handlers resume h` lets it go on where it was"
    )


def test_a_program_is_told_in_fields() -> None:
    """The letter, and what became of it."""
    assert told("dead", reason="rejected", detail="no such plan").row() == {
        "id": "e1",
        "handler": "h",
        "letter": {"topic": "hookline.dead", "partition": 1, "offset": 0},
        "state": "dead",
        "reason": "rejected",
        "detail": "no such plan",
    }


async def test_whoever_waits_is_told_of_each_failed_attempt() -> None:
    """Once; a replay that is tried again must not look like one that hangs."""
    details = iter([None, "attempt 1 failed", "attempt 1 failed", "attempt 2 failed"])
    stopping, told = asyncio.Event(), list[str | None]()

    async def found(_ids: object) -> dict[int, Mark]:
        return {7: replace(mark(letter(), "running", detail=next(details)), id=7, ended_at=None)}

    def meanwhile(one: Mark) -> None:
        told.append(one.detail)
        if one.detail == "attempt 2 failed":
            stopping.set()

    store = cast("Store", SimpleNamespace(replays=SimpleNamespace(found=found)))
    await wait(store, 7, timedelta(seconds=30), stopping, meanwhile)
    assert told == ["attempt 1 failed", "attempt 2 failed"]
