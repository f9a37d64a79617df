"""One contact per person: what the store keeps, handlers read and the snapshot topic tells."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Identity(BaseModel):
    """One id under which one source knows a person."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    source: str
    platform: str
    id: str


class Contact(BaseModel):
    """One person, under our own id, with the ids the sources know them by."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    identities: tuple[Identity, ...] = ()
    # Grows by one with every change.
    version: int = 0
    # The time of the event that changed it last: an older event changes nothing it has set.
    updated_at: datetime
