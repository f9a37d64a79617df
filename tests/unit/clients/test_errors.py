"""The error tree of the clients."""

import pickle

import pytest

from clients import errors
from clients.errors import ClientError


def _tree() -> list[type[ClientError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClientError)]


@pytest.mark.parametrize(
    ("name", "retryable", "parked", "nothing_happened"),
    [
        ("NotSupported", False, False, True),
        ("ForbiddenAddress", False, False, True),
        ("Unreachable", True, False, True),
        ("ConnectionLost", True, False, False),
        ("TimedOut", True, False, False),
        ("GivenUp", True, False, False),
        ("BadAnswer", True, False, False),
        ("RateLimited", True, False, True),
        ("OutOfCredit", True, True, True),
        ("Unauthorized", False, False, True),
        ("NotFound", False, False, True),
        ("Rejected", False, False, True),
        ("PlatformDown", True, False, False),
    ],
)
def test_each_error_says_what_may_be_done(name: str, *, retryable: bool, parked: bool, nothing_happened: bool) -> None:
    """Every kind says whether to retry, whether a person is needed, and whether the effect is disproved."""
    error = getattr(errors, name)("what")
    assert (error.retryable, error.parked, error.nothing_happened) == (retryable, parked, nothing_happened)


def test_tree_at_the_top_names_every_error() -> None:
    """The tree printed at the top of the file is complete."""
    assert [kind.__name__ for kind in _tree() if kind.__name__ not in str(errors.__doc__)] == []


def test_every_error_advises() -> None:
    """Every kind but the base and NotSupported says what to do next."""
    assert [kind.__name__ for kind in _tree() if not kind.advice] == ["ClientError", "NotSupported"]


def test_message_says_what_and_what_to_do() -> None:
    """The text is what happened, then what to do."""
    error = errors.Unauthorized("support (mygptassistants): send: answered 401", status=401)
    assert str(error) == (
        "support (mygptassistants): send: answered 401. Check api_key and its permissions in the platform's dashboard"
    )


def test_one_error_may_differ_from_its_kind() -> None:
    """A single error may know more than its kind does."""
    error = errors.BadAnswer("a redirect", retryable=False, nothing_happened=True)
    assert (error.retryable, error.nothing_happened) == (False, True)


def test_error_survives_another_process() -> None:
    """An error can be handed to another process with its attributes."""
    error = errors.RateLimited("slow down", status=429, code="RATE_LIMIT_EXCEEDED", retry_after=12.5)
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copied.status, copied.code, copied.retry_after) == (429, "RATE_LIMIT_EXCEEDED", 12.5)
