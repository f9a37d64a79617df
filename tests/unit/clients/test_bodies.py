"""Bodies as they leave."""

import pytest

from clients.bodies import MAX_REQUEST, written
from clients.errors import Rejected


def test_json_is_compact() -> None:
    """No spaces, text as UTF-8."""
    assert written({"a": "é", "b": [1, None]}, form=False, what="x") == '{"a":"é","b":[1,null]}'.encode()


def test_form() -> None:
    """Text as it is, other values as JSON writes them, null left out."""
    body = {"message": "a & b é", "is_stream": True, "limit": 100, "filter": [{"key": "id"}], "none": None}
    assert written(body, form=True, what="x") == (
        b"message=a+%26+b+%C3%A9&is_stream=true&limit=100&filter=%5B%7B%22key%22%3A%22id%22%7D%5D"
    )


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("value", [object(), float("nan"), [float("inf")], {1j: 1}, "\ud800"])
def test_what_cannot_be_written_is_refused(value: object, *, form: bool) -> None:
    """The error shows nothing of the value."""
    with pytest.raises(Rejected, match="x: the message or its metadata cannot be written as JSON"):
        written({"a": value}, form=form, what="x")


@pytest.mark.parametrize("form", [False, True])
def test_too_large_is_refused(*, form: bool) -> None:
    """Before anything is sent."""
    with pytest.raises(Rejected, match="larger than 1048576 bytes"):
        written({"a": "x" * MAX_REQUEST}, form=form, what="x")
