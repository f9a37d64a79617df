"""The committed JSON Schemas are those of the models."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from schemas.compatibility import breaking
from schemas.events import CANONICAL, Data, MessageCreated, Unknown
from schemas.export import GENERATED, documents, schema_of, write


def committed() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in GENERATED.glob("*.json")}


def test_committed_schemas_are_up_to_date() -> None:
    """After a change of a model, `hookline schemas export` writes them again."""
    assert committed() == documents()


def test_models_do_not_break_the_readers_of_the_committed_schemas() -> None:
    """A model that would break readers is a new event type, not a new schema."""
    broken = {
        data.event_type: breaking(json.loads(committed()[f"{data.event_type}.json"]), schema_of(data))
        for data in CANONICAL
    }
    assert {name: found for name, found in broken.items() if found} == {}


@pytest.mark.parametrize("data", CANONICAL, ids=lambda data: data.event_type)
def test_schema_is_valid(data: type[Data]) -> None:
    """Each document is a 2020-12 schema under the name that records carry."""
    schema = schema_of(data)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:hookline:schema:{data.event_type}"


def test_schema_refuses_what_the_model_refuses() -> None:
    """A message without a role fits neither."""
    with pytest.raises(ValidationError, match="role"):
        Draft202012Validator(schema_of(MessageCreated)).validate(
            {"message_id": "m", "conversation_id": "c", "content": "hi"}
        )


@pytest.mark.parametrize("value", [1, None, "x", [], {"a": 1}])
def test_unknown_may_be_any_json(value: Any) -> None:
    """The value of an unknown event is the platform's own body."""
    Draft202012Validator(schema_of(Unknown)).validate(value)


def test_write_removes_the_schemas_of_types_that_are_no_more(tmp_path: Path) -> None:
    """The folder holds the types of today, and nothing of yesterday."""
    (tmp_path / "gone.away.json").write_text("{}")
    written = write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written} == set(documents())
