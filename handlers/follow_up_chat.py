"""Write once more when a conversation went silent, was completed, or a word fell that asks for it.

The platform posts our own message back as an event, and its bot answers it. So messages of ours are recognised, and
before one is sent the conversation is read: who has been followed up since their last word is left in peace.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from string import Formatter
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from clients.abilities import is_reachable
from clients.account import Account, ChatMessage, Sent
from clients.errors import NotFound, NotSupported
from handlers.api import Context, GiveUp, go_without, handler
from schemas.contacts import Identity
from schemas.durations import Duration
from schemas.events import ConversationCompleted, Event, MessageCreated, Timer
from schemas.own import is_marked

TIMER = "follow-up"

_SPACE = re.compile(r"\s+")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")
# Clocks of a platform and ours may differ by so much.
_SKEW = timedelta(minutes=1)
# Letters of a name that are used: it is a stranger's text.
_NAME = 80
# Below so many letters a template could match what a visitor writes.
_LETTERS = 8


class QuietHours(BaseModel):
    """A part of the day, perhaps over midnight, written `22:00-08:00`."""

    model_config = ConfigDict(frozen=True)

    begin: time
    end: time

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.begin == self.end:
            raise ValueError("write two different times of the day: 22:00-08:00")
        return self

    def until(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet that lies over a moment ends; None outside of it."""
        local = now.astimezone(zone)
        for day in (local.date() - timedelta(days=1), local.date()):
            begin = datetime.combine(day, self.begin, zone)
            last = day if self.begin < self.end else day + timedelta(days=1)
            end = datetime.combine(last, self.end, zone)
            # In UTC: two local times of one zone are compared by their clocks, which go back once a year.
            if begin.astimezone(UTC) <= now < end.astimezone(UTC):
                return end.astimezone(UTC)
        return None


def _quiet(value: object) -> object:
    if not isinstance(value, str):
        return value
    begin, dash, end = value.partition("-")
    if not dash:
        raise ValueError("write two different times of the day: 22:00-08:00")
    times = {"begin": begin.strip(), "end": end.strip()}
    if not all(_CLOCK.fullmatch(one) for one in times.values()):
        raise ValueError("write two times of the day from 00:00 to 23:59 with a dash between them: 22:00-08:00")
    return times


class FollowUp(BaseModel):
    """`[handlers.follow-up-chat]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str = Field(
        description=f"What is sent; {{name}} is the contact's name. It has at least {_LETTERS} letters beside that."
    )
    after: Duration = Field(default=timedelta(minutes=30), description="How long after what `when` names.")
    when: tuple[Literal["silence", "completed", "keyword"], ...] = Field(
        default=("silence",),
        min_length=1,
        description="What asks for one: no word after an assistant's answer, a completed conversation, a keyword.",
    )
    keywords: tuple[str, ...] = Field(default=(), description='Words of a visitor that ask for it, for "keyword".')
    unnamed: str = Field(default="there", description="Stands for {name} where nobody knows it.")
    limit: int = Field(default=1, ge=1, description="Follow-ups to one contact in a day (UTC).")
    quiet: Annotated[QuietHours, BeforeValidator(_quiet)] | None = Field(
        default=None, description="Hours of the day without follow-ups, such as 22:00-08:00: they wait until its end."
    )
    timezone: str = Field(default="UTC", description="Where `quiet` counts, such as Europe/Berlin.")
    max_age: Duration = Field(default=timedelta(hours=1), description="Events and timers older than this do nothing.")
    shows_within: Duration = Field(
        default=timedelta(minutes=2),
        description="A message whose answer was lost is looked for in the history for so long before it is sent again.",
    )

    @field_validator("message")
    @classmethod
    def _template(cls, value: str) -> str:
        parts = list(Formatter().parse(value))
        if any(field not in (None, "name") or spec or conversion for _, field, spec, conversion in parts):
            raise ValueError("the only placeholder is {name}; a brace itself is written twice")
        if sum(field == "name" for _, field, *_ in parts) > 1:
            raise ValueError("{name} may stand in it once")
        if sum(letter.isalnum() for literal, *_ in parts for letter in literal) < _LETTERS:
            raise ValueError(f"needs at least {_LETTERS} letters beside {{name}}, to be told from what visitors write")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is no time zone of the IANA database, such as Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _words(self) -> Self:
        if ("keyword" in self.when) != bool(self.keywords):
            raise ValueError('"keyword" in `when` and `keywords` belong together')
        return self

    def text(self, name: str | None) -> str:
        """The message to one contact."""
        return self.message.format(name=_folded(name or "")[:_NAME] or self.unnamed)

    def asked_for(self, content: str) -> bool:
        """Whether a visitor's words contain a keyword, as whole words in any case."""
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", content, re.IGNORECASE) for word in self.keywords)

    def wants(self, message: ChatMessage) -> bool:
        """Whether a message of the platform's own history asks for a follow-up."""
        if self.is_ours(message.content):
            return False
        if message.role == "user":
            return self.asked_for(message.content)
        return message.role == "assistant" and "silence" in self.when

    def is_ours(self, content: str) -> bool:
        """Whether a text is this message to anybody."""
        parts = Formatter().parse(self.message.strip())
        pattern = "".join(re.escape(_SPACE.sub(" ", literal)) + (".*" if field else "") for literal, field, *_ in parts)
        return re.fullmatch(pattern, _folded(content)) is not None


