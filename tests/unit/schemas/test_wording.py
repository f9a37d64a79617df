"""Plain words for what pydantic finds."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.durations import PositiveDuration
from schemas.wording import faults


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", min_length=2, pattern="^a")


class Every(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = Field(default=1, ge=1, lt=10)
    ratio: float = Field(default=1.0, gt=0)
    yes: bool = True
    names: tuple[str, ...] = Field(default=(), max_length=1)
    kind: Literal["a", "b"] = "a"
    start: Literal["now"] | AwareDatetime = "now"
    wait: PositiveDuration = timedelta(seconds=1)
    inner: Inner = Inner()
    many: dict[str, Annotated[int, Field(le=5)]] = {}


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"number": "x"}, "number", "write a whole number"),
        ({"number": 1.5}, "number", "write a whole number"),
        ({"number": 0}, "number", "must be at least 1"),
        ({"number": 10}, "number", "must be less than 10"),
        ({"ratio": "x"}, "ratio", "write a number"),
        ({"ratio": 0}, "ratio", "must be more than 0.0"),
        ({"yes": "perhaps"}, "yes", "write true or false"),
        ({"names": "x"}, "names", 'write a list: ["…", "…"]'),
        ({"names": ["x", "y"]}, "names", "takes at most 1"),
        ({"names": [1]}, "names.0", "write text, in quotes"),
        ({"kind": "c"}, "kind", "write 'a' or 'b'"),
        ({"start": "soon"}, "start", "write 'now', or write a time with its zone: \"2026-03-01T00:00:00Z\""),
        ({"wait": "0s"}, "wait", "must be longer than 0s"),
        ({"wait": "soon"}, "wait", "not a duration: 'soon'. Write a number and a unit: 500ms, 20s, 10m, 6h or 7d"),
        ({"inner": 1}, "inner", "write a section: keys with their values"),
        ({"inner": {"text": "a"}}, "inner.text", "must have at least 2 characters"),
        ({"inner": {"text": "bb"}}, "inner.text", "must have the form ^a"),
        ({"inner": {"none": 1}}, "inner.none", "is no known key"),
        ({"many": {"x": 6}}, "many.x", "must be at most 5"),
    ],
)
def test_a_fault_is_told_in_plain_words(raw: dict[str, Any], path: str, words: str) -> None:
    """What to write, under the key that was written."""
    with pytest.raises(ValidationError) as caught:
        Every.model_validate(raw)
    assert faults(caught.value, raw) == [(tuple(path.split(".")), words)]


class Left(BaseModel):
    kind: Literal["left"]
    size: int = 0

    @model_validator(mode="after")
    def _small(self) -> Self:
        if self.size > 1:
            raise ValueError("is too large")
        return self


class Right(BaseModel):
    kind: Literal["right"]
    needed: int


class Either(BaseModel):
    one: Annotated[Left | Right, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"kind": "left", "size": "x"}, [(("one", "size"), "write a whole number")]),
        ({"kind": "left", "size": 2}, [(("one",), "is too large")]),
        ({"kind": "right"}, [(("one", "needed"), "is missing")]),
        ({"kind": "up"}, [(("one",), "'kind' must be one of 'left', 'right'")]),
        ({}, [(("one",), "'kind' is missing")]),
    ],
)
def test_the_branch_of_a_union_is_no_key(raw: dict[str, Any], found: list[tuple[tuple[str, ...], str]]) -> None:
    """Nobody wrote it."""
    with pytest.raises(ValidationError) as caught:
        Either.model_validate({"one": raw})
    assert faults(caught.value, {"one": raw}) == found


def test_a_key_that_is_missing_is_told() -> None:
    """It is not in what was validated."""

    class Needs(BaseModel):
        key: str

    with pytest.raises(ValidationError) as caught:
        Needs.model_validate({})
    assert faults(caught.value, {}) == [(("key",), "is missing")]
