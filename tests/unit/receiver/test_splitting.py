"""One delivery that tells several events."""

import pytest
from pydantic import JsonValue

from receiver.recipes.paths import BadPath
from receiver.recipes.splitting import MAX_EVENTS, Split, TooManyEvents

META: JsonValue = {
    "object": "wa",
    "entry": [
        {
            "id": 1,
            "changes": [
                {"field": "f", "value": {"about": "x", "messages": [{"m": 1}, {"m": 2}], "statuses": [{"s": 1}]}}
            ],
        },
        {"id": 2, "changes": [{"field": "g", "value": {}}]},
        {"id": 3, "messaging": []},
    ],
}
SPLIT = Split("entry[].changes[]", ["value.messages[]", "value.statuses[]"])


def values(split: Split, body: JsonValue) -> list[JsonValue]:
    return [part.value for part in split(body)]


def test_every_event_is_found_in_order() -> None:
    """Items of the inner lists; what has none of them is an event itself, at every depth."""
    assert values(SPLIT, META) == [
        {"m": 1},
        {"m": 2},
        {"s": 1},
        {"field": "g", "value": {}},
        {"id": 3, "messaging": []},
    ]


def test_an_event_alone_has_what_surrounds_it() -> None:
    """As if the sender had told it by itself: nothing is lost, and nothing of another event is told twice."""
    assert [SPLIT.alone(part) for part in SPLIT(META)][1:3] == [
        {
            "object": "wa",
            "entry": [{"id": 1, "changes": [{"field": "f", "value": {"about": "x", "messages": [{"m": 2}]}}]}],
        },
        {
            "object": "wa",
            "entry": [{"id": 1, "changes": [{"field": "f", "value": {"about": "x", "statuses": [{"s": 1}]}}]}],
        },
    ]


def test_what_surrounds_an_event_is_known() -> None:
    """Of an inner item the one it was in, of an outer one the body."""
    found = SPLIT(META)
    assert found[0].around == META["entry"][0]["changes"][0]  # type: ignore[index,call-overload]  # a literal above
    assert found[3].around is META


@pytest.mark.parametrize(
    ("events", "body", "found"),
    [
        (None, {"a": 1}, [{"a": 1}]),
        ("events[]", {"events": []}, []),
        ("events[]", {"events": [1, None]}, [1, None]),
        ("events[]", {"other": 1}, [{"other": 1}]),
        ("events[]", {"events": {"x": 1}}, [{"events": {"x": 1}}]),
        ("events[]", [1], [[1]]),
        ("events[]", None, [None]),
        ("$[]", [{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        ("$[]", [], []),
        ("$[]", {"a": 1}, [{"a": 1}]),
        ("a[].b[]", {"a": [{"b": [1]}, {"b": []}, {"c": 2}]}, [1, {"c": 2}]),
    ],
)
def test_a_body_without_the_list_is_an_event(events: str | None, body: JsonValue, found: list[JsonValue]) -> None:
    """An empty list tells nothing; one that is not there leaves the whole."""
    assert values(Split(events), body) == found


@pytest.mark.parametrize("path", ["events", "events[0]", "a[x=y][]", "$", "header:x", ""])
def test_only_lists_can_be_split(path: str) -> None:
    """A path of anything else is a mistake of the recipe."""
    with pytest.raises(BadPath):
        Split(path)


def test_more_events_than_anybody_sends_are_refused() -> None:
    """One body may not become millions of records."""
    with pytest.raises(TooManyEvents):
        Split("$[]")([0] * (MAX_EVENTS + 1))
    assert len(Split("$[]")([0] * MAX_EVENTS)) == MAX_EVENTS
