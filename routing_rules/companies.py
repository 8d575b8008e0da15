"""Companies: whose mail domain is the company's own, and the key under which leads share an account."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

#: Domains that say nothing of the company: free mail, and the mobile carriers' mail of Japan.
FREE_MAIL: Final = frozenset(
    """
    gmail.com googlemail.com yahoo.com yahoo.co.jp ymail.ne.jp yahoo.co.uk yahoo.fr yahoo.de hotmail.com
    hotmail.co.jp hotmail.co.uk outlook.com outlook.jp live.com live.jp msn.com icloud.com me.com mac.com aol.com
    gmx.de gmx.net gmx.com web.de mail.com proton.me protonmail.com zoho.com yandex.ru mail.ru qq.com 163.com
    126.com naver.com daum.net hanmail.net docomo.ne.jp ezweb.ne.jp au.com softbank.ne.jp i.softbank.jp
    ymobile.ne.jp rakuten.jp nifty.com biglobe.ne.jp so-net.ne.jp ocn.ne.jp plala.or.jp dion.ne.jp infoseek.jp
    excite.co.jp goo.jp freemail.example.com orange.fr free.fr libero.it
    """.split()
)

#: Japanese forms alone: what is left of a company that is called like a foreign one ("AG 株式会社").
_JP_FORM = re.compile(r"(?:株式|有限|合同|合資|合名)会社|\(株\)|\(有\)|\(同\)")
_LEGAL_FORM = re.compile(
    r"株式会社|有限会社|合同会社|合資会社|合名会社|一般社団法人|一般財団法人|公益財団法人|公益社団法人|\(株\)|\(有\)|\(同\)"
    r"|\b(?:incorporated|inc|corporation|corp|company|co|limited|ltd|llc|plc|gmbh|ag|k\.?k|g\.?k|pte|pty|s\.?a|b\.?v|oy|ab)\b\.?"
)
#: The host of what people write as their site: at least one dot, no port, path or query.
_SITE = re.compile(r"(?:https?://)?(?:www\.)?([^\s/?#:@.]+(?:\.[^\s/?#:@.]+)+)\.?(?:[:/?#]|$)")
_NOT_WORD = re.compile(r"[\W_]+")


def domain_of(declared: str | None, email: str | None) -> str | None:
    """Return the company's domain: the declared one, else the address's unless it is free mail."""
    if declared:
        text = unicodedata.normalize("NFKC", declared).strip().lower()
        match = _SITE.match(text)
        if match is not None:
            return None if match[1] in FREE_MAIL else match[1]
    if email is None:
        return None
    domain = email.rpartition("@")[2]
    return None if domain in FREE_MAIL else domain


@lru_cache(maxsize=65_536)
def normal_name(name: str) -> str:
    """Return a company's name without legal form, width and spacing: ㈱ＡＢＣ and ABC株式会社 are one."""
    text = unicodedata.normalize("NFKC", name).lower()
    return _NOT_WORD.sub("", _LEGAL_FORM.sub(" ", text)) or _NOT_WORD.sub("", _JP_FORM.sub(" ", text))


def account_key(corporate_number: str | None, domain: str | None, name: str | None) -> str | None:
    """Return the key of a lead's account: 法人番号 first, then domain, then normalised name."""
    if corporate_number:
        return f"corp:{corporate_number}"
    if domain:
        return f"domain:{domain}"
    if name:
        normal = normal_name(name)
        return f"name:{normal[:200]}" if normal else None
    return None
