"""The only reader of the environment: every knob, with its unit and default."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Configuration; each field is the variable `TASUKI_` + its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TASUKI_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    #: PostgreSQL, as `postgresql://user:password@host:port/database`. Unset: started on this machine by `up`.
    database_url: SecretStr | None = None
    #: Redis or Valkey, as `redis://:password@host:port/0`. Unset: started on this machine by `up`.
    redis_url: SecretStr | None = None
    #: Folder of the servers that `up` and `demo` start.
    state_dir: Path | None = None
    #: Processes of one worker that judge, hand over, sweep and deliver.
    concurrency: Annotated[int, Field(ge=2, le=64)] = 3
    #: Entries of the stream judged in one transaction at most; a `batch` entry holds several events.
    batch_size: Annotated[int, Field(ge=1, le=5_000)] = 500
    #: Seconds after which a dead worker's unacknowledged events are taken over.
    claim_after_s: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    #: Seconds between two sweeps of the clocks in each worker.
    sweep_every_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    #: Seconds without progress, while there is work, after which a worker restarts itself.
    stall_after_s: Annotated[float, Field(gt=1, le=3_600)] = 60.0
    #: Mail server for notices, as `smtp://user:password@host:port` (`smtps://` for TLS from the start).
    smtp_url: SecretStr | None = None
    #: Sender of notices.
    mail_from: str = "tasuki@example.com"
    #: Receiver of every notice as a signed webhook (Standard Webhooks).
    webhook_url: AnyHttpUrl | None = None
    #: Its secret, `whsec_` and base64.
    webhook_secret: SecretStr | None = None
    #: Seconds that one delivery may take.
    delivery_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    #: `json` or `console`; unset: console on a terminal.
    log_format: Annotated[str | None, Field(pattern="^(json|console)$")] = None
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    #: For demo and tests: business time as `START|ORIGIN|RATE`, see `worker.now`.
    clock: str | None = None
    #: Called (GET) by `tasuki check` after a clean pass.
    heartbeat_url: AnyHttpUrl | None = None

    #: File (YAML) of the outside sources that are asked about companies; unset: none is.
    enrichment_file: Path | None = None
    #: Their secrets, as JSON: {"source": "token"}.
    enrichment_tokens: dict[str, SecretStr] = {}

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, value: SecretStr | None) -> SecretStr | None:
        """Name our driver, so that a plain postgres:// URL works."""
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
            msg = "must start with postgresql://"
            raise ValueError(msg)
        return SecretStr(f"postgresql+psycopg://{rest}")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings, read once a process."""
    return Settings()