@handler("follow-up-chat", on=(MessageCreated, ConversationCompleted, Timer), config=FollowUp, timeout="90s")
async def follow_up_chat(event: Event[MessageCreated | ConversationCompleted | Timer], ctx: Context[FollowUp]) -> None:
    """Write once more after silence, a completed conversation, or a keyword."""
    match event.data:
        case Timer():
            await _fire(event, event.data, ctx)
        case MessageCreated() as message if _sent_by_us(message, ctx.config):
            pass
        case MessageCreated(role="user") as message if ctx.config.asked_for(message.content):
            await _schedule(event, message, ctx)
        case MessageCreated(role="assistant") as message if "silence" in ctx.config.when:
            await _schedule(event, message, ctx)
        case MessageCreated(role="user" | "agent"):
            await ctx.cancel(TIMER)
        case ConversationCompleted() as completed if "completed" in ctx.config.when:
            await _schedule(event, completed, ctx)
        case ConversationCompleted():
            await ctx.cancel(TIMER)


async def _schedule(
    event: Event[MessageCreated | ConversationCompleted | Timer],
    about: MessageCreated | ConversationCompleted,
    ctx: Context[FollowUp],
) -> None:
    if ctx.now - event.time > ctx.config.max_age or event.origin == "handler" or not await _has_account(event, ctx):
        return
    # Of a hint only the message's id is believed: it is looked up when the timer fires.
    contact = None if event.unconfirmed else about.contact
    known = {
        "unconfirmed": event.unconfirmed,
        "contact": contact.id if contact else None,
        "name": contact.name[:_NAME] if contact and contact.name else None,
        "message": about.message_id if isinstance(about, MessageCreated) else None,
    }
    await ctx.schedule(TIMER, after=ctx.config.after, data={name: value for name, value in known.items() if value})


async def _fire(
    event: Event[MessageCreated | ConversationCompleted | Timer], timer: Timer, ctx: Context[FollowUp]
) -> None:
    config, conversation = ctx.config, timer.conversation_id
    if conversation is None or ctx.now - timer.due > config.max_age:
        ctx.log.info("followup.skipped", reason="it is too late", due=timer.due.isoformat())
        return
    if config.quiet is not None and (end := config.quiet.until(ctx.now, ZoneInfo(config.timezone))) is not None:
        await ctx.schedule(TIMER, after=end - timer.due, data=timer.data)
        ctx.log.info("followup.skipped", reason="quiet hours: it is put off", until=end.isoformat())
        return
    try:
        await _write(event, timer, conversation, ctx)
    except NotFound as error:
        # There is nobody to write to. Its text says what the platform was asked, and to check the bot.
        ctx.log.warning("followup.skipped", reason="the platform does not know the conversation", cause=str(error))


async def _write(
    event: Event[MessageCreated | ConversationCompleted | Timer],
    timer: Timer,
    conversation: str,
    ctx: Context[FollowUp],
) -> None:
    config, account = ctx.config, ctx.account()
    if (reason := await _superseded(account, conversation, timer, ctx)) is not None:
        ctx.log.info("followup.skipped", reason=reason)
        return
    person, name = await _contact(event, timer, ctx)
    if not await ctx.allow("day", person, limit=config.limit, per="1d"):
        ctx.log.info("followup.skipped", reason="the contact has had enough of them today")
        return
    text = config.text(name)
    await ctx.once(
        "send",
        lambda: account.send(conversation, text),
        returns=Sent,
        probe=lambda: account.said(conversation, text, since=timer.due),
        shows_within=config.shows_within,
    )
    ctx.log.info("followup.sent", account=account.name)


