"""Dead letters, and which decision holds for which."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.base import Installation
from cli.dead_desk import check_handler
from cli.dead_letters import Letter, Newest, cases, newest
from cli.errors import Misconfigured
from cli.places import Places
from store.decisions import Rename
from store.replay_rows import State
from tests.unit.cli.dead_cases import case, letter, mark


def states(*letters: Letter, decided: Letter, state: State = "done") -> list[str]:
    return [each.state for each in cases(letters, [mark(decided, state)])]


@pytest.mark.parametrize("state", ["waiting", "running", "done", "dead", "discarded", "cancelled"])
def test_a_decision_holds_for_its_letter(state: State) -> None:
    """And for no other event, entry or source."""
    one = letter()
    others = (letter("e2", offset=1), letter(handler="other", offset=2), letter(source="shop", offset=3))
    assert states(one, *others, decided=one, state=state) == [state, "open", "open", "open"]


@pytest.mark.parametrize(
    ("state", "over"),
    [
        ("waiting", False),
        ("running", False),
        ("cancelled", False),
        ("done", True),
        ("dead", True),
        ("discarded", True),
    ],
)
def test_a_letter_is_over_when_it_is_dealt_with(state: State, over: bool) -> None:
    """One that died again is: its new letter tells of that."""
    assert case(letter(), state).is_over is over
    assert not case(letter()).is_over


def test_a_decision_holds_for_earlier_letters_of_the_event() -> None:
    """A worker that was killed after it had written a letter wrote it again."""
    first = letter(offset=4, failed_at="2026-11-21T12:00:00Z")
    second = letter(offset=5, failed_at="2026-11-21T12:00:00.5Z")
    assert states(first, second, decided=second) == ["done", "done"]


def test_a_decision_does_not_hold_for_later_letters_of_the_event() -> None:
    """It died again after its replay."""
    first = letter(offset=4, failed_at="2026-11-21T12:00:00Z")
    second = letter(offset=5, failed_at="2026-11-21T12:00:00.5Z")
    assert states(first, second, decided=first, state="dead") == ["dead", "open"]


def test_a_decision_on_a_letter_of_a_log_that_is_gone_holds_for_none() -> None:
    """Places are given anew, times are not; neither at the same place nor before it."""
    gone = letter(offset=5, failed_at="2026-11-21T12:00:00Z")
    same, before = (letter(offset=offset, failed_at="2026-11-21T13:00:00Z") for offset in (5, 2))
    assert states(before, same, decided=gone) == ["open", "open"]


def test_a_decision_that_was_taken_back_holds_for_no_other_letter() -> None:
    """The earlier one is as open as it was."""
    first, second = letter(offset=4), letter(offset=5)
    assert states(first, second, decided=second, state="cancelled") == ["open", "cancelled"]


def test_letters_without_an_id_have_decisions_of_their_own() -> None:
    """Nothing says that they are of one event."""
    first, second = letter("", offset=4), letter("", offset=5)
    assert states(first, second, decided=second) == ["open", "done"]
    assert newest(cases([first, second], [])) == cases([first, second], [])


def test_letters_come_in_the_order_they_were_given_up() -> None:
    """Partitions are read one after another; times with and without fractions are compared as times."""
    late = letter("late", partition=0, failed_at="2026-11-21T12:00:01Z")
    early = letter("early", partition=1, failed_at="2026-11-21T12:00:00.9Z")
    unknown = letter("unknown", partition=2, failed_at="soon")
    assert [each.letter.id for each in cases([late, early, unknown], [])] == ["unknown", "early", "late"]


def test_of_letters_of_one_event_the_last_is_taken() -> None:
    """For each entry and source."""
    first, second, other = letter(offset=4), letter(offset=5), letter(handler="other", offset=6)
    assert [each.letter for each in newest(cases([first, second, other], []))] == [second, other]


@pytest.mark.parametrize(
    ("wanted", "meant"), [("e\n1", True), ("e\\n1", True), ("1@7", True), ("e1", False), ("7@1", False), ("", False)]
)
def test_a_letter_is_called_by_its_id_or_its_place(wanted: str, meant: bool) -> None:
    """The id also as a listing shows it."""
    assert letter("e\n1", offset=7).is_called(wanted) is meant


def test_a_letter_without_an_id_is_listed_by_its_place() -> None:
    """What is listed can be typed."""
    assert letter("", offset=7).row()["id"] == "1@7"


def test_what_the_letter_says_stands_behind_what_the_event_said() -> None:
    """An event out of somebody else's queue of dead letters has such headers itself."""
    assert letter(more=(("x-dlq-handler", b"theirs"), ("ce_type", b"t"))).handler == "h"


