"""The receiver's interface as an OpenAPI 3.1 document, made from the models that make the answers."""

from typing import Any

from receiver.answers import AcceptedAnswer
from receiver.health import Health
from receiver.problems import MEDIA_TYPE, PROBLEMS, Problem, ProblemDetails

_JSON = "application/json"
_SOURCE = {
    "name": "source",
    "in": "path",
    "required": True,
    "description": "A name under [sources] of the configuration.",
    "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"},
}
_REST = {
    "name": "rest",
    "in": "path",
    "required": True,
    "description": "The source's path token, or the suffix a platform appends.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,512}$"},
}


def document(version: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        version: of hookline.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hookline receiver",
            "version": version,
            "description": "Takes signed webhooks. A 2xx means that the delivery is kept.",
        },
        "paths": {
            "/in/{source}": {"post": _deliver("deliver", [_SOURCE])},
            "/in/{source}/{rest}": {"post": _deliver("deliverToPath", [_SOURCE, _REST])},
            "/livez": {"get": _health("livez", "Whether the process answers.")},
            "/readyz": {"get": _health("readyz", "Whether deliveries can be taken now.")},
            "/openapi.json": {
                "get": {
                    "operationId": "openapi",
                    "summary": "This document.",
                    "responses": {"200": _content("The document.", {"type": "object"})},
                }
            },
        },
        "components": {
            "schemas": {
                "Accepted": _schema(AcceptedAnswer),
                "Problem": _schema(ProblemDetails),
                "Health": _schema(Health),
            }
        },
    }


def _deliver(name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": "Deliver a webhook, signed as its platform signs.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {_JSON: {"schema": {}}}},
        "responses": {
            "200": _content("Every event is durable; the body is what the platform wants to see.", {"type": "object"}),
            "202": _content("Every event is durable.", {"$ref": "#/components/schemas/Accepted"}),
            **_problems(),
        },
    }


def _problems() -> dict[str, Any]:
    """Status → what it means, for every problem there is."""
    found: dict[str, list[Problem]] = {}
    for problem in PROBLEMS.values():
        found.setdefault(str(problem.status), []).append(problem)
    return {status: _problem(problems) for status, problems in sorted(found.items())}


def _problem(problems: list[Problem]) -> dict[str, Any]:
    text = "\n".join(f"`{problem.type}`: {problem.detail}" for problem in problems)
    answer = {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    names = {405: "Allow", 401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    header = names.get(problems[0].status)
    return answer if header is None else {**answer, "headers": {header: {"schema": {"type": "string"}}}}


def _health(name: str, summary: str) -> dict[str, Any]:
    health = {"$ref": "#/components/schemas/Health"}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _content("Yes.", health), "503": _content("No; the check that fails is named.", health)},
    }


def _content(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {_JSON: {"schema": schema}}}


def _schema(model: type[AcceptedAnswer | ProblemDetails | Health]) -> dict[str, Any]:
    return model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
