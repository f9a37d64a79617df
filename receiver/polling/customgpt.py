"""Asking CustomGPT.ai for news, so that nothing is missed and little is asked.

The list of conversations is newest first, so a new one is found at its top; that an old one goes on it does not show.
Three ways together find every message (https://docs.customgpt.ai/openapi/openapi.json has no other):

1. the list, down to the highest number that was seen: new conversations;
2. the messages of conversations that were active of late, down to the highest number that was read;
3. now and then the intelligence report of the last days: every question with its conversation, however old that is.

What 1 and 3 find is written down first, with the cursor, and read then: a crash in between loses nothing. A record's
number grows with time; times, which come without a zone, only decide where the very first round begins.
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import to_json

from clients.customgpt import CustomGPT
from clients.errors import NotFound
from receiver.intake import Refusal
from receiver.intake import polled as taken
from receiver.polling.publishing import Published
from receiver.polling.rounds import Round
from schemas.customgpt import Listed, Prompt, keeps_a_contact
from schemas.lenient import as_text
from store.polls import Conversation, Polled

log = structlog.get_logger()

# Records that are made durable together: a crash repeats so many at most.
_AT_ONCE: Final = 20
# The report is asked for days; the zone of its times is not documented.
_MARGIN: Final = timedelta(days=1)
# An answer that is still being written is waited for so long.
_WRITING: Final = timedelta(hours=1)
_MAX_NUMBER: Final = 2**63 - 1
# No platform makes so many records between two neighbours of a list: a number that far above is no measure of what is
# new, and would hide all that comes after it. If more stand there, the numbers have moved on.
_LEAP: Final = 10**9
_STRAYS: Final = 3
# The same of a list with nothing to compare to.
_FIRST: Final = 10**18
# New conversations of one round: they are held in memory.
_MOST: Final = 2_000


class Cursor(BaseModel):
    """How far the lists were read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Nothing from before is news: when this source was polled first, less its lookback.
    begun: datetime
    # The highest number of a conversation that was listed.
    newest: int | None = None
    swept_at: datetime | None = None


