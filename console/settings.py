"""`[console]` of the configuration."""

from pydantic import BaseModel, ConfigDict, Field


class ConsoleSettings(BaseModel):
    """Where metrics and health are served. Keep it private: it tells names, counts and causes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    names: tuple[str, ...] = Field(
        default=(),
        description="Names with a dot by which it is called, such as hookline.example.internal: requests to others are "
        "refused, since a page of the web may have sent them. Addresses and names without a dot need none.",
    )
    port: int = Field(default=8788, ge=0, le=65_535, description="0 takes a free one.")