def test_of_many_letters_those_that_failed_last_are_kept() -> None:
    """No more than are asked for, in the order they were given up."""
    kept = Newest(2)
    for second in (4, 1, 3, 2):
        kept.add(case(letter(f"e{second}", offset=second, failed_at=f"2026-11-21T12:00:0{second}Z")))
    assert [each.letter.id for each in kept.cases()] == ["e3", "e4"]
    nothing = Newest(0)
    nothing.add(case(letter()))
    assert nothing.cases() == []


def test_a_row_tells_where_the_event_stands_and_where_its_letter_does() -> None:
    """Numbers are numbers; what a letter does not say is no number."""
    row = letter(offset=7, more=(("x-dlq-attempts", b"5"),)).row()
    assert row["attempts"] == 5
    assert row["letter"] == {"topic": "hookline.dead", "partition": 1, "offset": 7}
    assert row["event"] == {
        "id": "e1",
        "type": "",
        "source": "/sources/support",
        "key": "",
        "topic": "hookline.conversations",
        "partition": 3,
        "offset": 41,
        "log": "here",
    }
    assert letter().row()["attempts"] is None


def test_an_event_may_stand_in_another_log() -> None:
    """It waited in the store while the log was changed; a letter that does not say so is of this one."""
    assert [letter(log=log).is_of_another_log for log in ("there", "here", "")] == [True, False, False]


def test_all_of_a_letter_is_what_died_and_what_is_told_of_it() -> None:
    """The event with the headers it had, those of an earlier queue among them; the letter with its own."""
    whole = letter(more=(("x-dlq-handler", b"theirs"),)).whole()
    assert whole["event"]["headers"] == {"x-dlq-handler": "theirs", "ce_id": "e1", "ce_source": "/sources/support"}
    assert (whole["event"]["value"], whole["event"]["offset"]) == ({}, 41)
    assert whole["letter"]["headers"]["x-dlq-handler"] == "h"
    foreign = Letter(replace(letter().record, headers=(("ce_id", b"e1"),))).whole()
    assert (foreign["event"]["headers"], foreign["letter"]["headers"]) == ({"ce_id": "e1"}, {})
    assert foreign["event"]["offset"] is None


RENAMES = [Rename("h", datetime(2026, 11, 21, 13, tzinfo=UTC), "two")]


def test_a_letter_is_of_the_entry_as_it_is_called_now() -> None:
    """It names the entry of then; one that failed later is of another entry of that name."""
    before, after = letter(), letter(failed_at="2026-11-21T14:00:00Z")
    assert [replace(one, renames=RENAMES).handler for one in (before, after)] == ["two", "h"]
    assert replace(before, renames=RENAMES).name == before.name


def here_with(folder: Path, handlers: str) -> Installation:
    (folder / "hookline.toml").write_text(handlers, encoding="utf-8")
    return Installation(Places(config=folder / "hookline.toml", data=folder / "data", environ={}), "auto")


TWO = '[handlers.two]\nuse = "sync-contact"\n'


@pytest.mark.parametrize("named", ["h", "sync-contact"])
def test_the_name_an_entry_had_is_refused_by_its_new_one(tmp_path: Path, named: str) -> None:
    """Also where a section switches the old name off."""
    here = here_with(tmp_path, f"{TWO}[handlers.sync-contact]\nenabled = false\n")
    renames = [RENAMES[0]._replace(old=named)]
    with pytest.raises(Misconfigured, match=f"--handler {named}: it is called two now, and has its dead letters"):
        check_handler(here, named, {"two"}, renames)
    check_handler(here, "two", (), renames)


def test_an_entry_may_have_the_name_that_another_had(tmp_path: Path) -> None:
    """Then it is meant, with the letters of its own."""
    check_handler(here_with(tmp_path, TWO), "sync-contact", (), [RENAMES[0]._replace(old="sync-contact")])
