"""The facts that conditions ask: a lead's state read at one instant, with local enrichment.

Everything here is computed from the state and tables in memory; nothing is looked up outside.
"""

from collections.abc import Callable
from typing import Any, Final

from routing_rules import companies, industries, places, titles
from routing_rules.fields import FACT_FIELDS
from schemas.activity import HAND_RAISES
from schemas.lead import LeadState, Standing

DAY_MS: Final = 86_400_000
#: Told of each value that is found: its field, its source and when the word fell on which it rests (ms since 1970).
Note = Callable[[str, str, int], None]
_CONSENT_FIELDS: Final = (("email", "consent.email"), ("phone", "consent.phone"))


class Facts:
    """What is known of a lead at `now_ms`. `values` holds known fields only."""

    __slots__ = ("last", "ledger", "now_ms", "today", "values")

    def __init__(
        self, values: dict[str, Any], ledger: dict[str, dict[int, int]], last: dict[str, int], now_ms: int
    ) -> None:
        """Keep references: facts live for one judgement."""
        self.values = values
        self.ledger = ledger
        self.last = last
        self.now_ms = now_ms
        self.today = now_ms // DAY_MS

    def count(self, kind: str, within_days: float | None) -> int:
        """Count an activity, in all or in the last `within_days` days (today is the first of them)."""
        days = self.ledger.get(kind)
        if days is None:
            return 0
        if within_days is None:
            return sum(days.values())
        since = self.today - within_days
        total = 0
        for day, count in days.items():
            if day > since:
                total += count
        return total

    def hand_raised_within(self, days: float) -> bool:
        """Tell whether the lead asked to talk in the last `days` days, to the millisecond."""
        since = self.now_ms - days * DAY_MS
        raised = HAND_RAISES & self.last.keys()
        return bool(raised) and any(self.last[kind] >= since for kind in raised)


def gather(
    state: LeadState,
    standing: Standing,
    now_ms: int,
    account_owner: str | None = None,
    note: Note | None = None,
) -> Facts:
    """Read a lead's facts: what was said, then what providers answered, then what local tables conclude.

    A declared value always outranks a guessed one, whenever each was heard.

    Args:
        state: the fold of its events.
        standing: where it is in our process.
        now_ms: the instant at which the facts are read.
        account_owner: the rep who owns its account, if one does.
        note: is told the source of each value; for showing, not for judging.

    """
    said = state.facts
    values: dict[str, Any] = {}
    for fact, field in FACT_FIELDS.items():
        word = said.get(fact)
        if word is not None:
            values[field] = word[1]
            if note is not None:
                note(field, "declared", word[0])
    if state.guessed:
        _take_guesses(values, state, note)
    _enrich_person(values, state, note)
    _enrich_company(values, state, note)
    if state.first is not None:
        values["source"] = state.first[1]
    if account_owner is not None:
        values["account.owner"] = account_owner
    if state.consent:
        for channel, field in _CONSENT_FIELDS:
            if channel in state.consent or "all" in state.consent:
                values[field] = not state.denied(channel)
    values["recycle_count"] = standing.recycle_count
    return Facts(values, state.ledger, state.last, now_ms)


#: What a provider may say of a lead; its address, phone and owner are the lead's and the CRM's to tell.
GUESSABLE: Final = frozenset({"title", "department", "company", "corporate_number", "employees", "industry"})


def _take_guesses(values: dict[str, Any], state: LeadState, note: Note | None) -> None:
    for fact in GUESSABLE & state.guessed.keys():
        field = FACT_FIELDS[fact]
        if field not in values:
            at_ms, provider, values[field] = state.guessed[fact]
            if note is not None:
                note(field, provider, at_ms)


def _enrich_person(values: dict[str, Any], state: LeadState, note: Note | None) -> None:
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
    language = state.facts.get("language")
    if language is not None:
        values["person.language"] = language[1][:2].lower()
        if note is not None:
            note("person.language", "declared", language[0])


