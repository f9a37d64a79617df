"""The interface document says what the receiver answers."""

import json

from jsonschema import Draft202012Validator

from receiver.openapi import document
from receiver.problems import PROBLEMS


def test_every_status_is_documented() -> None:
    """A status that is not in the document is not answered."""
    responses = document("1.2.3")["paths"]["/in/{source}"]["post"]["responses"]
    assert set(responses) == {"200", "202"} | {str(problem.status) for problem in PROBLEMS.values()}


def test_every_problem_type_is_documented() -> None:
    """A sender's engineer finds the type he sees."""
    text = json.dumps(document("1.2.3"))
    assert [problem.type for problem in PROBLEMS.values() if problem.type not in text] == []


def test_schemas_are_json_schema() -> None:
    """OpenAPI 3.1 speaks the 2020-12 dialect."""
    found = document("1.2.3")
    assert (found["openapi"], found["info"]["version"]) == ("3.1.0", "1.2.3")
    for schema in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_no_source_is_named() -> None:
    """The document is public, the names of sources are not."""
    assert "{source}" in "".join(document("1")["paths"])
