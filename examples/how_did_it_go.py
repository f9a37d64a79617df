"""Ask how it went, ten minutes after a visitor's last message."""

from hookline import Context, Event, MessageCreated, Timer, handler


@handler("how-did-it-go", on=(MessageCreated, Timer), timeout="20s")
async def how_did_it_go(event: Event[MessageCreated | Timer], ctx: Context) -> None:
    """Ask how it went, ten minutes after a visitor's last message."""
    if isinstance(event.data, Timer):
        text = "How did it go?"
        await ctx.once(
            "ask",
            lambda: ctx.account().send(event.key, text),
            probe=lambda: ctx.account().said(event.key, text, since=event.time),
            shows_within="2m",
        )
    elif event.data.role == "user":
        await ctx.schedule("ask", after="10m")  # the same name on the same key: a newer message moves it
