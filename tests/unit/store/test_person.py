"""What saves and merges make of a person, as values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.contacts import Identity
from store.errors import StoreRefused
from store.person import MAX_IDENTITIES, Change, Person, applied, email_key, joined, numbered, older, without

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
X = Identity(source="s", platform="p", id="x")
Y = Identity(source="s", platform="p", id="y")


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def blank(contact_id: str = "a", made: int = 0) -> Person:
    return Person(id=contact_id, created_at=minute(made), updated_at=minute(made))


def state(person: Person) -> Any:
    """All that later events are decided by."""
    return dict(person.fields), dict(person.attributes), person.email_key, dict(person.identities)


words = st.sampled_from(["", "ann", "bob", "\x00", "eve"])
addresses = st.sampled_from([None, "a@x.org", "b@x.org", "no address"])


def changes(at: st.SearchStrategy[int]) -> st.SearchStrategy[Change]:
    return st.builds(
        Change,
        at=at.map(minute),
        name=st.none() | words,
        phone=st.none() | words,
        email=addresses,
        email_verified=st.booleans(),
        attributes=st.dictionaries(st.sampled_from("kl"), st.none() | st.booleans() | st.integers(0, 2), max_size=2),
    )


# Made once: a strategy that is made for each draw costs more than what it draws.
of_noon = changes(st.just(0))


@st.composite
def distinct_changes(draw: st.DrawFn, most: int = 3) -> list[Change]:
    """Events of different times."""
    times = draw(st.lists(st.integers(0, 50), unique=True, max_size=most))
    return [replace(draw(of_noon), at=minute(at)) for at in times]


@given(distinct_changes())
def test_events_of_different_times_may_come_in_any_order(events: list[Change]) -> None:
    """The fields end the same."""
    endings = []
    for order in permutations(events):
        person = blank()
        for event in order:
            person = applied(person, X, event)
        endings.append(state(person))
    assert all(ending == endings[0] for ending in endings)


@given(distinct_changes(), changes(st.integers(0, 50)))
def test_an_event_applied_twice_is_applied_once(events: list[Change], event: Change) -> None:
    """A redelivered event changes nothing."""
    person = blank()
    for each in events:
        person = applied(person, X, each)
    once = applied(person, X, event)
    assert applied(once, X, event) == once


@given(distinct_changes(), distinct_changes())
def test_merging_gives_the_same_fields_from_either_side(ones: list[Change], others: list[Change]) -> None:
    """Only which id survives differs, when no two events have one time."""
    one, other = blank("a"), blank("b")
    for change in ones:
        one = applied(one, X, change)
    for change in others:
        if change.at not in {each.at for each in ones}:
            other = applied(other, Y, change)
    assert state(joined(one, other)) == state(joined(other, one))
    assert (joined(one, other).id, joined(other, one).id) == ("a", "b")


@given(distinct_changes(), changes(st.integers(51, 60)))
def test_merging_and_writing_may_come_in_either_order(events: list[Change], late: Change) -> None:
    """An event of before a merge is the same after it."""
    one = applied(blank("a"), X, late)
    other = blank("b")
    for event in events:
        other = applied(other, Y, event)
    before = joined(one, other)
    after = applied(joined(blank("a"), other), X, late)
    assert state(before) == state(after)


@given(distinct_changes(most=8))
def test_versions_grow_with_every_visible_change_and_with_nothing_else(events: list[Change]) -> None:
    """Two states of one version look the same."""
    person: Person | None = None
    seen: dict[int, Any] = {}
    for event in events:
        before = person
        person = numbered(applied(person or blank(), X, event), before, event.at)
        shown = person.contact.model_dump(mode="json", exclude={"updated_at"})
        assert seen.setdefault(person.version, shown) == shown
        assert person.version in {len(seen), (before or blank()).version}


def test_a_person_is_shown_as_a_contact() -> None:
    """Without the times that only decide."""
    event = Change(at=minute(3), name="Ann", email="A@x.org", phone="1", attributes={"b": 1, "a": None})
    contact = numbered(applied(applied(blank(), Y, event), X, event), None, minute(3)).contact
    assert contact.model_dump() == {
        "id": "a",
        "name": "Ann",
        "email": "A@x.org",
        "phone": "1",
        "attributes": {"a": None, "b": 1},
        "identities": (X.model_dump(), Y.model_dump()),
        "version": 1,
        "updated_at": minute(3),
    }


def test_the_older_contact_comes_first() -> None:
    """By the time it was made, then by id."""
    assert [person.id for person in older(blank("a", made=2), blank("b", made=1))] == ["b", "a"]
    assert [person.id for person in older(blank("b", made=1), blank("a", made=1))] == ["a", "b"]


def test_an_identity_is_taken_away() -> None:
    """The others stay, with their times."""
    person = applied(applied(blank(), X, Change(at=minute(1))), Y, Change(at=minute(2)))
    assert without(person, X).identities == {Y: minute(2)}


def test_absorbing_somebody_is_a_change_by_itself() -> None:
    """Even if nothing else differs, and its version is left behind too."""
    person = numbered(
        joined(blank(), blank("b")),
        blank(),
        minute(1),
        absorbed=Person(id="b", version=7, created_at=NOON, updated_at=NOON),
    )
    assert person.version == 8


def test_a_contact_with_a_thousand_identities_takes_no_more() -> None:
    """An address that many share is no person."""
    many = {Identity(source="s", platform="p", id=str(number)): NOON for number in range(MAX_IDENTITIES)}
    person = Person(id="a", created_at=NOON, updated_at=NOON, identities=many)
    assert applied(person, Identity(source="s", platform="p", id="0"), Change(at=NOON)).identities == many
    with pytest.raises(StoreRefused, match="more than 1,000 identities"):
        applied(person, X, Change(at=NOON))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ann@X.org", "ann@x.org"),
        (" ann@x.org\t", "ann@x.org"),
        ("straße@x.org", "strasse@x.org"),
        ("ann+tag@x.org", "ann+tag@x.org"),
        ("ann@localhost", "ann@localhost"),
        ("", None),
        ("ann", None),
        ("@x.org", None),
        ("ann@", None),
        ("ann@x@y", None),
        ("ann @x.org", None),
        ("ann@x.org\x00", None),
        ("a" * 248 + "@x.org", "a" * 248 + "@x.org"),
        ("a" * 249 + "@x.org", None),
    ],
)
def test_addresses_are_folded(text: str, key: str | None) -> None:
    """What is none has no key."""
    assert email_key(text) == key
