"""The CRM that the settings name, made once a process."""

import os
from functools import lru_cache
from pathlib import Path

from schemas.errors import Refused
from worker.crm.base import Crm
from worker.crm.mapping import load
from worker.settings import settings


def name() -> str:
    """Return the connection's name.

    Raises:
        Refused: no CRM is configured.

    """
    if settings().crm == "none":
        raise Refused("no CRM is configured; set TASUKI_CRM to salesforce, hubspot or webhook")
    return settings().crm


def source() -> str:
    """Return the source under which the CRM's own events come in."""
    return settings().crm_source or name()


def connect() -> Crm:
    """Return the CRM; nothing is called yet.

    Raises:
        Refused: none is configured.
        RulebookError: the mapping is wrong.

    """
    options = settings()
    where = (
        str(options.crm_url),
        options.crm_client_id,
        options.crm_token,
        options.crm_secret,
        options.crm_client_secret,
    )
    return _connect(name(), options.crm_mapping, os.getpid(), hash(where))


@lru_cache(maxsize=1)
def _connect(crm: str, _mapping: Path | None, _pid: int, _where: int) -> Crm:
    # Imported here: a worker without a CRM carries none of the libraries in its memory.
    if crm == "salesforce":
        from worker.crm import salesforce, salesforce_api  # noqa: PLC0415

        return salesforce.SalesforceCrm(salesforce_api.api(), load(crm))
    if crm == "hubspot":
        from worker.crm import hubspot, hubspot_api  # noqa: PLC0415

        return hubspot.HubspotCrm(hubspot_api.api(), load(crm))
    from worker.crm import webhook  # noqa: PLC0415

    return webhook.WebhookCrm(load(crm))
