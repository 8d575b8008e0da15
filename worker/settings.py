"""The only reader of the environment: every knob, with its unit and default."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

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
    #: Receiver on the MA platform's side of enrol, move and stop, as signed webhooks. Unset: none is written.
    ma_url: AnyHttpUrl | None = None
    #: Its secret, `whsec_` and base64.
    ma_secret: SecretStr | None = None
    #: Address at which reps reach `tasuki web`, such as `https://tasuki.example.com`. Unset: no links in mail.
    public_url: AnyHttpUrl | None = None
    #: Days for which a link in a mail can be used.
    link_days: Annotated[int, Field(ge=1, le=366)] = 14
    #: Address and port on which `tasuki web` listens.
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=1, le=65_535)] = 8321
    #: Proxies (addresses or networks, by commas) whose X-Forwarded-For and -Proto count. Unset: nobody's do.
    web_proxies: str | None = None
    #: File that says which platforms may send webhooks, and with which secrets and mappings. Unset: none may.
    sources: Path | None = None
    #: Requests a second that one token may send to /v1/events, and to /v1/outcomes; twice as many at once.
    token_per_second: Annotated[float, Field(gt=0, le=1_000_000)] = 5_000.0
    #: Folder in which accepted events wait while Valkey is away. Unset: `spool` in the state folder.
    spool_dir: Path | None = None
    #: Megabytes that the folder may hold; once it is full, senders are told to come again.
    spool_mb: Annotated[int, Field(ge=1, le=100_000)] = 256
    #: Days for which the raw bytes of what was not understood are kept.
    quarantine_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    #: Seconds that one delivery may take.
    delivery_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    #: Lets notices go to private addresses and by plain http: for receivers on this machine, never in production.
    allow_private_receivers: bool = False
    #: Web proxy that notices to HTTP receivers and calls to the CRM go through, as `http://proxy:3128`; it then does the resolving.
    notice_proxy_url: AnyHttpUrl | None = None
    #: The CRM that is kept up to date, or `none`.
    crm: Literal["none", "salesforce", "hubspot", "webhook"] = "none"
    #: Salesforce: the org's My Domain. Webhook: the receiver. HubSpot: another address than its own, for a gateway.
    crm_url: AnyHttpUrl | None = None
    #: Salesforce: the connected app's consumer key.
    crm_client_id: str | None = None
    #: Salesforce: its consumer secret (client credentials flow).
    crm_client_secret: SecretStr | None = None
    #: Salesforce: the user to act as, with `crm_private_key` (JWT bearer flow).
    crm_username: str | None = None
    #: Salesforce: the private key (PEM) of the certificate in the connected app.
    crm_private_key: SecretStr | None = None
    #: HubSpot: the private app's access token.
    crm_token: SecretStr | None = None
    #: Webhook: the receiver's secret, `whsec_` and base64.
    crm_secret: SecretStr | None = None
    #: A YAML file that changes what is written to which field; see docs/crm.md.
    crm_mapping: Path | None = None
    #: The source under which the CRM's own events come in; unset: the CRM's name.
    crm_source: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")] = None
    #: Calls to the CRM in a day (UTC) at most; other programs share the CRM's own limit.
    crm_daily_calls: Annotated[int, Field(ge=10, le=10_000_000)] = 10_000
    #: Calls to the CRM in a second at most, all workers together.
    crm_calls_per_s: Annotated[float, Field(gt=0, le=100)] = 4.0
    #: Whether the CRM's address may lie in a private network (a gateway of your own).
    crm_private_network: bool = False
    #: Address under which your own pages of leads stand (as /leads/1000), for links in CRM records.
    crm_console_url: AnyHttpUrl | None = None
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

    @field_validator("public_url")
    @classmethod
    def _is_a_base(cls, value: AnyHttpUrl | None) -> AnyHttpUrl | None:
        """Take an address to which a path can be added."""
        if value is not None and (value.query or value.fragment or value.username):
            raise ValueError("must have no user, no query and no fragment")
        return value

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


#: Where the addresses and tokens of channels stand that team.yaml names, as TASUKI_CHANNEL_SALES_SLACK or
#: TASUKI_CHANNEL_CHATWORK_TOKEN.
CHANNEL_PREFIX: Final = "TASUKI_CHANNEL_"


def channel_secret(variable: str) -> str | None:
    """Return what a channel's variable holds, or the file that `<variable>_FILE` names; None when neither is set.

    Raises:
        ValueError: the name does not begin as a channel's must.
        OSError: the file cannot be read.

    """
    if not variable.startswith(CHANNEL_PREFIX):
        raise ValueError(f"{variable} is no channel's variable")
    if value := os.environ.get(variable, "").strip():
        return value
    file = os.environ.get(f"{variable}_FILE", "").strip()
    return (Path(file).read_text(encoding="utf-8").strip() or None) if file else None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings, read once a process."""
    return Settings()
