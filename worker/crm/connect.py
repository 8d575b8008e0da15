"""The CRM that the settings name, made once a process."""

import os
from typing import Any, Final

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
    """Return the CRM; nothing is called yet. Other settings, or another process, make another one.

    Raises:
        Refused: none is configured.
        RulebookError: the mapping is wrong.

    """
    options = settings()
    key = (os.getpid(), name(), str(options.crm_url), options.crm_client_id, options.crm_client_secret,
           options.crm_username, options.crm_private_key, options.crm_token, options.crm_secret, options.crm_mapping)  # fmt: skip
    crm = _held.get(key)
    if crm is None:
        forget()
        crm = _held[key] = _make(name())
    return crm


#: The one connection of this process, by what it was made of.
_held: Final[dict[tuple[Any, ...], Crm]] = {}


def forget() -> None:
    """Connect anew at the next call."""
    _held.clear()


def _make(crm: str) -> Crm:
    # Imported here: a worker without a CRM carries none of the libraries in its memory.
    if crm == "salesforce":
        from worker.crm import salesforce, salesforce_api  # noqa: PLC0415

        return salesforce.SalesforceCrm(salesforce_api.Api(), load(crm))
    if crm == "hubspot":
        from worker.crm import hubspot, hubspot_api  # noqa: PLC0415

        return hubspot.HubspotCrm(hubspot_api.Api(), load(crm))
    from worker.crm import webhook  # noqa: PLC0415

    return webhook.WebhookCrm(load(crm))
