"""Scripted visitors: who they are, what they say and when."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from simulator.clock import Clock
from simulator.errors import RefusedError
from simulator.platforms import Platform

Line = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class Visitor(BaseModel):
    """Who talks to the bot. What is None the platform does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: str | None = Field(default=None, description="The site's own id of them.")
    name: str | None = Field(default=None, description="Their name.")
    email: str | None = Field(default=None, description="Their address.")
    phone: str | None = Field(default=None, description="Their number.")

    def metadata(self, source: str, *, introduced: bool) -> dict[str, Any]:
        """Return what goes with a message: before the visitor is introduced only `userId` and `source`."""
        known = {"userId": self.user_id, "source": source}
        if introduced:
            known |= {"name": self.name, "email": self.email, "phone": self.phone}
        return {key: value for key, value in known.items() if value is not None}


class Script(BaseModel):
    """A visitor says some lines, evenly spread over `over` seconds; the bot answers each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    visitor: Visitor = Field(default=Visitor(), description="Who talks; what is not given the platform does not know.")
    says: tuple[Line, ...] = Field(min_length=1, max_length=1_000, description="Their lines; the bot answers each.")
    over: float = Field(
        default=0.0, ge=0, le=86_400, allow_inf_nan=False, description="Seconds from the first line to the last."
    )
    source: str = Field(default="website_widget", description="`metadata.source` of each message.")
    bot_id: str | None = Field(default=None, description="The bot they talk to; one of the simulator's when not given.")
    conversation_id: str | None = Field(
        default=None, description="Goes on in this conversation; begins a new one when not given."
    )
    introduced_at: int = Field(
        default=0, ge=0, description="Name, e-mail and phone are known from this line on, counted from 0."
    )
    complete: bool = Field(default=False, description="Whether the conversation is resolved after the last answer.")


@dataclass(slots=True)
class Performance:
    """One script as it runs."""

    script: Script
    platform: str
    conversation_id: str | None = None
    said: int = 0
    done: bool = False
    # why the platform refused to go on
    error: str | None = None


async def perform(performance: Performance, platform: Platform, clock: Clock) -> None:
    """Play a script to its end; `performance` tells how far it is, and why it ended early if it did."""
    script = performance.script
    pause = script.over / (len(script.says) - 1) if len(script.says) > 1 else 0.0
    try:
        for number, line in enumerate(script.says):
            if number:
                await clock.sleep(pause)
            performance.conversation_id = platform.visitor_says(
                line,
                conversation_id=performance.conversation_id or script.conversation_id,
                metadata=script.visitor.metadata(script.source, introduced=number >= script.introduced_at),
                bot_id=script.bot_id,
            )
            performance.said += 1
    except RefusedError as error:
        performance.error = error.message
    if script.complete and performance.conversation_id is not None:
        platform.complete(performance.conversation_id)
    performance.done = True
