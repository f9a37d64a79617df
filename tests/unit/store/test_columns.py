"""Times and strangers' texts on their way to a database and back."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from store.columns import Foreign, Instant, micros, moment

DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy

texts = st.text(st.characters() | st.sampled_from("\x00\x1a0123456789abcdef") | st.characters(categories=["Cs"]))


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back(at: datetime) -> None:
    """To the microsecond."""
    assert moment(micros(at)) == at


def test_times_are_microseconds_in_utc() -> None:
    """Whatever zone they were said in."""
    at = datetime(1970, 1, 1, 2, 0, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert micros(at) == 1_000_005
    assert Instant().process_result_value(1_000_005, DIALECT) == at


def test_a_time_without_a_zone_is_refused() -> None:
    """Nobody could know what it meant."""
    with pytest.raises(ValueError, match="without a zone"):
        micros(datetime(2026, 11, 21))  # noqa: DTZ001 - what the test is about


@given(texts)
def test_any_text_comes_back(text: str) -> None:
    """And on the way it is text that every database takes."""
    stored = Foreign().process_bind_param(text, DIALECT)
    assert stored is not None
    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert Foreign().process_result_value(stored, DIALECT) == text


@given(texts, texts)
def test_different_texts_stay_different(one: str, other: str) -> None:
    """So equality in the database is equality."""
    stored = [Foreign().process_bind_param(text, DIALECT) for text in (one, other)]
    assert (stored[0] == stored[1]) == (one == other)


def test_ordinary_text_is_stored_as_it_is() -> None:
    """Readable for whoever looks into the tables."""
    assert Foreign().process_bind_param("Zoë\n💬", DIALECT) == "Zoë\n💬"
    assert Foreign().process_bind_param(None, DIALECT) is None
