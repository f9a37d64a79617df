"""What a broken configuration is told."""

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from cli.explain import explain, origin_of


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secrets: list[SecretStr] = []
    account: str | None = None


class Store(BaseModel):
    url: SecretStr | None = None


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sources: dict[str, Source] = {}
    store: Store = Store()


def problems(raw: object) -> dict[tuple[str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(raw)
    return explain(caught.value, raw, Whole)


def test_an_unknown_key_gets_a_suggestion() -> None:
    """The key that was probably meant is named."""
    assert problems({"sources": {"a": {"secrts": []}}}) == {
        ("sources", "a", "secrts"): "is no known key; did you mean secrets?"
    }


def test_an_unknown_section_gets_the_known_ones() -> None:
    """Where nothing is near, the possibilities are named."""
    assert problems({"zzz": {}}) == {("zzz",): "is no known key; known here: sources, store"}


def test_a_wrong_type_names_the_key_and_not_the_value() -> None:
    """Values may be secrets."""
    assert problems({"sources": {"a": {"account": {"hidden": "s3cret"}}}}) == {
        ("sources", "a", "account"): "write text, in quotes"
    }


ORIGINS = {("receiver", "port"): "HOOKLINE_RECEIVER__PORT", ("topics",): "HOOKLINE_TOPICS"}


@pytest.mark.parametrize(
    ("path", "variable"),
    [
        (("receiver", "port"), "HOOKLINE_RECEIVER__PORT"),
        (("topics", "prefix"), "HOOKLINE_TOPICS"),
        (("receiver", "host"), None),
        ((), None),
    ],
)
def test_a_key_that_a_variable_set_is_its_fault(path: tuple[str, ...], variable: str | None) -> None:
    """Also a key in a table that it set as a whole."""
    assert origin_of(path, ORIGINS, {"receiver": {}}) == variable


def test_a_section_that_only_a_variable_made_is_its_fault() -> None:
    """As where the name of the section is misspelled in the variable."""
    assert origin_of(("receiver",), ORIGINS, {}) == "HOOKLINE_RECEIVER__PORT"
    assert origin_of(("receiver",), ORIGINS, {"receiver": {}}) is None
