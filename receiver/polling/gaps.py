"""Finds what a platform's webhooks should have told and did not, and publishes it: polling as the repair of a gap.

The platform's own lists are compared with what was accepted, by the ids that the webhooks give their events. Only
messages, and only of those roles whose webhooks name the platform's own id (`Platform.repairs`).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import to_json

from clients.account import Account, ChatMessage
from receiver.intake import Accepted, polled
from receiver.polling.publishing import Publisher
from receiver.sources.platform import Fact, Reading
from receiver.sources.source import Source
from schemas.events import MessageCreated
from schemas.topics import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One message that was looked at."""

    conversation_id: str
    message_id: str
    role: str
    at: datetime | None
    # It was not accepted before.
    missing: bool
    # By no fault of anybody: the platform posts no webhook of it to an account like this one.
    unposted: bool = False
    # It is durable now.
    published: bool = False
    # Why nothing can be done about it: too large, or without a time; empty otherwise.
    left: str = ""


class Repair:
    """Looks for gaps in one source.

    Args:
        source: whose webhooks may have been missed.
        account: asks the platform.
        publisher: compares and publishes.
        topics: the topics of this installation.
    """

    def __init__(self, source: Source, account: Account, publisher: Publisher, topics: Topics) -> None:
        self._source = source
        self._account = account
        self._publisher = publisher
        self._topics = topics

    async def look(self, since: datetime, now: datetime, *, publish: bool) -> AsyncGenerator[Looked]:
        """Yield every message since then, after it was compared and, if it was missing, published.

        Args:
            since: aware; no longer ago than ids are remembered.
            now: the time.
            publish: whether what is missing is published, or only told.

        Raises:
            ClientError: the platform, or the way to it.
            StoreError: the dedupe store, without which nothing can be compared.
            EventLogError, TimeoutError: the log.
        """
        seen = set[str]()
        async with aclosing(_each(self._account, since)) as conversations:
            async for conversation_id in conversations:
                if conversation_id not in seen:
                    seen.add(conversation_id)
                    for looked in await self._conversation(conversation_id, since, now, publish=publish):
                        yield looked

    async def _conversation(
        self, conversation_id: str, since: datetime, now: datetime, *, publish: bool
    ) -> list[Looked]:
        """Compare one conversation, the oldest message first."""
        history = [message async for message in self._account.history(conversation_id)]
        return [
            await self._message(conversation_id, message, now, publish=publish)
            for message in sorted(history, key=lambda one: one.at or since)
            if message.role in self._source.platform.repairs and (message.at is None or message.at >= since)
        ]

    async def _message(self, conversation_id: str, message: ChatMessage, now: datetime, *, publish: bool) -> Looked:
        def looked(*, missing: bool, published: bool = False, left: str = "") -> Looked:
            return Looked(
                conversation_id=conversation_id,
                message_id=message.id,
                role=message.role,
                at=message.at,
                missing=missing,
                unposted=missing and message.role in self._account.unposted,
                published=published,
                left=left,
            )

        reading = Reading(facts=(fact_of(conversation_id, message),))
        body = to_json({"conversation_id": conversation_id, "message": message.model_dump(mode="json")})
        outcome = polled(self._source, body, self._topics, now, reading)
        if not isinstance(outcome, Accepted):
            return looked(missing=True, left="too large")
        if not await self._publisher.fresh(self._source, [outcome]):
            return looked(missing=False)
        if message.at is None:
            # It may be older than what ids are remembered for.
            return looked(missing=True, left="without a time")
        if publish:
            await self._publisher.publish(self._source, [outcome])
        return looked(missing=True, published=publish)


def fact_of(conversation_id: str, message: ChatMessage) -> Fact:
    """The fact that the platform's webhook would have told, under the same id."""
    data = MessageCreated.model_validate(
        {
            "message_id": message.id,
            "conversation_id": conversation_id,
            "role": message.role,
            "content": message.content,
        }
    )
    return Fact(data=data, key=conversation_id, entity=message.id, time=message.at)


async def _each(account: Account, since: datetime) -> AsyncGenerator[str]:
    async for conversation in account.conversations(since):
        yield conversation.id
