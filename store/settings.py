"""`[store]` of the configuration."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from schemas.durations import Duration
from store.database import DEADLINE


class StoreSettings(BaseModel):
    """Where state is kept that is not a log."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    # The CLI gives the default, a file in the data folder, because only it knows the folder.
    url: SecretStr | None = Field(
        default=None,
        description="postgresql://user@host/database or sqlite:///file; by default {data}/state.db."
        " Secret, for it may hold a password.",
    )
    connections: int | None = Field(
        default=None, ge=1, le=100, description="At most so many at once and process; by default 10, SQLite 4."
    )
    deadline: Duration = Field(
        default=DEADLINE, gt=timedelta(milliseconds=100), description="Every call is over by then, done or not."
    )
