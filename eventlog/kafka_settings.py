"""`[eventlog.kafka]`: how to reach Kafka and how long to wait for it.

The defaults fit a receiver that answers within 3 s and handlers of any timeout.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.durations import Duration, Wait

KIB, MIB = 1024, 1024**2

# `socket.request.max.bytes` of a broker (https://kafka.apache.org/43/configuration/broker-configs/): a larger produce
# request ends the connection, and one request may carry everything that waits.
_REQUEST_LIMIT = 100 * MIB


class KafkaSettings(BaseModel):
    """How to reach Kafka, how long to wait for it, how much to hold for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How brokers are spoken to: SSL encrypts, SASL logs in."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How to log in, where the protocol says SASL."
    )
    sasl_username: str | None = Field(default=None, description="Who logs in.")
    sasl_password: SecretStr | None = Field(default=None, description="The password of that user.")
    ssl_cafile: Path | None = Field(default=None, description="The CA of the brokers; default: those of the system.")
    ssl_certfile: Path | None = Field(default=None, description="Our certificate, where brokers ask for one.")
    ssl_keyfile: Path | None = Field(default=None, description="The key of our certificate.")
    client_id: str = Field(default="hookline", min_length=1, description="What broker logs call us.")

    connect_timeout: Wait = Field(default=timedelta(seconds=3), description="One attempt to connect.")
    append_timeout: Wait = Field(
        default=timedelta(seconds=2.5), description="An append is durable or failed after it; keep it below 3 s."
    )
    commit_timeout: Wait = Field(default=timedelta(seconds=5), description="One commit, or asking for positions.")
    admin_timeout: Wait = Field(default=timedelta(seconds=10), description="Topics, offsets, positions of groups.")

    linger: Duration = Field(
        default=timedelta(0), description="A batch waits this long to fill; 0s: until the one before is acknowledged."
    )
    max_batch_bytes: int = Field(default=256 * KIB, ge=KIB, description="Bytes of a batch that has several records.")
    max_batch_records: int = Field(default=10_000, ge=1, description="Records of one batch.")
    max_message_bytes: int = Field(
        default=2 * MIB + 64 * KIB,
        ge=KIB,
        description="`max.message.bytes` of topics we create: at least twice the receiver's body limit plus 64 KiB.",
    )
    max_waiting_bytes: int = Field(default=64 * MIB, ge=MIB, description="Beyond it appends are refused at once.")
    max_waiting_records: int = Field(default=50_000, ge=1, description="Beyond it appends are refused at once.")

    session_timeout: Wait = Field(
        default=timedelta(seconds=30), description="A member silent for so long loses its partitions."
    )
    heartbeat_interval: Wait | None = Field(default=None, description="Default: a tenth of the session timeout.")
    rebalance_timeout: Wait | None = Field(
        default=None,
        description="Members get this long to finish work when partitions move; default: the handler's timeout and "
        "15s more, or 30s.",
    )
    silent_after: Wait = Field(
        default=timedelta(seconds=30),
        description="A member that alone hears nothing from Kafka for so long is renewed.",
    )

    replication_factor: int | None = Field(
        default=None, ge=1, description="Of topics we create; default 3, or all brokers where there are fewer."
    )
    min_insync_replicas: int | None = Field(
        default=None, ge=1, description="Of topics we create; default 2, or 1 where there are fewer than 3 replicas."
    )

    @property
    def heartbeat(self) -> timedelta:
        """Time between two heartbeats of a member."""
        return self.heartbeat_interval or self.session_timeout / 10

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        sasl = self.security_protocol.startswith("SASL")
        given = [name for name in ("sasl_mechanism", "sasl_username", "sasl_password") if getattr(self, name)]
        if sasl and len(given) < 3:  # noqa: PLR2004 - the three above
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_mechanism, sasl_username and sasl_password"
            )
        if given and not sasl:
            raise ValueError(
                f"{given[0]} has no effect with security_protocol {self.security_protocol}: "
                "set SASL_SSL (or SASL_PLAINTEXT), or remove it"
            )
        return self

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        given = [name for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile") if getattr(self, name)]
        if given and not self.security_protocol.endswith("SSL"):
            raise ValueError(
                f"{given[0]} has no effect with security_protocol {self.security_protocol}: "
                "set SSL or SASL_SSL, or remove it"
            )
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("ssl_keyfile needs ssl_certfile: the certificate that goes with the key")
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if not timedelta(0) <= self.linger < self.append_timeout / 2:
            raise ValueError("linger must be shorter than half of append_timeout: the rest is for the acknowledgement")
        if not self.heartbeat <= self.session_timeout / 3:
            raise ValueError(
                "heartbeat_interval must be at most a third of session_timeout, or one lost beat evicts us"
            )
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.max_batch_bytes > self.max_message_bytes:
            raise ValueError("max_batch_bytes must not exceed max_message_bytes: brokers measure whole batches")
        if self.max_waiting_bytes > _REQUEST_LIMIT - 4 * MIB:
            raise ValueError("max_waiting_bytes must stay below 96 MiB: a broker takes requests of 100 MiB at most")
        if self.max_waiting_bytes < 2 * self.max_message_bytes:
            raise ValueError("max_waiting_bytes must hold two records of max_message_bytes")
        if self.min_insync_replicas and self.min_insync_replicas > (self.replication_factor or 3):
            raise ValueError(
                "min_insync_replicas must not exceed replication_factor: nothing could ever be acknowledged"
            )
        return self
