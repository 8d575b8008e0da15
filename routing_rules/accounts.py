"""Which account a lead belongs to: certain matches only; what is merely likely is listed for people.

Evidence, the surest first: 法人番号, then the web domain, then the name within a place. Several that fit are no
match. Measured on tests/routing_rules/account_pairs.tsv.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import ratio

from routing_rules.companies import Company, read_company, script_of
from routing_rules.domains import domain_of
from routing_rules.places import country_of, place_of
from schemas.lead import LeadState

Because = Literal["corporate_number", "domain", "domain_and_name", "name", "by_hand"]

#: Profile facts that decide which account a lead belongs to.
COMPANY_FACTS: Final = (
    "corporate_number", "company_domain", "email", "company", "country", "region", "postal_code", "phone",
)  # fmt: skip
#: A name of so many characters is one company's even where one of the two says no place. Of 2,813 companies in
#: one day's changes of the corporate register, 5% of names of up to 6 characters stood twice, none of 7 or more
#: beyond 1%.
DISTINCTIVE: Final = 7
#: A shorter name is no evidence at all: in one prefecture alone several companies are called so.
SHORTEST: Final = 4
#: The same where the name has kanji, of which each says more.
SHORTEST_KANJI: Final = 3
#: Two names on one domain that are less alike (0-100) are two companies of a group.
ALIKE: Final = 70.0
#: Names that are at least so alike (0-100) are shown to people as maybe one company.
LIKELY: Final = 80.0


class Candidate(NamedTuple):
    """What a lead says of its company."""

    corporate_number: str | None = None
    domain: str | None = None
    company: Company | None = None
    #: Prefecture (JP-13) or region, else country, else empty.
    place: str = ""


class Name(NamedTuple):
    """A name under which an account is known, and where."""

    name: str
    place: str = ""
    form: str | None = None


@dataclass(slots=True)
class Account:
    """What is known of an account."""

    key: str
    numbers: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    names: set[Name] = field(default_factory=set)


class Match(NamedTuple):
    """What matching came to: an account with the evidence, or none, and those that it may be."""

    account: str | None
    because: Because | None
    #: Accounts that share evidence and are not certain, with that evidence.
    candidates: tuple[tuple[str, str], ...] = ()


def is_plainly_of(candidate: Candidate, account: Account) -> bool:
    """Tell whether a lead says nothing new of the only account with its domain: then it is its, as with most."""
    number, _, company, place = candidate
    return (number is None or number in account.numbers) and (
        company is None or (company.name, place, company.form) in account.names
    )


def candidate_of(state: LeadState) -> Candidate:
    """Return what a lead says of its company."""
    word = state.facts.get
    number, named = word("corporate_number"), word("company")
    site, email = word("company_domain"), word("email")
    address = None if email is None else email[1]
    domain = domain_of(None if site is None else site[1], address)
    company = None if named is None else read_company(named[1])
    if company is None or not company.name:
        return Candidate(None if number is None else number[1], domain)
    fact = state.fact
    place = place_of(fact("region"), fact("country"), fact("postal_code"), fact("phone"))
    if not place:
        place = country_of(None if address is None else address.rpartition("@")[2], fact("phone")) or ""
    return Candidate(None if number is None else number[1], domain, company, place)


def match(candidate: Candidate, known: Iterable[Account]) -> Match:
    """Return the account that a lead certainly belongs to.

    Args:
        candidate: what the lead says.
        known: the accounts that share its number, its domain or its name; others, and repeats, do no harm.

    """
    number, domain, company, _ = candidate
    maybe: dict[str, str] = {}
    near = list({account.key: account for account in known}.values())
    if number is not None:
        same = [account for account in near if number in account.numbers]
        if len(same) == 1:
            return Match(same[0].key, "corporate_number")
        maybe.update((account.key, "corporate_number") for account in same)
    if domain is not None:
        found = _by_domain(candidate, near, maybe)
        if found is not None:
            return found
    if company is not None and _says_enough(company.name):
        found = _by_name(candidate, near, maybe)
        if found is not None:
            return found
    return Match(None, None, tuple(sorted(maybe.items())))


def _by_domain(candidate: Candidate, near: list[Account], maybe: dict[str, str]) -> Match | None:
    fits = []
    for account in near:
        if candidate.domain in account.domains:
            if _other_number(candidate, account) or _other_company_of_a_group(candidate, account):
                maybe[account.key] = "domain"
            else:
                fits.append(account)
    if len(fits) > 1 and candidate.company is not None:
        name = candidate.company.name
        named = [account for account in fits if any(one.name == name for one in account.names)]
        if len(named) == 1:
            return Match(named[0].key, "domain_and_name")
    if len(fits) == 1:
        return Match(fits[0].key, "domain")
    maybe.update((account.key, "domain") for account in fits)
    return None


def _by_name(candidate: Candidate, near: list[Account], maybe: dict[str, str]) -> Match | None:
    """Match by name alone: nothing may speak against it, and only one account may fit."""
    assert candidate.company is not None  # noqa: S101 - the caller looked
    name, form, _ = candidate.company
    fits = []
    for account in near:
        same = [one for one in account.names if one.name == name]
        if not same or account.key in maybe:
            continue
        other_domain = candidate.domain is not None and bool(account.domains)
        if other_domain or _other_number(candidate, account):
            maybe[account.key] = "name"
        elif any(_same_place(candidate, one) and _same_form(form, one.form) for one in same):
            fits.append(account)
        else:
            maybe[account.key] = "name"
    if len(fits) == 1:
        return Match(fits[0].key, "name")
    maybe.update((account.key, "name") for account in fits)
    return None


def bridged(candidate: Candidate, chosen: str, known: Iterable[Account]) -> list[str]:
    """Return accounts that are the chosen one, too, as this lead shows: known by its name alone, in its place.

    Had the lead come first, they would be one; so they are made one, whoever came first.
    """
    company = candidate.company
    if company is None or not _says_enough(company.name):
        return []
    return [
        account.key
        for account in known
        if account.key != chosen
        and not account.domains
        and not account.numbers
        and any(
            one.name == company.name and _same_place(candidate, one) and _same_form(company.form, one.form)
            for one in account.names
        )
    ]


def _other_number(candidate: Candidate, account: Account) -> bool:
    return (
        candidate.corporate_number is not None
        and bool(account.numbers)
        and candidate.corporate_number not in account.numbers
    )


def _other_company_of_a_group(candidate: Candidate, account: Account) -> bool:
    """Tell whether the names on one domain are clearly two: a holding and its company, or two of a group.

    Names in different letters (漢字, カナ, Latin) say nothing against each other.
    """
    if candidate.company is None or not account.names:
        return False
    name = candidate.company.name
    comparable = [one.name for one in account.names if script_of(one.name) == script_of(name)]
    return bool(comparable) and all(_clearly_two(name, other) for other in comparable)


def _clearly_two(one: str, other: str) -> bool:
    if one == other:
        return False
    if is_holding(one) != is_holding(other):
        return True
    if one in other or other in one:
        return False
    return ratio(one, other) < ALIKE


def is_holding(name: str) -> bool:
    """Tell whether a name, as read, is a holding's or a group's and not the company's that does the work."""
    return name.endswith(("hd", "グループ", "group", "グルーフ"))