class AskCustomGPT:
    """One round of a project."""

    def __init__(self, client: CustomGPT) -> None:
        self._client = client
        # Numbers that were warned of.
        self._strays: frozenset[int] = frozenset()

    async def __call__(self, work: Round, polled: Polled) -> Published:
        """Ask for new conversations, for old ones that went on, and then for the messages of all of them."""
        now = work.clock()
        cursor = cursor_of(polled.cursor, now - work.source.poll.lookback)
        cursor, told = await self._list(work, cursor)
        if cursor.swept_at is None or now - cursor.swept_at >= work.source.poll.sweep:
            cursor, more = await self._sweep(work, cursor, now)
            told += more
        since, watched = now - work.source.poll.watch, work.source.poll.watched
        for conversation in await work.polls.waiting(work.source.name, since=since, watched=watched):
            told += await self._read(work, conversation, cursor)
        return told

    async def _list(self, work: Round, cursor: Cursor) -> tuple[Cursor, Published]:
        """Find new conversations: they wait to be read, and are events themselves."""
        new: list[Mapping[str, JsonValue]] = []
        listed: list[int | None] = []
        async with aclosing(self._client.conversation_records()) as records:
            async for item in records:
                listed.append(number_of(item))
                if _is_old(item, cursor) or len(new) >= _MOST:
                    break
                new.append(item)
        newest = highest(listed, cursor.newest)
        self._warn(work, [number for number in listed if number is not None and number > (newest or 0)])
        if not new and newest == cursor.newest:
            return cursor, Published()
        told = await self._published(work, new)
        # All of a new one is new; where the first round begins, times must decide.
        mark = None if cursor.newest is None else 0
        read = cursor.model_copy(update={"newest": newest})
        if len(new) >= _MOST:
            log.warning("poll.cut", source=work.source.name, count=len(new))
            read = read.model_copy(update={"swept_at": None})
        await self._note(work, [_seen(item, mark) for item in new if number_of(item) and _address(item)], read)
        return read, told

    def _warn(self, work: Round, strays: Collection[int]) -> None:
        if not self._strays.issuperset(strays):
            log.warning("poll.astray", source=work.source.name, count=len(strays))
        self._strays = frozenset(strays)

    async def _sweep(self, work: Round, cursor: Cursor, now: datetime) -> tuple[Cursor, Published]:
        """Find conversations that went on, by the report of the days since the last sweep."""
        latest = await self._reported(cursor, now)
        known = await work.polls.known(work.source.name, latest)
        behind = [
            one
            for number, one in known.items()
            if one.address is not None and (one.mark is None or one.mark < latest[number])
        ]
        swept = cursor.model_copy(update={"swept_at": now})
        found, missing = await self._listed(latest.keys() - known.keys())
        unreachable = [Conversation(number=number, address=None) for number in missing]
        if unreachable:
            log.warning("poll.unlisted", source=work.source.name, count=len(unreachable))
        told = await self._published(work, found)
        await self._note(work, [*behind, *unreachable, *map(_seen, found)], swept)
        return swept, told

    async def _reported(self, cursor: Cursor, now: datetime) -> dict[int, int]:
        """Conversation → the number of its latest question in the report."""
        latest: dict[int, int] = {}
        begin = (cursor.swept_at or cursor.begun) - _MARGIN
        async with aclosing(self._client.insights(begin, now + _MARGIN)) as rows:
            async for row in rows:
                number, prompt = _number(row.conversation_id), _number(row.prompt_id)
                if number is not None and prompt is not None and (row.at is None or row.at >= cursor.begun):
                    latest[number] = max(prompt, latest.get(number, 0))
        return latest

    async def _listed(self, wanted: "set[int]") -> tuple[list[Mapping[str, JsonValue]], set[int]]:
        """Find conversations of which only the number is known: those that are listed, and the others' numbers."""
        found: list[Mapping[str, JsonValue]] = []
        missing = set(wanted)
        if not missing:
            return found, missing
        async with aclosing(self._client.conversation_records()) as records:
            async for item in records:
                number = number_of(item)
                if number in missing and _address(item):
                    found.append(item)
                    missing.discard(number)
                if not missing or (number is not None and number < min(missing)):
                    break
        return found, missing

    async def _note(self, work: Round, conversations: Sequence[Conversation], cursor: Cursor) -> None:
        await work.polls.found(work.held, conversations, cursor=cursor.model_dump_json(), now=work.clock())

    async def _published(self, work: Round, items: Sequence[Mapping[str, JsonValue]]) -> Published:
        """Publish that conversations exist, the oldest first. Those that only keep contacts began nobody."""
        begun = [item for item in reversed(items) if not keeps_a_contact(as_text(item.get("name")))]
        return await _publish(work, [{"conversation": dict(item)} for item in begun])

    async def _read(self, work: Round, conversation: Conversation, cursor: Cursor) -> Published:
        """Publish what is new in a conversation, the oldest first, and move its mark behind each part."""
        told = Published()
        try:
            new = await self._new(conversation, cursor)
        except NotFound:
            # deleted, with its messages
            await work.polls.read(work.held, replace(conversation, address=None), pending=False, active_at=None)
            return told
        if not new and conversation.pending:
            await work.polls.read(work.held, conversation, pending=False, active_at=None)
        where: dict[str, JsonValue] = {"id": conversation.number, "session_id": conversation.address}
        unanswered = bool(new) and is_unanswered(new[-1], work.clock())
        for begin in range(0, len(new), _AT_ONCE):
            part, last = new[begin : begin + _AT_ONCE], begin + _AT_ONCE >= len(new)
            told += await _publish(work, [{"conversation": where, "message": dict(item)} for item in part])
            # A last record without an answer stays above the mark, and is read again.
            settled = part[:-1] if last and unanswered else part
            conversation = replace(conversation, mark=_highest(settled, conversation))
            await work.polls.read(
                work.held,
                conversation,
                pending=unanswered or not last,
                active_at=work.clock() if told.new else None,
            )
        return told

    async def _new(self, conversation: Conversation, cursor: Cursor) -> list[Mapping[str, JsonValue]]:
        """The records above the mark, the oldest first; of a conversation without one, those since the beginning."""
        new: list[Mapping[str, JsonValue]] = []
        async with aclosing(self._records(conversation)) as records:
            async for item in records:
                number = number_of(item)
                if conversation.mark is not None and number is not None and number <= conversation.mark:
                    break
                if conversation.mark is None and (at := _time(item)) is not None and at < cursor.begun:
                    break
                new.append(item)
        return new[::-1]

    def _records(self, conversation: Conversation) -> AsyncGenerator[Mapping[str, JsonValue]]:
        return self._client.message_records(conversation.address or "")


