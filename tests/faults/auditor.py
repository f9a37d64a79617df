"""Who was promised what: sends like a platform, keeps every answer, and holds the log and the handlers to it."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECRET = "a-secret-for-the-auditor-0123456789"


@dataclass
class Sent:
    """One event as the auditor sent it."""

    id: str
    conversation: str
    seq: int
    # When the first 2xx came; None when none ever came.
    accepted: float | None = None
    answers: list[int | None] = field(default_factory=list)
    # The slowest answer in seconds.
    slowest: float = 0.0


@dataclass
class Auditor:
    """Sends signed MyGPTAssistants deliveries one after another and retries each like a patient platform."""

    url: Callable[[], str]
    secret: str = SECRET
    sent: list[Sent] = field(default_factory=list)

    def send(self, conversation: str, seq: int, *, patience: float = 30, timeout: float = 10) -> Sent:
        """Deliver one message event until it is accepted or the patience ends."""
        one = Sent(id=f"m-{conversation}-{seq}", conversation=conversation, seq=seq)
        self.sent.append(one)
        body = self._body(one)
        signature = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        deadline = time.monotonic() + patience
        while one.accepted is None and time.monotonic() < deadline:
            started = time.monotonic()
            status = post(self.url(), body, {"x-mga-signature": signature}, timeout=timeout)
            one.slowest = max(one.slowest, time.monotonic() - started)
            one.answers.append(status)
            if status is not None and 200 <= status < 300:
                one.accepted = time.monotonic()
            else:
                time.sleep(0.1)
        return one

    def _body(self, one: Sent) -> bytes:
        return json.dumps(
            {
                "id": f"evt-{one.id}",
                "type": "message.created",
                "timestamp": "2026-01-01T00:00:00Z",
                "data": {
                    "conversationId": one.conversation,
                    "botId": "bot_1",
                    "messageId": one.id,
                    "role": "user",
                    "content": f"{one.seq}",
                },
            }
        ).encode()

    def accepted(self) -> list[Sent]:
        """What a 2xx was given for."""
        return [one for one in self.sent if one.accepted is not None]


def post(url: str, body: bytes, headers: dict[str, str], *, timeout: float) -> int | None:
    """POST a body; the status, or None when no answer came."""
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def lost(accepted: Iterable[Sent], records: Iterable[dict[str, Any]]) -> list[str]:
    """The accepted events that are not in the log; `records` as `tail --json` shows them."""
    kept = {record["headers"]["ce_id"] for record in records}
    return [one.id for one in accepted if f"message.created:{one.id}" not in kept]


def corrupted(sent: Iterable[Sent], records: Iterable[dict[str, Any]]) -> list[str]:
    """The records whose content or key is not what was sent."""
    wanted = {f"message.created:{one.id}": one for one in sent}
    return [
        record["headers"]["ce_id"]
        for record in records
        if (one := wanted.get(record["headers"]["ce_id"])) is None
        or record["key"] != one.conversation
        or record["value"]["content"] != str(one.seq)
    ]


def inversions(ids: Iterable[str]) -> list[str]:
    """The ids whose first appearance is out of order within their conversation."""
    last: dict[str, int] = defaultdict(lambda: -1)
    seen: set[str] = set()
    wrong = []
    for one in ids:
        if one in seen:
            continue
        seen.add(one)
        conversation, _, seq = one.removeprefix("message.created:").removeprefix("m-").rpartition("-")
        if int(seq) < last[conversation]:
            wrong.append(one)
        last[conversation] = int(seq)
    return wrong


def journal(path: Path) -> list[str]:
    """The ids a journalling handler wrote, in order."""
    return [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


JOURNAL_PLUGIN = '''\
"""Write the id of each message to a file, durably: what a test calls handled."""

import os

from pydantic import BaseModel

from hookline import Context, Event, MessageCreated, handler


class Config(BaseModel):
    journal: str


@handler("journal", on=MessageCreated, config=Config)
async def journal(event: Event[MessageCreated], ctx: Context[Config]) -> None:
    with open(ctx.config.journal, "a", encoding="utf-8") as file:
        file.write(f"{event.id}\\n")
        file.flush()
        os.fsync(file.fileno())
'''
