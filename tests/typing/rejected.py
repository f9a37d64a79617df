"""What authors get wrong: mypy --strict rejects each marked line with the code in its mark, and no other line.

The marks are read by the test that runs mypy.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel

from hookline import ContactCreated, Context, Event, MessageCreated, MessageUpdated, Timer, handler
from hookline.clients import MyGPTAssistants, Sent


class AskConfig(BaseModel):
    after: str = "10m"


@asynccontextmanager
async def numbered(size: int) -> AsyncIterator[list[int]]:
    yield [size]


async def unmanaged(size: int) -> list[int]:
    return [size]


# 1. another event type in the annotation
@handler("r", on=MessageCreated)  # rejected: [arg-type]
async def another_type(event: Event[ContactCreated], ctx: Context) -> None: ...


# 2. `Timer` in `on` but not in the annotation
@handler("r", on=(MessageCreated, Timer))  # rejected: [arg-type]
async def forgotten_timer(event: Event[MessageCreated], ctx: Context) -> None: ...


# 3. `def` instead of `async def`
@handler("r", on=MessageCreated)  # rejected: [arg-type]
def not_async(event: Event[MessageCreated], ctx: Context) -> None: ...


# 4. no `ctx`
@handler("r", on=MessageCreated)  # rejected: [arg-type]
async def no_context(event: Event[MessageCreated]) -> None: ...


# 5. a type's name instead of its class
@handler("r", on="message.created")  # rejected: [call-overload] [untyped-decorator]
async def by_name(event: Event[MessageCreated], ctx: Context) -> None: ...


# 6. a list instead of a tuple
@handler("r", on=[MessageCreated, MessageUpdated])  # rejected: [call-overload] [untyped-decorator]
async def in_a_list(event: Event[MessageCreated | MessageUpdated], ctx: Context) -> None: ...


# 7. a class that is no event
@handler("r", on=int)  # rejected: [type-var] [arg-type]
async def no_event(event: Event[MessageCreated], ctx: Context) -> None: ...


# 8. `Context[X]` without `config=X`
@handler("r", on=MessageCreated)  # rejected: [arg-type]
async def undeclared_config(event: Event[MessageCreated], ctx: Context[AskConfig]) -> None: ...


# 9. a handler that returns a value
@handler("r", on=MessageCreated)  # rejected: [arg-type]
async def returns_a_value(event: Event[MessageCreated], ctx: Context) -> int:
    return 1


@handler("r", on=(MessageCreated, Timer))
async def inside(event: Event[MessageCreated | Timer], ctx: Context) -> None:
    # 10. a field before narrowing
    event.data.role  # rejected: [union-attr]
    account = ctx.account()
    # 11. a platform's own method on a plain account
    await account.quick_send("hello")  # rejected: [attr-defined]
    # 12. a plain account where a platform's is needed
    theirs: MyGPTAssistants = ctx.account()  # rejected: [assignment]
    # 13. a bare number where a duration with its unit is needed
    await ctx.schedule("ask", after=600)  # rejected: [arg-type]
    # 14. `once`'s result without `returns=`
    sent = await ctx.once("send", lambda: account.send(event.key, "hello"))  # rejected: [func-returns-value]
    # 15. a wrong `returns=`
    wrong: Sent = await ctx.once("send", lambda: account.send(event.key, "hello"), returns=int)  # rejected: [arg-type]
    # 16. a missing `await`
    ctx.schedule("ask", after="10m")  # rejected: [unused-coroutine]
    # 17. assigning `event.data`
    event.data = Timer(name="x", due=event.time)  # rejected: [misc]
    # 18. a config field without a config
    ctx.config.after  # rejected: [attr-defined]
    # 19. an argument that what is shared is not made of
    await ctx.shared(numbered, "10")  # rejected: [arg-type]
    # 20. another type than that of what is shared
    text: str = await ctx.shared(numbered, 10)  # rejected: [arg-type]
    # 21. what cannot be left
    await ctx.shared(unmanaged, 10)  # rejected: [arg-type]
    # 22. what is another one each time
    await ctx.shared(numbered(10))  # rejected: [arg-type]
