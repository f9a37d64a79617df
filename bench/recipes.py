"""What deciding about one delivery costs by a recipe and in code: same body, same signature. Measured, not asserted.

    .venv/bin/python -m bench.recipes

`mygptassistants` is written in code; the recipe below says the same of it. Both verify, read, normalise and encode;
nothing is appended. The best of several rounds counts, since the machine may do other things too.
"""

import argparse
import json
import timeit
import tomllib
from datetime import UTC, datetime

from receiver.delivery import Delivery, Headers, Target
from receiver.intake import Accepted, decide
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.recipe import Recipe
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.sources.source import Source
from schemas.schemes import MYGPTASSISTANTS
from schemas.signatures import Outgoing, sign
from schemas.topics import Topics

SECRET = "bench-secret-0123456789"  # noqa: S105 - signs nothing but this benchmark
NOW = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
RECIPE = """
verify = { signature = { header = "x-mga-signature", prefix = "sha256=" } }
[read]
name = "type"
delivery = "id"
time = "timestamp"
[[events]]
name = "message.created"
type = "message.created"
message_id = "data.messageId"
conversation_id = "data.conversationId"
content = "data.content"
role = { path = "data.role", user = "user", assistant = "assistant", agent = "agent", system = "system" }
contact = { id = "data.metadata.userId", name = "data.metadata.name", email = "data.metadata.email" }
"""
TOPICS = Topics()


def delivery(size: int) -> Delivery:
    """A signed message with a body of about `size` bytes."""
    contact = {"userId": "user_7", "name": "Ada Lovelace", "email": "ada@example.org"}
    data = {"conversationId": "c1", "messageId": "m1", "role": "user", "content": "", "metadata": contact}
    event = {"id": "evt_1", "type": "message.created", "timestamp": "2024-01-15T10:30:00Z", "data": data}
    data["content"] = "x" * max(0, size - len(json.dumps(event)))
    body = json.dumps(event).encode()
    headers = sign(MYGPTASSISTANTS, SECRET, Outgoing(body=body), NOW)
    raw = [(b"content-type", b"application/json"), *((name.encode(), value.encode()) for name, value in headers)]
    return Delivery(method="POST", target=Target("bench"), headers=Headers(raw), body=body)


def source(platform: str) -> Source:
    """A source of the platform in code, or of the recipe."""
    settings = SourceSettings.model_validate({"platform": platform, "secrets": [SECRET]})
    catalogue = Catalogue({"recipe": Recipe.model_validate(tomllib.loads(RECIPE))})
    return open_sources({"bench": settings}, ReceiverSettings(), catalogue)["bench"]


def cost(of: Source, sent: Delivery, rounds: int) -> float:
    """Microseconds of one decision."""
    assert isinstance(decide(of, sent, TOPICS, NOW), Accepted)
    number = 500
    return min(timeit.repeat(lambda: decide(of, sent, TOPICS, NOW), number=number, repeat=rounds)) / number * 1e6


def main() -> None:
    """Print both, and their ratio, for bodies of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    for size in (400, 2_000, 20_000):
        sent = delivery(size)
        code, recipe = (cost(source(platform), sent, rounds) for platform in ("mygptassistants", "recipe"))
        print(f"{size:>6} bytes: in code {code:6.1f} us, by a recipe {recipe:6.1f} us, ratio {recipe / code:.2f}")


if __name__ == "__main__":
    main()
