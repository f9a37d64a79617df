"""`[receiver]` and `[sources.NAME]` of the configuration. Secrets come resolved: `env:` and `file:` are the CLI's."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from schemas.durations import PositiveDuration, Wait, Window

MIB = 1024 * 1024
_SHORTEST_ACK = timedelta(milliseconds=100)

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"\s*([0-9]{1,9})\s*/\s*(s|m|h)\s*")


class Rate(BaseModel):
    """So many deliveries in so many seconds, written `500/m`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deliveries: int = Field(ge=1)
    seconds: float = Field(gt=0)


def read_rate(value: object) -> object:
    """Read a rate.

    Raises:
        ValueError: the text is not a number and a unit.
    """
    if not isinstance(value, str):
        return value
    match = _RATE.fullmatch(value)
    if match is None:
        raise ValueError("not a rate. Write deliveries and a unit: 20/s, 500/m or 1000/h")
    return Rate(deliveries=int(match[1]), seconds=_UNITS[match[2]])


def _long_enough(value: timedelta) -> timedelta:
    if value < _SHORTEST_ACK:
        raise ValueError("must be at least 100ms: a disk or a broker takes some of it, and all would be answered 503")
    return value


class PollSettings(BaseModel):
    """`[sources.NAME.poll]`: how a platform that posts nothing is asked for news."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval: Wait = Field(default=timedelta(seconds=30), description="From one round to the next.")
    sweep: Wait = Field(
        default=timedelta(minutes=10),
        description="How often old conversations that go on are looked for, too: it asks for a report of days.",
    )
    watch: PositiveDuration = Field(
        default=timedelta(days=1),
        description="A conversation is asked for in each round so long after its last message.",
    )
    watched: int = Field(
        default=20,
        ge=0,
        le=1_000,
        description="So many of those at most, the latest; the others are found by the sweep.",
    )
    lookback: PositiveDuration = Field(
        default=timedelta(hours=1), description="The first round of a source begins so long ago; older news is left."
    )


class SourceSettings(BaseModel):
    """`[sources.NAME]`: one address that a platform posts to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    platform: str = Field(
        description="Who posts here: gptbots, mygptassistants, yourgpt, or standard for Standard Webhooks; or "
        "customgpt, which posts nothing and is asked."
    )
    secrets: tuple[SecretStr, ...] = Field(default=(), description="Any may match; the newest first.")
    token: SecretStr | None = Field(default=None, description="A secret in the path: POST /in/NAME/TOKEN.")
    verify: Literal["none"] | None = Field(default=None, description="none accepts what anybody posts.")
    confirm: bool | None = Field(
        default=None,
        description="Whether handlers read what an event says again at the platform before they act on it; if not set, "
        "they do where nothing is ever signed (yourgpt). It needs an account.",
    )
    verify_token: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="The word a platform repeats when it tries the address out by GET (Meta); else that is refused.",
    )
    account: str | None = Field(default=None, description="The account handlers use; that of the same name if not set.")
    public_url: str | None = Field(default=None, pattern=r"^https?://[^?#\s]+$", description="What the sender calls.")
    on_invalid: Literal["refuse", "accept"] | None = Field(
        default=None,
        description="How an authentic delivery that cannot be read is answered: 400 or 422, or 202. It is kept either "
        "way; without a word the platform's own way counts.",
    )
    rate: Annotated[Rate | None, BeforeValidator(read_rate)] = Field(
        default=None, description="Deliveries taken at most, such as 20/s, 500/m or 1000/h; more are answered 429."
    )
    body_limit: int | None = Field(
        default=None, ge=1, le=16 * MIB, description="Bytes of one body; else that of [receiver]."
    )
    dedupe_window: Window = Field(default=timedelta(days=7), description="How long a copy is known as one.")
    hashed_window: Window = Field(
        default=timedelta(minutes=15), description="The same for events that have no id but their body's hash."
    )
    ack_budget: Annotated[Wait, AfterValidator(_long_enough)] = Field(
        default=timedelta(seconds=3), description="The sender is answered within this time; 100ms at least."
    )
    status: int | None = Field(
        default=None, ge=200, le=299, description="The status of success; the platform's own (202, or 200) if not set."
    )
    answer: str | None = Field(default=None, max_length=1_000, description="The body of success, as plain text.")
    poll: PollSettings = Field(default=PollSettings(), description="How a platform is asked that posts nothing.")
    deliveries: bool = Field(default=True, description="Keep body and headers in the topic of deliveries.")


class ReceiverSettings(BaseModel):
    """`[receiver]`: where it listens, and its bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 is every IPv4 one.")
    port: int = Field(default=8787, ge=0, le=65_535, description="0 takes a free one.")
    body_limit: int = Field(default=MIB, ge=1, le=16 * MIB, description="Bytes of one body.")
    in_flight_bytes: int = Field(default=64 * MIB, ge=1, description="Bytes of bodies held; unfinished ones give way.")
    in_flight_requests: int = Field(default=1_024, ge=1, description="Requests worked on at once; more get 503.")
    connections: int = Field(default=4_096, ge=1, description="Open ones; for one more an unfinished one is closed.")
    headers: int = Field(default=128, ge=8, description="Headers of one request.")
    header_bytes: int = Field(default=8_190, ge=1_024, description="Bytes of one header, and of the request line.")
    header_timeout: Wait = Field(default=timedelta(seconds=10), description="A whole header is here by then.")
    body_timeout: Wait = Field(default=timedelta(seconds=10), description="Longer while min_body_rate is kept.")
    min_body_rate: int = Field(default=1_024, ge=1, description="Bytes a second.")
    write_timeout: Wait = Field(default=timedelta(seconds=10), description="A reader slower than this is cut off.")
    keepalive: Wait = Field(default=timedelta(seconds=75), description="An idle connection is kept so long.")
    drain: Wait = Field(default=timedelta(seconds=10), description="How long a stop waits for open requests.")
