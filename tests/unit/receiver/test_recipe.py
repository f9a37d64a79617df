"""What a recipe may say, and how its mistakes are told."""

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.recipes import presets
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.recipe import Recipe
from schemas.schemes import Plain
from schemas.wording import faults
from tests.unit.receiver.recipes import recipe

MESSAGE = {"name": "said", "type": "message.created", "message_id": "id", "conversation_id": "c", "role": "user"}


def told(**parts: Any) -> dict[str, str]:
    """Key → what is wrong with it."""
    raw = {"verify": {"mode": "none"}, **parts}
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(raw)
    return {".".join(path): words for path, words in faults(caught.value, raw)}


@pytest.mark.parametrize(
    ("parts", "key", "words"),
    [
        ({"reed": {}}, "reed", "is no known key"),
        ({"body": "xml"}, "body", "write 'json', 'form' or 'any'"),
        ({"read": {"name": "a..b"}}, "read.name", "'a..b' is no path: it goes wrong at '..b'"),
        ({"read": {"name": ["a", "a b"]}}, "read.name.1", "'a b' is no path: it goes wrong at ' b'"),
        ({"read": {"time": "a[]"}}, "read.time", "'a[]': [] means every item, so it stands in read.events"),
        ({"read": {"events": "entry"}}, "read.events", "'entry' must end with []"),
        ({"read": {"parts": ["x"]}}, "read.parts.0", "'x' must end with []"),
        ({"events": [{**MESSAGE, "type": "message.create"}]}, "events.0.type", "did you mean message.created?"),
        ({"events": [{**MESSAGE, "type": "unknown"}]}, "events.0.type", "is no event"),
        ({"events": [{**MESSAGE, "role": {"user": "x"}}]}, "events.0.role.path", "is missing"),
        ({"events": [{**MESSAGE, "role": "visitor"}]}, "events.0.role", "write 'user'"),
        ({"events": [{**MESSAGE, "where": {"a b": "x"}}]}, "events.0.where.a b", "is no path"),
        ({"events": [{**MESSAGE, "status": "x"}]}, "events.0", "message.created has no status"),
        ({"events": [{"name": "x", "type": "message.created"}]}, "events.0", "needs message_id and conversation_id"),
        ({"events": [{"name": "x", "type": "contact.updated"}]}, "events.0", "contact.updated needs contact.id"),
        ({"events": [{"name": [], "type": "bot.updated"}]}, "events.0.name", "at least 1"),
        ({"handshake": [{"equals": "ping", "if": "x"}]}, "handshake.0.if", "is no known key"),
        ({"handshake": [{"equals": "ping"}]}, "handshake.0", "a POST handshake needs equals, and one of json_path"),
        ({"handshake": [{"method": "GET"}]}, "handshake.0", "a GET handshake needs challenge and verify_token"),
        ({"verify": {"signature": {"header": "x", "prefx": "y"}}}, "verify.signature.prefx", "is no known key"),
        (
            {"verify": {"signature": {"header": "x", "signature": "v1", "prefix": "y"}}},
            "verify.signature.prefix",
            "is no known key",
        ),
        ({"status": 204, "answer": "OK"}, "", "an answer with status 204 has no body"),
        (
            {"handshake": [{"json_path": "a", "equals": "b", "echo": "c", "status": 205}]},
            "handshake.0",
            "an answer with status 205 has no body",
        ),
        ({"like": "slak"}, "", "there is no preset 'slak'; did you mean slack?"),
    ],
)
def test_mistake_is_told_at_its_key(parts: dict[str, Any], key: str, words: str) -> None:
    """With what to write instead; each of these would else be found by a lost event."""
    found = told(**parts)
    assert words in found[key], found
    assert len(found) == 1


def test_like_takes_what_is_not_said_from_a_preset() -> None:
    """A sender that signs as Slack does, under another header."""
    found = recipe('like = "slack"\nstatus = 204\n[verify]\nsignature = { header = "x-other" }\n')
    assert found.status == 204
    assert found.verify.signature == Plain(header="x-other")
    assert found.handshake == Recipe.model_validate(presets.table("slack")).handshake


def test_own_recipe_goes_before_a_preset_of_its_name() -> None:
    """A copied preset may be changed without a new name."""
    assert Catalogue()["slack"].status == 200
    assert Catalogue({"slack": recipe("status = 201")})["slack"].status == 201


def test_what_is_in_code_stays() -> None:
    """No recipe can take the name of a platform with clients of its own."""
    assert Catalogue({"gptbots": recipe("status = 201")})["gptbots"].status == 202


def test_catalogue_knows_all() -> None:
    """Platforms in code, presets, and recipes."""
    found = Catalogue({"acme": recipe("")})
    assert {"acme", "gptbots", "standard", "slack"} <= set(found)
    assert "nobody" not in found
    with pytest.raises(KeyError):
        found["nobody"]
