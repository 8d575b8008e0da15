"""The signed webhook (Standard Webhooks 1.0): the notice as data, for machines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.errors import Away
from schemas.rulebook.channels import PersonalData
from worker.notices.answers import raise_unless_done
from worker.notices.guard import post
from worker.notices.sheet import shown
from worker.notices.signing import signed


def send_webhook(
    url: str, secret: str | None, key: str, kind: str, bodies: list[Mapping[str, Any]], policy: PersonalData, at: datetime
) -> None:  # fmt: skip
    """Send a notice; a digest holds its notices as a list.

    Raises:
        Away: it may work later.
        Refused: it will not.

    """
    if secret is None:
        raise Away("no webhook secret: set TASUKI_WEBHOOK_SECRET, or `secret` of the channel")
    told = [{**body, "lead": shown(body["lead"], policy)} for body in bodies]
    data = told[0] if kind != "digest" else {"kind": kind, "notices": told}
    _post_signed(url, secret, key, f"lead.{kind}", data, at)


def send_instruction(
    url: str, secret: str | None, key: str, kind: str, body: Mapping[str, Any], at: datetime
) -> None:  # fmt: skip
    """Tell the MA platform to enrol, move or stop a lead.

    Raises:
        Away: it may work later.
        Refused: it will not.

    """
    if secret is None:
        raise Away("no secret of the MA platform: set TASUKI_MA_SECRET")
    _post_signed(url, secret, key, kind.replace("track_", "track.", 1), body, at)


def _post_signed(url: str, secret: str, key: str, kind: str, data: Mapping[str, Any], at: datetime) -> None:
    body, headers = signed(secret, key, kind, data, at, named="the webhook secret")
    raise_unless_done(post(url, body, headers))
