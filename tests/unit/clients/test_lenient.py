"""Ids and times as platforms write them."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from clients.lenient import Id, Text, When

TIME = TypeAdapter(When)
IDENT = TypeAdapter(Id)


@pytest.mark.parametrize(
    "value",
    ["2024-01-15T10:00:00Z", "2024-01-15T10:00:00.000Z", "2024-01-15T10:00:00.000000Z", "2024-01-15 10:00:00",
     "2024-01-15T11:00:00+01:00", " 2024-01-15T10:00:00Z ", 1_705_312_800, 1_705_312_800.0, 1_705_312_800_000,
     "1705312800", "1705312800000"],
)  # fmt: skip
def test_times_in_many_forms(value: object) -> None:
    """ISO with or without zone, seconds and milliseconds, as number or text, are the same moment in UTC."""
    assert TIME.validate_python(value) == datetime(2024, 1, 15, 10, tzinfo=UTC)


def test_bare_date_is_midnight() -> None:
    """Eight digits are a date, not an epoch."""
    assert TIME.validate_python("20240115") == datetime(2024, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("value", [True, None, [], {}, "", "soon", "9" * 400, 10**400, float("inf"), float("nan"),
                                   "0001-01-01T00:00:00+14:00", -(10**18)])  # fmt: skip
def test_what_is_no_time(value: object) -> None:
    """Anything else does not validate, and nothing but a validation error comes out."""
    with pytest.raises(ValidationError):
        TIME.validate_python(value)


@pytest.mark.parametrize(("value", "text"), [("conv_1", "conv_1"), (7, "7"), (2**60, "1152921504606846976")])
def test_ids_are_text(value: object, text: str) -> None:
    """A numeric id keeps every digit."""
    assert IDENT.validate_python(value) == text


@pytest.mark.parametrize("value", [True, None, "", 1.5, [], {}])
def test_what_is_no_id(value: object) -> None:
    """A missing or odd id is an error, never the text of it."""
    with pytest.raises(ValidationError):
        IDENT.validate_python(value)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), ("", None), (True, None), (1.5, None), ([], None)])
def test_optional_text_of_a_wrong_type_counts_as_missing(value: object, text: str | None) -> None:
    """A receipt with an odd field is still a receipt."""
    assert TypeAdapter(Text).validate_python(value) == text


@given(st.text() | st.integers() | st.floats())
def test_any_scalar_is_a_time_or_an_error(value: object) -> None:
    """Only validation errors come out of the time field."""
    with contextlib.suppress(ValidationError):
        assert TIME.validate_python(value).tzinfo is not None
