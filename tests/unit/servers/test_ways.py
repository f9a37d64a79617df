"""The choice of a server is one pure rule: the first way that works, and never a stand-in in CI."""

import pytest

from tests.servers.errors import NoServerError, ServerUnavailableError
from tests.servers.harness import is_ci
from tests.servers.ways import Refusal, Way, first_that_works, without_stand_in


def closed(why: str) -> Way[str]:
    def start() -> str:
        raise ServerUnavailableError(why)

    return Way("closed", start)


def test_first_way_that_works_is_taken() -> None:
    """Later ways are not even tried."""
    found = first_that_works("broker", [Way("one", lambda: "1"), closed("never asked")])
    assert (found.server, found.name, found.refusals) == ("1", "one", ())


def test_refused_ways_are_remembered() -> None:
    """The summary tells why a better server was not used."""
    found = first_that_works("broker", [closed("no Java"), Way("two", lambda: "2")])
    assert found.server == "2"
    assert found.refusals == (Refusal("closed", "no Java"),)


def test_no_way_left_names_every_reason() -> None:
    """Whoever reads the error knows what to install."""
    with pytest.raises(NoServerError, match=r"(?s)no broker for the tests.*closed: no Docker.*closed: no Java"):
        first_that_works("broker", [closed("no Docker"), closed("no Java")])


def test_other_errors_are_not_swallowed() -> None:
    """A mistake of ours is not a missing server."""

    def broken() -> str:
        raise KeyError("a mistake")

    with pytest.raises(KeyError):
        first_that_works("broker", [Way("broken", broken), Way("two", lambda: "2")])


def test_stand_in_comes_last() -> None:
    """At home the mock cluster serves when nothing else does."""
    ways = without_stand_in([closed("no")], Way("mock", lambda: "mock"), ci=False)
    assert [way.name for way in ways] == ["closed", "mock"]


def test_stand_in_is_not_taken_in_ci() -> None:
    """CI runs on the real thing or fails."""
    ways = without_stand_in([closed("no")], Way("mock", lambda: "mock"), ci=True)
    assert [way.name for way in ways] == ["closed"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("1", True), ("yes", True), ("", False), ("0", False), ("false", False), ("False", False)],
)
def test_ci_is_what_services_set(value: str, expected: bool) -> None:
    """CI=false and CI=0 mean no."""
    assert is_ci({"CI": value}) is expected


def test_ci_is_off_when_unset() -> None:
    """A developer's machine sets nothing."""
    assert is_ci({}) is False
