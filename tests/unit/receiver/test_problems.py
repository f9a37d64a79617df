"""Problems are stable, complete, and say nothing they should not."""

import json

import pytest

from receiver.problems import NOT_FITTING, PROBLEMS, Problem

problems = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())


def test_types_and_statuses_are_a_contract() -> None:
    """Senders may rely on them: a change here is a breaking one."""
    assert {name: problem.status for name, problem in PROBLEMS.items()} == {
        "malformed-request": 400,
        "incomplete-body": 400,
        "not-json": 400,
        "unauthenticated": 401,
        "not-found": 404,
        "method-not-allowed": 405,
        "polled": 405,
        "too-large": 413,
        "unsupported-encoding": 415,
        "unsupported-type": 415,
        "not-fitting": 422,
        "rate-exceeded": 429,
        "overloaded": 503,
        "not-stored": 503,
        "internal": 503,
    }


@problems
def test_body_is_problem_details(problem: Problem) -> None:
    """RFC 9457: type, title, status, detail."""
    assert json.loads(problem.body) == {
        "type": f"urn:hookline:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }


def test_problem_of_one_delivery_names_fields_and_quarantine() -> None:
    """The sender's engineer learns where to look."""
    body = json.loads(NOT_FITTING.about(("data.role",), "q1").body)
    assert (body["fields"], body["quarantined"]) == (["data.role"], "q1")


def test_problem_itself_is_not_changed() -> None:
    """The next sender is not told about this one's delivery."""
    NOT_FITTING.about(("data.role",), "q1")
    assert "quarantined" not in json.loads(NOT_FITTING.body)
