"""`[console]` of the configuration."""

from pydantic import BaseModel, ConfigDict, Field


class ConsoleSettings(BaseModel):
    """Where metrics and health are served. Keep it private: it tells names, counts and causes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8788, ge=0, le=65_535, description="0 takes a free one.")
