"""Handlers as authors write them: mypy --strict accepts each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import ClientSession
from pydantic import BaseModel

from hookline import (
    Account,
    AccountName,
    ContactCreated,
    ContactUpdated,
    Context,
    ConversationCompleted,
    ConversationCreated,
    ConversationUpdated,
    Data,
    Duration,
    Event,
    GiveUp,
    Handler,
    HandoffClosed,
    HandoffRequested,
    Identity,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    NoConfig,
    RetryLater,
    Timer,
    Unavailable,
    handler,
)
from hookline.clients import MyGPTAssistants, NotFound, Sent


class AskConfig(BaseModel):
    after: Duration = timedelta(minutes=10)
    account: AccountName = "support"


@handler("how-did-it-go", on=(MessageCreated, Timer), timeout="20s")
async def how_did_it_go(event: Event[MessageCreated | Timer], ctx: Context) -> None:
    if isinstance(event.data, Timer):
        text, account = "How did it go?", ctx.account()
        await ctx.once("ask", lambda: account.send(event.key, text))
        probe = lambda: account.said(event.key, text, since=event.time)  # noqa: E731 - as one writes it in the call
        await ctx.once("ask", lambda: account.send(event.key, text), probe=probe, shows_within="2m")
    elif event.data.role == "user":
        await ctx.schedule("ask", after="10m")


@handler("one", on=MessageCreated)
async def one(event: Event[MessageCreated], ctx: Context) -> None:
    text: str = event.data.content
    ctx.log.info(text)


@handler("configured", on=MessageCreated, config=AskConfig, timeout=timedelta(seconds=5))
async def configured(event: Event[MessageCreated], ctx: Context[AskConfig]) -> None:
    after: timedelta = ctx.config.after
    await ctx.schedule("ask", after=after, data={"said": event.data.content})
    await ctx.cancel("ask")


@handler("three", on=(MessageCreated, MessageUpdated, Timer))
async def three(event: Event[MessageCreated | MessageUpdated | Timer], ctx: Context) -> None:
    match event.data:
        case Timer(name=name):
            ctx.log.info(name)
        case MessageCreated() | MessageUpdated() as message:
            ctx.log.info(message.content)


@handler("six", on=(MessageCreated, MessageUpdated, MessageDeleted, ContactCreated, ContactUpdated, Timer))
async def six(
    event: Event[MessageCreated | MessageUpdated | MessageDeleted | ContactCreated | ContactUpdated | Timer],
    ctx: Context,
) -> None: ...


@handler(
    "more-than-six",
    on=(
        MessageCreated,
        MessageUpdated,
        ConversationCreated,
        ConversationUpdated,
        ConversationCompleted,
        HandoffRequested,
        HandoffClosed,
    ),
    config=AskConfig,
)
async def more_than_six(event: Event[Data], ctx: Context[AskConfig]) -> None: ...


@handler("wider", on=(MessageCreated, Timer))
async def wider(event: Event[Data], ctx: Context) -> None:
    if isinstance(event.data, MessageCreated):
        ctx.log.info(event.data.content)


@handler("outside", on=MessageCreated)
async def outside(event: Event[MessageCreated], ctx: Context) -> None:
    account: Account = ctx.account()
    theirs: MyGPTAssistants = ctx.account("support", platform=MyGPTAssistants)
    await theirs.quick_send("hello")

    async def look() -> Sent | None:
        return None

    sent: Sent = await ctx.once("send", lambda: account.send(event.key, "hello"), returns=Sent, probe=look)
    if sent.message_id is None:
        raise RetryLater("the platform is slow", after="1m")
    if sent.conversation_id is None:
        raise Unavailable("crm", "it answered 503", after="1m", nothing_happened=True)
    if not await ctx.allow("day", event.key, limit=3, per="1d"):
        raise GiveUp("enough")
    try:
        await account.get_contact("u1")
    except NotFound:
        contact = await ctx.contacts.save(
            Identity(source=event.source, platform=event.platform, id="u1"), at=event.time, name="Ada"
        )
        await ctx.contacts.publish(contact.id)
    await ctx.publish(event.data, key=event.key)


@asynccontextmanager
async def numbered(config: AskConfig, size: int = 10) -> AsyncIterator[list[int]]:
    yield [size, config.after.seconds]


def session() -> ClientSession:
    return ClientSession(base_url="https://crm")


@handler("sharing", on=MessageCreated, config=AskConfig)
async def sharing(event: Event[MessageCreated], ctx: Context[AskConfig]) -> None:
    numbers: list[int] = await ctx.shared(numbered, ctx.config)
    more: list[int] = await ctx.shared(numbered, ctx.config, 20)
    ours: ClientSession = await ctx.shared(session)
    plain: ClientSession = await ctx.shared(ClientSession)
    async with ours.get("/notes"), plain.get(f"https://crm/{numbers + more}"):
        ctx.log.info(event.id)


named: Handler[MessageCreated | Timer, NoConfig] = how_did_it_go
