"""Standard Webhooks 1.0: what is sent, and the headers that prove who sent it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

from schemas.errors import Away
from worker.now import wall_time


def signed(
    secret: str, key: str, kind: str, data: Mapping[str, Any], at: datetime, *, named: str
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a signed webhook.

    Args:
        secret: `whsec_` and base64.
        key: the message's, the same for a repeat.
        kind: the type of what is told.
        data: what is told.
        at: business time, when it is told.
        named: the secret in the words of an error.

    Raises:
        Away: the secret is none; mending it lets the message out.

    """
    payload = msgspec.json.encode({"type": kind, "timestamp": at.isoformat(), "data": data}).decode()
    signed_at = datetime.fromtimestamp(int(wall_time()), UTC)  # receivers compare it with their own clock
    try:
        signature = Webhook(secret).sign(key, signed_at, payload)
    except ValueError as error:
        raise Away(f"{named} is no secret of Standard Webhooks: whsec_ and base64") from error
    headers = {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": signature,
    }
    return payload.encode(), headers