async def _contact(
    event: Event[MessageCreated | ConversationCompleted | Timer], timer: Timer, ctx: Context[FollowUp]
) -> tuple[str, str | None]:
    """Whom the cap protects, and their name: one person over all sources, where we know them."""
    told, name = timer.data.get("contact"), timer.data.get("name")
    if timer.data.get("unconfirmed") and timer.conversation_id is not None:
        told, name = await _who(ctx, timer.conversation_id)
    if not isinstance(told, str):
        return f"conversation/{event.source}/{event.key}", name if isinstance(name, str) else None
    identity = Identity(source=event.source, platform=event.platform, id=told)
    contact = await ctx.contacts.find(identity=identity)
    if contact is None:
        return f"contact/{event.source}/{told}", name if isinstance(name, str) else None
    return f"contact/{contact.id}", name if isinstance(name, str) else contact.name


async def _who(ctx: Context[FollowUp], conversation: str) -> tuple[str | None, str | None]:
    """Id and name of whom a conversation is with, as the platform tells, if it does."""
    account = ctx.account()
    try:
        contact = await account.contact_of(conversation)
    except NotFound:
        return None, None
    except NotSupported as error:
        await go_without(ctx, account, error)
        return None, None
    return (contact.id, contact.name[:_NAME] if contact.name else None) if contact else (None, None)


async def _superseded(account: Account, conversation: str, timer: Timer, ctx: Context[FollowUp]) -> str | None:
    """Why nothing is to be sent, as the platform's own history tells; None if nothing speaks against it."""
    config = ctx.config
    hint = bool(timer.data.get("unconfirmed"))
    history: Sequence[ChatMessage]
    try:
        history = _oldest_first([message async for message in account.history(conversation)])
    except NotSupported as error:
        # the timer was cancelled by what we were told, and the cap holds the rest
        await go_without(ctx, account, error)
        return "nobody signed what asked for it, and the platform cannot be asked" if hint else None
    except NotFound:
        if not hint:
            raise
        history = ()
    ours = [number for number, message in enumerate(history) if config.is_ours(message.content)]
    theirs = [number for number, message in enumerate(history) if message.role == "user" and number not in ours]
    setter = next((number for number, message in enumerate(history) if message.id == timer.data.get("message")), None)
    if hint and (setter is None or not config.wants(history[setter])):
        return "nobody signed what asked for it, and the platform does not show it"
    if any(_is_of(timer, history[number]) if setter is None else number > setter for number in ours):
        # Whatever its answer was: a platform that counts late says 429 to what it took.
        return "an earlier attempt has sent it"
    if ours and (not theirs or ours[-1] > theirs[-1]):
        return "the visitor has not answered the last one"
    if setter is not None and any(number > setter for number in theirs):
        return "the visitor has written since"
    return None


def _oldest_first(history: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """A history by the times of its messages, if all have one: some platforms give the newest first."""
    times = [message.at for message in history if message.at is not None]
    if len(times) < len(history) or not times:
        return history
    given = list(zip(times, history, strict=True))
    # Equal times keep the platform's order, and that may run backwards.
    given = given[::-1] if times[0] > times[-1] else given
    return [message for _, message in sorted(given, key=lambda one: one[0])]


def _is_of(timer: Timer, message: ChatMessage) -> bool:
    """Whether a message of ours is the one that a timer asks for, by its time."""
    return message.at is not None and message.at >= timer.due - _SKEW


async def _has_account(event: Event[MessageCreated | ConversationCompleted | Timer], ctx: Context[FollowUp]) -> bool:
    """Whether there is anything to send with; if not, somebody is told once a day, not with every message."""
    try:
        ctx.account()
    except GiveUp as error:
        if not is_reachable(event.platform):
            if await ctx.allow("no-client", event.source, limit=1, per="30d"):
                reason = f"{event.platform} is inbound only: hookline has no client of it, so nobody can answer there"
                ctx.log.info("followup.skipped", reason=reason)
        elif await ctx.allow("no-account", event.source, limit=1, per="1d"):
            ctx.log.warning(
                "followup.skipped",
                reason=error.reason,
                fix=f'add a section [accounts.{event.source}] to hookline.toml, or account = "NAME" of one to '
                f"[sources.{event.source}]; or leave the source out of this entry's `sources`",
            )
        return False
    return True


def _sent_by_us(message: MessageCreated, config: FollowUp) -> bool:
    """Whether a message is one of ours that the platform posts back: by its mark, or by its words."""
    return is_marked(message.extra.get("metadata"), message.content) or config.is_ours(message.content)


def _folded(text: str) -> str:
    """A text without what platforms may do to its white space."""
    return _SPACE.sub(" ", text.strip())
