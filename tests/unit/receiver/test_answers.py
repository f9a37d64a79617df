"""What a sender is told when its delivery is accepted."""

import pytest

from receiver.answers import AcceptedAnswer, accepted_body
from receiver.intake import Accepted


@pytest.mark.parametrize(
    ("accepted", "body"),
    [
        (
            Accepted(id="a", ids=("a", "b"), records=()),
            b'{"id":"a","ids":["a","b"],"duplicate":false,"stored":"kafka"}',
        ),
        (
            Accepted(id="d", ids=(), records=(), quarantined="q"),
            b'{"id":"d","ids":[],"duplicate":false,"stored":"kafka","quarantined":"q"}',
        ),
    ],
)
def test_success_is_what_the_contract_says(accepted: Accepted, body: bytes) -> None:
    """Written by hand, and as the OpenAPI document describes it."""
    assert accepted_body(accepted, duplicate=False, stored="kafka") == body
    assert AcceptedAnswer.model_validate_json(body).model_dump_json(exclude_none=True).encode() == body
