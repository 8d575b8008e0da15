"""HubSpot: contacts by id, a hundred in a request (CRM API v3, POST /crm/v3/objects/contacts/batch/read)."""

import json
from collections.abc import Sequence
from typing import Final

import httpx2

from worker.intake.adapters.hubspot import READ_PROPERTIES
from worker.intake.readers.shape import ReadBack, ask, document

API: Final = "https://api.hubapi.com"
#: Objects of one request (HubSpot's limit for a batch read).
MOST: Final = 100


def read(client: httpx2.Client, api: str, secrets: Sequence[str], ids: Sequence[str]) -> ReadBack:
    """Read contacts; 200 gives all, 207 those that are there."""
    answer = ask(
        client, "POST", f"{api}/crm/v3/objects/contacts/batch/read",
        headers={"Authorization": f"Bearer {secrets[0]}"},
        json={"properties": list(READ_PROPERTIES), "inputs": [{"id": one} for one in ids]},
    )  # fmt: skip
    results = document(answer).get("results")
    found = ReadBack(missing=set(ids))
    contacts = [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    for contact in contacts:
        found.read.add(str(contact.get("id")))
        found.missing.discard(str(contact.get("id")))
    if contacts:
        found.payloads.append(json.dumps({"contacts": contacts}, ensure_ascii=False).encode())
    return found
