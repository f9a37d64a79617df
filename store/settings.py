"""`[store]` of the configuration."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from schemas.durations import Wait
from store.addresses import address
from store.errors import StoreMisconfigured

DEADLINE = timedelta(seconds=5)


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
    deadline: Wait = Field(default=DEADLINE, description="Every call is over by then, done or not; above 100ms.")

    @field_validator("url")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                address(value.get_secret_value())
            except StoreMisconfigured as error:
                raise ValueError(str(error)) from None  # its cause may quote the password
        return value

    @field_validator("deadline")
    @classmethod
    def _long_enough(cls, value: timedelta) -> timedelta:
        if value <= timedelta(milliseconds=100):
            raise ValueError("must be longer than 100ms: a call over the network takes some of it")
        return value
