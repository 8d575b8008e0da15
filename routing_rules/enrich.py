"""Local enrichment: what tables conclude from what was said, at once, and where each value comes from.

What was declared outranks what a provider guessed, and that one what a table concludes; the surer table first.
"""

from collections.abc import Callable
from typing import Any, Final

from routing_rules import domains, industries, places, titles
from routing_rules.fields import FACT_FIELDS
from schemas.lead import LeadState

#: Told of each value that is found: its field, its source and when the word fell on which it rests (ms since 1970).
Note = Callable[[str, str, int], None]
Values = dict[str, Any]

#: What a provider may say beside the place; an address, a phone and an owner are the lead's and the CRM's to tell.
GUESSABLE: Final = frozenset({"title", "department", "company", "corporate_number", "employees", "industry"})


def take_guesses(values: Values, state: LeadState, note: Note | None) -> None:
    """Fill what nobody declared with what providers answered."""
    for fact in GUESSABLE & state.guessed.keys():
        field = FACT_FIELDS[fact]
        if field not in values:
            at_ms, provider, values[field] = state.guessed[fact]
            if note is not None:
                note(field, provider, at_ms)


def person(values: Values, state: LeadState, note: Note | None) -> None:
    """Read seniority and function from title and department, and the declared language."""
    title = values.get("person.title")
    department = values.get("person.department")
    if title is not None or department is not None:
        seniority, function = titles.read(title or "", department or "")
        if seniority is not None:
            values["person.seniority"] = seniority
            if note is not None:
                note("person.seniority", "title table", _when(state, "title"))
        if function is not None:
            values["person.function"] = function
            if note is not None:
                note("person.function", "title table", _when(state, "department", "title"))
    word = state.facts.get("language")
    if word is not None:
        values["person.language"] = word[1][:2].lower()
        if note is not None:
            note("person.language", "declared", word[0])


def company(values: Values, state: LeadState, note: Note | None) -> None:
    """Work out domain, country, region, sector, and the language that follows from them."""
    email = values.get("person.email")
    site = state.facts.get("company_domain")
    domain = domains.domain_of(None if site is None else site[1], email)
    if domain is not None:
        values["company.domain"] = domain
        if note is not None:
            _note_domain(state, domain, note)
    country = _region(values, state, _declared_country(values, state, note), domain, note)
    if country is None:
        country = _guessed_country(values, state, domain, note)
        if country is not None:
            values["company.country"] = country
    if "person.language" not in values:
        _language(values, state, country, note)
    industry = values.get("company.industry")
    if industry is not None:
        sector = industries.sector_of(industry, country)
        if sector is not None:
            values["company.sector"] = sector
            if note is not None:
                note("company.sector", "industry table", _when(state, "industry"))


def _declared_country(values: Values, state: LeadState, note: Note | None) -> str | None:
    word = state.facts.get("country")
    if word is None:
        return None
    country: str = word[1]
    values["company.country"] = country
    if note is not None:
        note("company.country", "declared", word[0])
    return country


def _region(
    values: Values, state: LeadState, country: str | None, domain: str | None, note: Note | None
) -> str | None:
    """Set the region, declared or worked out, and return the country as far as it is known by then."""
    word = state.facts.get("region")
    if word is None:
        return _place(values, state, country, note)
    # Mie is a prefecture, unless the phone or the domain say that the lead is abroad.
    guess = country or _guessed_country(values, state, domain, None)
    region = values["company.region"] = places.region_code(word[1], guess)
    if note is not None:
        note("company.region", "declared", word[0])
    if guess is not None:
        return country
    country = places.country_of_region(region)
    if country is not None:
        values["company.country"] = country
        if note is not None:
            note("company.country", "region", word[0])
    return country


#: What tells the prefecture of who named none, the surer first; `region` is a provider's word.
_PLACES: Final[tuple[tuple[str, Callable[[str], str | None]], ...]] = (
    ("postal_code", places.region_of_postal_code),
    ("region", places.region_code),
    ("phone", places.region_of_phone),
)


def _place(values: Values, state: LeadState, country: str | None, note: Note | None) -> str | None:
    """Find the region of who named none: by postal code, a provider, the phone. Return the country."""
    for fact, read in _PLACES:
        if fact == "region":
            if state.guessed and _guessed_region(values, state, note):
                return country
            continue
        word = state.facts.get(fact)
        if word is None or country not in (None, "JP"):
            continue
        region = read(word[1])
        if region is None:
            continue
        source = fact.replace("_", " ")
        values["company.region"] = region
        if note is not None:
            note("company.region", source, word[0])
        if country is None:
            country = values["company.country"] = "JP"
            if note is not None:
                note("company.country", source, word[0])
        return country
    return country


def _guessed_region(values: Values, state: LeadState, note: Note | None) -> bool:
    word = state.guessed.get("region")
    if word is None:
        return False
    at_ms, provider, region = word
    values["company.region"] = places.region_code(region, values.get("company.country"))
    if note is not None:
        note("company.region", provider, at_ms)
    return True


def _guessed_country(values: Values, state: LeadState, domain: str | None, note: Note | None) -> str | None:
    """Return the country of who named none: a provider's word, the dialled prefix, the domain's ending."""
    word = state.guessed.get("country")
    if word is not None:
        if note is not None:
            note("company.country", word[1], word[0])
        return str(word[2])
    email, phone = values.get("person.email"), values.get("person.phone")
    host = domain or (email.rpartition("@")[2] if email else None)
    country = places.country_of(host, phone)
    if country is not None and note is not None:
        fact = "email" if places.country_of(None, phone) is None else "phone"
        note("company.country", "domain" if fact == "email" else fact, _when(state, fact))
    return country


def _language(values: Values, state: LeadState, country: str | None, note: Note | None) -> None:
    """Guess the language: by the country, else by the letters that the lead writes in."""
    if country is not None:
        language, source = places.language_of_country(country), "country"
    else:
        written = values.get("person.title") or values.get("company.name")
        language, source = (titles.language_of(written) if written else None), "letters"
    if language is not None:
        values["person.language"] = language
        if note is not None:
            note("person.language", source, _when(state, "country", "title", "company"))


def _note_domain(state: LeadState, domain: str, note: Note) -> None:
    site = state.facts.get("company_domain")
    declared = site is not None and domains.domain_of(site[1], None) == domain
    source, fact = ("declared", "company_domain") if declared else ("email", "email")
    note("company.domain", source, _when(state, fact))


def _when(state: LeadState, *facts: str) -> int:
    """Return when the first of these facts that is known was said, by the lead or by a provider."""
    for fact in facts:
        if fact in state.facts:
            return state.facts[fact][0]
        if fact in state.guessed:
            return state.guessed[fact][0]
    return state.newest_ms
