"""Ids and times in the forms platforms write them."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas.lenient import Id, OptionalId, Text, When


class Sample(BaseModel):
    id: Id = "x"
    maybe: OptionalId
    text: Text
    at: When | None = None


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), (2**70, str(2**70))])
def test_id_is_kept_as_text(value: object, text: str) -> None:
    """A number and a text are the same kind of id."""
    assert Sample.model_validate({"id": value}).id == text


@pytest.mark.parametrize("value", ["", "x" * 257, True, 1.5, None, {}, [], 10**300, pytest.param(10**5000, id="long")])
def test_what_cannot_be_an_id_is_refused(value: object) -> None:
    """An id becomes a key: it is short, and it is one."""
    with pytest.raises(ValidationError):
        Sample.model_validate({"id": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), ("", None), ({}, None), ("x" * 257, None), pytest.param(10**5000, None, id="long")],
)
def test_optional_id_that_cannot_be_one_counts_as_missing(value: object, text: str | None) -> None:
    """Nothing depends on it, so nothing is refused for it."""
    assert Sample.model_validate({"maybe": value}).maybe == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), ("", None), ([], None), (True, None), (1.5, None), pytest.param(10**5000, None, id="long")],
)
def test_text_of_another_type_counts_as_missing(value: object, text: str | None) -> None:
    """A name that is a list is no name."""
    assert Sample.model_validate({"text": value}).text == text


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2024-01-15T10:30:00Z", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2024-01-15T11:30:00.5+01:00", datetime(2024, 1, 15, 10, 30, 0, 500_000, tzinfo=UTC)),
        ("2024-01-15 10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        (" 2024-01-15T10:30:00.000Z ", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("20240115", datetime(2024, 1, 15, tzinfo=UTC)),
        (1705314600.0, datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        (1705314600, datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("1705314600", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        (1705314600500, datetime(2024, 1, 15, 10, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_time_is_read_as_utc(value: object, time: datetime) -> None:
    """ISO 8601 and epochs in seconds or milliseconds are times."""
    assert Sample.model_validate({"at": value}).at == time


@pytest.mark.parametrize(
    "value",
    ["yesterday", "", 1e30, -1e30, "9" * 30, "9" * 400, 10**400, True, {}, [], float("nan"), float("inf"),
     "0001-01-01T00:00:00+14:00", -(10**18)],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object) -> None:
    """Nonsense and times outside the calendar are refused as values, not as crashes."""
    with pytest.raises(ValidationError):
        Sample.model_validate({"at": value})


@given(st.text() | st.integers() | st.floats())
def test_any_scalar_is_a_time_or_refused(value: object) -> None:
    """Only validation errors come out of the time field."""
    with contextlib.suppress(ValidationError):
        at = Sample.model_validate({"at": value}).at
        assert at is not None
        assert at.tzinfo is not None
