"""Every other service that Apprise knows, to its maker's own address.

Apprise connects by itself, so that our guard cannot pin the address. Only services whose address is fixed in
Apprise are let through; those to which a URL names the host are refused, for they could be pointed at our own
network. TLS holds the fixed ones to their names.
"""

import logging
import re
from typing import Any, Final

from schemas.errors import Away, Refused
from worker.notices.fitting import text_within
from worker.notices.sheet import Sheet
from worker.settings import settings

#: A URL's part that names a host, in Apprise's templates.
_HOST: Final = re.compile(r"\{host\}|\{hostname\}|\{server\}")
#: Characters that a service takes at least.
_LEAST_CHARS: Final = 2_000
#: Services that act on this machine.
_LOCAL: Final = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


def send_apprise(url: str, sheet: Sheet) -> None:
    """Send a notice as text.

    Raises:
        Away: Apprise says that it did not go out; it does not say why.
        Refused: the URL is none, or may not be used.

    """
    import apprise  # noqa: PLC0415 - a hundred modules, for those who use it

    logging.getLogger("apprise").propagate = False  # its warnings repeat what a receiver answers
    plugin = plugin_of(url)
    asset = apprise.AppriseAsset(app_id="Tasuki", app_desc="Tasuki", async_mode=False, plugin_paths=[])
    sender = apprise.Apprise(asset=asset)
    sender.add(plugin)
    # some services put the title into the text; none that a person reads takes less than a short message
    text = text_within(sheet, max(plugin.body_maxlen, _LEAST_CHARS) - len(sheet.subject) - 2)
    done = sender.notify(title=sheet.subject, body=text, body_format=apprise.NotifyFormat.TEXT)
    if not done:
        raise Away(f"{type(plugin).__name__} of Apprise did not deliver")


def plugin_of(url: str) -> Any:
    """Return Apprise's sender for a URL.

    Raises:
        Refused: Apprise does not know it, or it could be pointed at our own network.

    """
    import apprise  # noqa: PLC0415

    plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if plugin is None:
        raise Refused("Apprise does not understand the channel's address")
    schemes = {*_names(plugin.protocol), *_names(plugin.secure_protocol)}
    templates: tuple[str, ...] = plugin.templates
    names_host = any(_HOST.search(template) for template in templates)
    if (names_host or schemes & _LOCAL) and not settings().allow_private_receivers:
        raise Refused("this service of Apprise is told its host by the address; only fixed hosts are allowed")
    return plugin


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value)
