"""The time inside a Standard Webhooks payload, where there is one."""

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from schemas.standard_webhooks import time_of


@pytest.mark.parametrize(
    ("payload", "time"),
    [
        ({"timestamp": "2022-11-03T20:26:10.344522Z"}, datetime(2022, 11, 3, 20, 26, 10, 344522, tzinfo=UTC)),
        ({"timestamp": 1667507170}, datetime(2022, 11, 3, 20, 26, 10, tzinfo=UTC)),
        ({"timestamp": "soon"}, None),
        ({"timestamp": ["2022"]}, None),
        ({"timestamp": True}, None),
        ({}, None),
        ([1], None),
        ("2022-11-03", None),
        (None, None),
    ],
)
def test_time_is_read_where_it_can_be(payload: JsonValue, time: datetime | None) -> None:
    """The spec only recommends a timestamp: anything else is no reason to refuse."""
    assert time_of(payload) == time