def _says_enough(name: str) -> bool:
    return len(name) >= (SHORTEST_KANJI if script_of(name) == "kanji" else SHORTEST)


def _same_place(candidate: Candidate, known: Name) -> bool:
    """Tell whether the place makes a name one company's.

    The same prefecture or region does; a country does, or no place at all, where the name is distinctive.
    """
    here, there = candidate.place, known.place
    if here == there and "-" in here:
        return True
    if len(known.name) < DISTINCTIVE:
        return False
    return here == there or not here or not there or _within(here, there) or _within(there, here)


def _within(place: str, country: str) -> bool:
    """Tell whether a place (JP-13) lies in a country (JP)."""
    return "-" in place and place.partition("-")[0] == country


#: Forms that a Japanese company's English form may stand for.
_EN: Final = frozenset({"kk", "yk", "gk", "goshi", "gomei"})


def _same_form(one: str | None, other: str | None) -> bool:
    """Tell whether two legal forms can be one company's: 株式会社青葉 and 有限会社青葉 are two."""
    if one is None or other is None or one == other:
        return True
    pair = {one, other}
    return "en" in pair and bool(pair & _EN)


def new_key(candidate: Candidate) -> str | None:
    """Return the key of the account that a lead opens, None where what it says is not enough for one."""
    number, domain, company, place = candidate
    if number is not None:
        return f"corp:{number}"
    if domain is not None:
        return f"domain:{domain}"
    return name_key(company, place)


def name_key(company: Company | None, place: str) -> str | None:
    """Return the key of an account that is known by its name alone."""
    if company is None or not _says_enough(company.name):
        return None
    if "-" not in place and len(company.name) < DISTINCTIVE:
        return None
    return f"name:{company.name}:{place}:{company.form or ''}"


def likeness(one: str, other: str) -> float:
    """Return how alike two names are, 0-100, for people to look at; 0 where one is the other's holding."""
    if is_holding(one) != is_holding(other):
        return 0.0
    if min(len(one), len(other)) < SHORTEST_KANJI:
        return 0.0
    if Levenshtein.distance(one, other) > max(2, len(one) // 4):
        return 0.0
    return round(ratio(one, other), 1)
