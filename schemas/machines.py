"""User agents that no person sits behind: mail scanners, link checkers, crawlers, programs."""

import re
from functools import lru_cache
from typing import Final

# Pictures fetched through Gmail's proxy are asked for when the person opens the mail, so it is not among them.
# A word stands alone or ends one: "Googlebot" is one, "Cubot" (a telephone) is not.
_MACHINE: Final = re.compile(
    r"(?<!cu)bot\b|crawler|spider|scanner|headless|phantomjs|preview|prefetch|url ?check|link ?check|safelinks"
    r"|barracuda|proofpoint|mimecast|trendmicro|symantec|fireeye|forcepoint|zscaler"
    r"|^(?:curl|wget|java|ruby|go-http-client|okhttp|libwww-perl|axios|node-fetch)\b"
    r"|python-requests|python-urllib|aiohttp|httpx|apache-httpclient|facebookexternalhit|^mozilla/5\.0$"
)


@lru_cache(maxsize=4_096)
def is_machine(user_agent: str) -> bool:
    """Tell whether a user agent is a program's own.

    >>> is_machine("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36")
    False
    >>> is_machine("python-requests/2.32.3")
    True
    """
    return _MACHINE.search(user_agent.strip().lower()) is not None
