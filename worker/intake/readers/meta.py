"""Meta Lead Ads: one lead by its leadgen_id (Graph API, GET /LEADGEN_ID)."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import httpx2

from worker.intake.readers.shape import ReadBack, ask, document

API: Final = "https://graph.facebook.com/v21.0"
MOST: Final = 1
_FIELDS: Final = "id,created_time,ad_id,form_id,campaign_name,platform,field_data"
_NOT_FOUND: Final = 404


def read(client: httpx2.Client, api: str, secrets: Sequence[str], ids: Sequence[str]) -> ReadBack:
    """Read a lead; the token goes into a header, so that no log of an address holds it."""
    found = ReadBack()
    for one in ids:
        answer = ask(
            client, "GET", f"{api}/{quote(one, safe='')}", params={"fields": _FIELDS},
            headers={"Authorization": f"Bearer {secrets[0]}"},
        )  # fmt: skip
        if answer.status_code == _NOT_FOUND:
            found.missing.add(one)
            continue
        document(answer)
        found.payloads.append(answer.content)
        found.read.add(one)
    return found
