"""`[collector]`: how the endpoint is told what to do."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class CollectorSettings(BaseModel):
    """The REST endpoint for run events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8787, ge=1, le=65535, description="The port to listen on.")
    tokens: tuple[SecretStr, ...] = Field(
        default=(),
        description="Bearer tokens that may send; in the environment separated by commas.",
    )
    tokens_file: Path | None = Field(
        default=None,
        description="A file of tokens or their hashes, one per line with its team, read again when "
        "it changes; `observatory collector --new-token TEAM` makes a line.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        examples=["/etc/observatory/collector.pem"],
        description="Certificate chain (PEM) to serve https with.",
    )
    tls_key: Path | None = Field(
        default=None,
        examples=["/run/secrets/collector.key"],
        description="The certificate's private key (PEM).",
    )
    events_per_s: float = Field(
        default=5_000.0,
        gt=0,
        allow_inf_nan=False,
        description="How many events a token may send, per second over half a minute.",
    )
    max_clock_ahead_s: int = Field(
        default=900,
        ge=0,
        description="An event dated further ahead of the collector's clock is refused.",
    )
    remember_events: int = Field(
        default=5_000_000,
        ge=1_000,
        description="Of at least so many of the last events a replay is recognised.",
    )
    segment_mib: int = Field(
        default=32, ge=1, le=1024, description="A segment of this size is handed over, in MiB."
    )
    segment_s: int = Field(
        default=3600,
        ge=1,
        description="A segment of this age is handed over, in seconds; a night that can write to "
        "the inbox takes it whatever its age.",
    )

    @field_validator("tokens", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