def cursor_of(text: str | None, begun: datetime) -> Cursor:
    """The cursor as it was kept, or that of a source that was never polled."""
    return Cursor(begun=begun) if text is None else Cursor.model_validate_json(text)


def number_of(item: Mapping[str, JsonValue]) -> int | None:
    """The number of a conversation or record; None if it has none that could be compared."""
    return _number(as_text(item.get("id")))


def is_unanswered(item: Mapping[str, JsonValue], now: datetime) -> bool:
    """Whether the answer of a record may still be written."""
    at = _time(item)
    return not item.get("openai_response") and (at is None or now - at < _WRITING)


def _highest(items: Sequence[Mapping[str, JsonValue]], conversation: Conversation) -> int | None:
    """The mark of a conversation when these records of it are durable."""
    return highest([number_of(item) for item in items], conversation.mark)


def highest(numbers: Iterable[int | None], known: int | None) -> int | None:
    """The number up to which a list was read: the highest one, but for a few that stand far above all others.

    Args:
        numbers: those of the list, None for what has none.
        known: the number up to which it was read before.
    """
    plausible = sorted({number for number in numbers if number is not None and number > (known or 0)})
    for _ in range(_STRAYS):
        below = plausible[-2] if len(plausible) > 1 else known
        if plausible and (plausible[-1] - below > _LEAP if below else plausible[-1] > _FIRST):
            plausible.pop()
    return plausible[-1] if plausible else known


async def _publish(work: Round, told: Sequence[dict[str, JsonValue]]) -> Published:
    """Take what the platform told through intake, part by part."""
    found, now = Published(), work.clock()
    for begin in range(0, len(told), _AT_ONCE):
        outcomes = [taken(work.source, to_json(one), work.topics, now) for one in told[begin : begin + _AT_ONCE]]
        for outcome in outcomes:
            if isinstance(outcome, Refusal):
                log.error("poll.refused", source=work.source.name, reason=outcome.reason, problem=outcome.problem.name)
        found += await work.publisher.publish(work.source, outcomes)
    return found


def _is_old(item: Mapping[str, JsonValue], cursor: Cursor) -> bool:
    number = number_of(item)
    if cursor.newest is not None:
        return number is not None and number <= cursor.newest
    at = _time(item)
    return at is not None and at < cursor.begun


def _seen(item: Mapping[str, JsonValue], mark: int | None = None) -> Conversation:
    return Conversation(number=number_of(item) or 0, address=_address(item), mark=mark)


def _address(item: Mapping[str, JsonValue]) -> str | None:
    return as_text(item.get("session_id"))


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_NUMBER)):
        return None
    number = int(text)
    return number if number <= _MAX_NUMBER else None


def _time(item: Mapping[str, JsonValue]) -> datetime | None:
    """When a conversation or record was made, as the platform's payload models read it."""
    model = Listed if "session_id" in item else Prompt
    try:
        return model.model_validate(item).created_at
    except ValidationError:
        return None
