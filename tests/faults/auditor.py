"""Who was promised what: sends like a platform, keeps every answer, and holds the log and the handlers to it."""

import hashlib
import hmac
import http.client
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SECRET = "a-secret-for-the-auditor-0123456789"
Records = Sequence[Mapping[str, Any]]
"""Records as `tail --json` shows them."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one attempt at a delivery."""

    # None: no answer came, the connection was refused or broke.
    status: int | None
    # Seconds until it came, or until there was none.
    seconds: float = 0.0
    # `time.monotonic()` when the attempt began.
    at: float = 0.0
    # The JSON object in it, if any.
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the sender may forget the event."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def duplicate(self) -> bool:
        """Whether it claims that the event was kept before."""
        return self.body.get("duplicate") is True


@dataclass
class Sent:
    """One event as the auditor sent it."""

    id: str
    conversation: str
    seq: int
    # When the first 2xx came; None when none ever came.
    accepted: float | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def event_id(self) -> str:
        """What hookline has to call it."""
        return f"message.created:{self.id}"

    @property
    def content(self) -> str:
        """The message's text: of a length of its own, and different in each place of it."""
        digest = hashlib.sha256(self.id.encode()).hexdigest()
        return f"{self.seq} {digest * (1 + int(digest[:2], 16) % 40)}"

    @property
    def statuses(self) -> list[int | None]:
        """The answers' statuses."""
        return [answer.status for answer in self.answers]

    @property
    def slowest(self) -> float:
        """The slowest answer in seconds."""
        return max((answer.seconds for answer in self.answers), default=0.0)


@dataclass
class Auditor:
    """Sends signed MyGPTAssistants deliveries and retries each like a patient platform.

    Deliveries of one conversation are to be sent one after another; threads may share an auditor.
    """

    url: Callable[[], str]
    secret: str = SECRET
    sent: list[Sent] = field(default_factory=list)

    def send(
        self, conversation: str, seq: int, *, patience: float = 30, timeout: float = 10, pause: float = 0.1
    ) -> Sent:
        """Deliver one message event until it is accepted or the patience ends."""
        one = Sent(id=f"m-{conversation}-{seq}", conversation=conversation, seq=seq)
        self.sent.append(one)
        deadline = time.monotonic() + patience
        while not self.again(one, timeout=timeout).accepted and time.monotonic() < deadline:
            time.sleep(pause)
        return one

    def again(self, one: Sent, *, timeout: float = 10) -> Answer:
        """Deliver an event once more."""
        body = self.body(one)
        answer = post(self.url(), body, sign(body, self.secret), timeout=timeout)
        one.answers.append(answer)
        if answer.accepted and one.accepted is None:
            one.accepted = time.monotonic()
        return answer

    def body(self, one: Sent) -> bytes:
        """The delivery of an event, byte for byte."""
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
                    "content": one.content,
                },
            }
        ).encode()

    def accepted(self) -> list[Sent]:
        """What a 2xx was given for."""
        return [one for one in self.sent if one.accepted is not None]

    def answers(self) -> list[Answer]:
        """Every answer to every attempt."""
        return [answer for one in self.sent for answer in one.answers]


def sign(body: bytes, secret: str) -> dict[str, str]:
    """The headers that prove a delivery."""
    return {"x-mga-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> Answer:
    """POST a body over a connection of its own."""
    parts = urlsplit(url)
    began = time.monotonic()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("POST", parts.path, body, {"content-type": "application/json", **headers})
        return read(connection, began)
    except (OSError, http.client.HTTPException):
        return Answer(status=None, seconds=time.monotonic() - began, at=began)
    finally:
        connection.close()


def read(connection: http.client.HTTPConnection, began: float) -> Answer:
    """Read the answer to a request.

    Raises:
        OSError, http.client.HTTPException: none came.
    """
    response = connection.getresponse()
    try:
        found = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        found = None  # a platform looks at the status and at nothing else
    return Answer(
        status=response.status,
        seconds=time.monotonic() - began,
        at=began,
        body=found if isinstance(found, dict) else {},
        retry_after=response.headers.get("Retry-After"),
    )


def verdict(sent: Sequence[Sent], records: Records, deliveries: Records | None = None) -> dict[str, list[str]]:
    """Everything that is wrong with a log, by kind; empty when all promises were kept.

    Args:
        sent: every event that was sent.
        records: the whole topic of conversations.
        deliveries: the whole topic of deliveries, if that is to be looked at.
    """
    accepted = [one for one in sent if one.accepted is not None]
    found = {
        "lost": lost(accepted, records),
        "corrupted": corrupted(sent, records),
        "inverted": inversions(record["headers"]["ce_id"] for record in records),
        "copied without a cause": copied(sent, records),
        "misnamed": misnamed(sent),
        "dishonest": dishonest(sent),
    }
    if deliveries is not None:
        found["without a delivery"] = undelivered(accepted, deliveries)
    return {kind: ids for kind, ids in found.items() if ids}


def lost(accepted: Iterable[Sent], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The accepted events that are not in the log."""
    kept = {record["headers"]["ce_id"] for record in records}
    return [one.id for one in accepted if one.event_id not in kept]


def corrupted(sent: Iterable[Sent], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The records whose content or key is not what was sent."""
    wanted = {one.event_id: one for one in sent}
    return [
        record["headers"]["ce_id"]
        for record in records
        if (one := wanted.get(record["headers"]["ce_id"])) is None
        or record["key"] != one.conversation
        or record["value"]["content"] != one.content
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


def copied(sent: Iterable[Sent], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The events that are in the log more often than an attempt may have written them.

    An attempt writes at most once, and not at all when it is answered that the event is a duplicate.
    """
    copies = Counter(record["headers"]["ce_id"] for record in records)
    return [one.id for one in sent if copies[one.event_id] > sum(not answer.duplicate for answer in one.answers)]


def misnamed(sent: Iterable[Sent]) -> list[str]:
    """The accepted events that were given another id than theirs, on whichever attempt."""
    return [
        one.id
        for one in sent
        if any(answer.accepted and answer.body.get("ids") != [one.event_id] for answer in one.answers)
    ]


def dishonest(sent: Iterable[Sent]) -> list[str]:
    """The events that were called duplicates when they came first, or were refused without being told when to come."""
    return [
        one.id
        for one in sent
        if (one.answers and one.answers[0].duplicate)
        or any(answer.status not in {None, 202, 503} for answer in one.answers)
        or any(answer.status == 503 and not (answer.retry_after or "").isdigit() for answer in one.answers)
    ]


def undelivered(accepted: Iterable[Sent], deliveries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The accepted events without a copy of their delivery, as it was sent.

    An event that an attempt kept and did not own up to may lack it: the next attempt is a duplicate and writes nothing.
    """
    kept = {record["value"]["data"]["messageId"]: record["value"]["data"]["content"] for record in deliveries}
    owned = [one for one in accepted if any(answer.accepted and not answer.duplicate for answer in one.answers)]
    return [one.id for one in owned if kept.get(one.id) != one.content]


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
