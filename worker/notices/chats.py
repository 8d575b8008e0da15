"""Chats, each as its maker documents it: what is sent, and which answers mean that nobody will read it.

Own senders and not Apprise's: those follow redirects, connect to any address, read an answer whole, and say of
a failure only that there was one. Here every call goes through the guard, and 429, a firm no and an error
inside a 200 are told apart.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from schemas.errors import Away, Refused
from worker.notices.answers import error_body, raise_unless_done, retry_after
from worker.notices.as_slack import as_slack
from worker.notices.as_teams import as_teams
from worker.notices.fitting import text_within
from worker.notices.guard import Answer, post
from worker.notices.sheet import Sheet
from worker.now import wall_time

_JSON: Final = {"content-type": "application/json; charset=utf-8"}
#: Slack's words for a firm no, which old webhooks also say in a 200.
_SLACK_NO: Final = frozenset(
    """
    invalid_token no_service no_service_id no_team team_disabled channel_not_found channel_is_archived
    action_prohibited posting_to_general_channel_denied invalid_payload no_text user_not_found
    no_active_hooks too_many_attachments invalid_blocks account_inactive token_revoked
    """.split()
)
_TEAMS_OK: Final = frozenset({"", "1"})
_TOO_MANY: Final = 429
_CONFLICT: Final = 409
#: Characters that a chat takes in one message.
_LINE_CHARS: Final = 5_000
_LINEWORKS_CHARS: Final = 2_000
#: Of Chatwork's 65,535, less what stands around the text.
_CHATWORK_CHARS: Final = 65_000
_CHATWORK_ROOMS: Final = "https://api.chatwork.com/v2/rooms/{room}/messages"
_LINE_PUSH: Final = "https://api.line.me/v2/bot/message/push"
#: Names our messages for receivers that want a UUID as idempotency key.
_KEYS: Final = uuid.UUID("6ad5b1b0-6a0c-4f5c-9a4b-6d1d5a6f6b1e")


def send_chat(kind: str, address: str, secret: str | None, key: str, sheet: Sheet) -> None:
    """Send a notice to a chat.

    Raises:
        Away: it may work later.
        Refused: it will not.

    """
    _SENDERS[kind](address, secret or "", key, sheet)


def _json(document: Any) -> bytes:
    return msgspec.json.encode(document)


def _said(answer: Answer) -> Any:
    """Return the JSON of an answer, or None when it is none."""
    try:
        return msgspec.json.decode(answer.text)
    except msgspec.DecodeError:
        return None


def _slack(address: str, _secret: str, _key: str, sheet: Sheet) -> None:
    """Post to an incoming webhook. Done is `ok` and nothing else, or JSON with ok: true (Slack's Web API)."""
    answer = post(address, _json(as_slack(sheet)), _JSON)
    raise_unless_done(answer, "Slack")
    said = _said(answer)
    if answer.text.strip() == "ok" or (isinstance(said, dict) and said.get("ok") is True):
        return
    error = str(said.get("error", "")) if isinstance(said, dict) else answer.text.strip()
    error_body(answer, "Slack", firm=error in _SLACK_NO)


def _teams(address: str, _secret: str, _key: str, sheet: Sheet) -> None:
    """Post to a workflow (202) or an old connector (200 and `1`; it also says failures of its own in a 200)."""
    answer = post(address, _json(as_teams(sheet)), _JSON)
    raise_unless_done(answer, "Teams")
    said = _said(answer)
    if answer.status == 200 and answer.text.strip() not in _TEAMS_OK:  # noqa: PLR2004
        if isinstance(said, dict) and "error" not in said:
            return  # a workflow whose maker lets it answer something
        error_body(answer, "Teams", firm="returned HTTP error 4" in answer.text and "429" not in answer.text)


def _chatwork(address: str, secret: str, _key: str, sheet: Sheet) -> None:
    """Post to a room. Done is an answer with message_id; source: Chatwork API v2."""
    if not secret:
        raise Refused("the channel has no token; name its variable as `secret` in team.yaml")
    url = _CHATWORK_ROOMS.format(room=address) if address.isascii() and address.isdigit() else address
    text = f"[info][title]{_chatwork_plain(sheet.subject)}[/title]{_chatwork_plain(text_within(sheet, _CHATWORK_CHARS))}[/info]"
    headers = {"content-type": "application/x-www-form-urlencoded", "x-chatworktoken": secret}
    answer = post(url, urlencode({"body": text, "self_unread": "1"}).encode(), headers)
    if answer.status == _TOO_MANY:
        raise Away("Chatwork answered 429: too many messages", _until(answer.headers))
    raise_unless_done(answer, "Chatwork")
    said = _said(answer)
    if not (isinstance(said, dict) and said.get("message_id")):
        error_body(answer, "Chatwork", firm=isinstance(said, dict) and "errors" in said)


def _until(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until Chatwork's limit is lifted, which it says as an instant."""
    reset = headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit()):
        return retry_after(headers.get("retry-after"))
    return min(max(float(reset[:12]) - wall_time(), 1.0), 86_400.0)


def _chatwork_plain(text: str) -> str:
    """Take away what Chatwork reads as markup: no lead's name can call everybody in the room."""
    return text.replace("[", "［").replace("]", "］")


def _line(address: str, secret: str, key: str, sheet: Sheet) -> None:
    """Push by a LINE official account. It knows repeats by X-Line-Retry-Key and says so with 409."""
    if not secret:
        raise Refused("the channel has no access token; name its variable as `secret` in team.yaml")
    to, _, url = address.partition("@")  # another place is for tests and gateways: id@https://...
    headers = {**_JSON, "authorization": f"Bearer {secret}", "x-line-retry-key": str(uuid.uuid5(_KEYS, key))}
    text = text_within(sheet, _LINE_CHARS)
    answer = post(url or _LINE_PUSH, _json({"to": to, "messages": [{"type": "text", "text": text}]}), headers)
    if answer.status == _CONFLICT:
        return
    raise_unless_done(answer, "LINE")
    said = _said(answer)
    if isinstance(said, dict) and "message" in said and "sentMessages" not in said:
        error_body(answer, "LINE", firm=True)


def _lineworks(address: str, _secret: str, _key: str, sheet: Sheet) -> None:
    """Post to LINE WORKS' incoming webhook app: a title, a text, and a button where there is a link."""
    document: dict[str, Any] = {
        "title": sheet.subject[:LINEWORKS_TITLE], "body": {"text": text_within(sheet, _LINEWORKS_CHARS)},
    }  # fmt: skip
    actions = [action for entry in sheet.entries for action in entry.actions]
    if len(sheet.entries) == 1 and actions:
        document["button"] = {"label": actions[0].label, "url": actions[0].url}
    answer = post(address, _json(document), _JSON)
    raise_unless_done(answer, "LINE WORKS")
    said = _said(answer)
    code = str(said.get("code", "")) if isinstance(said, dict) else ""
    if code and not code.startswith("200"):
        error_body(answer, "LINE WORKS", firm=True)


#: LINE WORKS cuts no title itself; it refuses a longer one.
LINEWORKS_TITLE: Final = 100

_SENDERS: Final[dict[str, Callable[[str, str, str, Sheet], None]]] = {
    "slack": _slack, "teams": _teams, "chatwork": _chatwork, "line": _line, "lineworks": _lineworks,
}  # fmt: skip