def _enrich_company(values: dict[str, Any], state: LeadState, note: Note | None) -> None:
    said = state.facts
    email = values.get("person.email")
    site = said.get("company_domain")
    domain = companies.domain_of(None if site is None else site[1], email)
    if domain is not None:
        values["company.domain"] = domain
        if note is not None:
            _note_domain(state, domain, note)
    word = said.get("country")
    country: str | None = None
    if word is not None:
        country = values["company.country"] = word[1]
        if note is not None:
            note("company.country", "declared", word[0])
    word = said.get("region")
    if word is not None:
        # Mie is a prefecture, unless the phone or the domain say that the lead is abroad.
        guess = country or _country(values, state, domain, None)
        region = values["company.region"] = places.region_code(word[1], guess)
        if note is not None:
            note("company.region", "declared", word[0])
        if country is None and guess is None and (country := places.country_of_region(region)) is not None:
            values["company.country"] = country
            if note is not None:
                note("company.country", "region", word[0])
    elif country is None or country == "JP":
        country = _place(values, state, country, note)
    elif state.guessed:
        _guessed_region(values, state, note)
    if country is None:
        country = _country(values, state, domain, note)
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


def _place(values: dict[str, Any], state: LeadState, country: str | None, note: Note | None) -> str | None:
    """Find the prefecture of who named none: by postal code, a provider, the phone. Return the country."""
    for fact, read in _PLACES:
        if fact == "region":
            if state.guessed and _guessed_region(values, state, note):
                break
            continue
        word = state.facts.get(fact)
        region = None if word is None else read(word[1])
        if word is not None and region is not None:
            values["company.region"] = region
            if note is not None:
                note("company.region", fact.replace("_", " "), word[0])
            if country is None:
                country = values["company.country"] = "JP"
                if note is not None:
                    note("company.country", fact.replace("_", " "), word[0])
            break
    return country


#: Where a prefecture is read from, the surer first; `region` is a provider's word.
_PLACES: Final[tuple[tuple[str, Callable[[str], str | None]], ...]] = (
    ("postal_code", places.region_of_postal_code),
    ("region", places.region_code),
    ("phone", places.region_of_phone),
)


def _guessed_region(values: dict[str, Any], state: LeadState, note: Note | None) -> bool:
    word = state.guessed.get("region")
    if word is None:
        return False
    at_ms, provider, region = word
    values["company.region"] = places.region_code(region, values.get("company.country"))
    if note is not None:
        note("company.region", provider, at_ms)
    return True


def _country(values: dict[str, Any], state: LeadState, domain: str | None, note: Note | None) -> str | None:
    """Return the country of who named none: a provider's word, the dialled prefix, the domain's ending."""
    guess = state.guessed.get("country")
    if guess is not None:
        if note is not None:
            note("company.country", guess[1], guess[0])
        return str(guess[2])
    email, phone = values.get("person.email"), values.get("person.phone")
    host = domain or (email.rpartition("@")[2] if email else None)
    country = places.country_of(host, phone)
    if country is not None and note is not None:
        dialled = places.country_of(None, phone) is not None
        note(
            "company.country", "phone" if dialled else "domain", _when(state, "phone" if dialled else "email")
        )
    return country


def _language(values: dict[str, Any], state: LeadState, country: str | None, note: Note | None) -> None:
    """Guess the language: by the country, else by the letters that the lead writes in."""
    if country is not None:
        language, source = places.language_of_country(country), "country"
    else:
        written = values.get("person.title") or values.get("company.name")
        language, source = (titles.language_of(written) if written else None), "letters"
    if language is not None:
        values["person.language"] = language
        if note is not None:
            note("person.language", source, state.newest_ms)


def _note_domain(state: LeadState, domain: str, note: Note) -> None:
    site = state.facts.get("company_domain")
    declared = site is not None and companies.domain_of(site[1], None) == domain
    note(
        "company.domain",
        "declared" if declared else "email",
        _when(state, "company_domain" if declared else "email"),
    )


def _when(state: LeadState, *facts: str) -> int:
    """Return when the first of these facts that is known was said, by the lead or by a provider."""
    for fact in facts:
        if fact in state.facts:
            return state.facts[fact][0]
        if fact in state.guessed:
            return state.guessed[fact][0]
    return state.newest_ms
