"""Who is in the demo's business day, and what they do, before and on it."""

import random
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Final

from worker.local import make_day_data as words
from worker.local.make_day_platforms import Act, Person

JST: Final = timezone(timedelta(hours=9))
OPENING: Final = datetime(2026, 11, 24, 8, 30, tzinfo=JST)

#: Shares: people in Japan, deciders in large companies, large companies, free mail, other spellings.
_JAPAN, _LARGE, _LARGE_COMPANIES, _FREE_MAIL, _SPELT_OTHERWISE = 0.72, 0.85, 0.5, 0.05, 0.25
#: From this size on a company is large.
_LARGE_FROM: Final = 300
_PLATFORMS_JP: Final = ("mautic",) * 6 + ("marketo",) * 5 + ("hubspot",) * 2 + ("meta",) * 2 + ("web",) * 5
_PLATFORMS_ABROAD: Final = ("segment",) * 6 + ("hubspot",) * 2 + ("web",) * 2
_LAST: Final = {"US": 100, "GB": 1000, "DE": 1000, "SG": 10_000}


class Crowd:
    """Makes people and what they do."""

    def __init__(self, dice: random.Random) -> None:
        """Throw the dice for everybody."""
        self.random = dice
        self.acts = 0
        self.addresses: set[str] = set()
        self.companies = self._companies()
        self.people = self._people()

    def _companies(self) -> dict[str, list[tuple[str, str, str, int]]]:
        """Return companies by country: legal form with a hole, core name, industry, domain, size."""
        found: dict[str, list[tuple[str, str, str, int]]] = {"JP": []}
        for pair in words.STEMS_JA:
            for trade in self.random.sample(words.TRADES_JA, 4):
                (stem, latin), (what, industry, short) = pair.split(":"), trade.split(":")
                size = self.random.choice(
                    words.SIZES["large" if self.random.random() < _LARGE_COMPANIES else "small"]
                )
                form = self.random.choice(words.LEGAL_JA[:7] if size > _LARGE_FROM else words.LEGAL_JA)
                name, domain = form.format(stem + what), f"{latin}-{short}.example.co.jp"
                found["JP"].append((name, industry, domain, size))
        for country, names in words.COMPANIES.items():
            for name in names.split("|"):
                size = self.random.choice(words.SIZES["large"] + words.SIZES["small"])
                end = self.random.choice(("example.com", "example.com", "example.org", "example.net"))
                found.setdefault(country, []).append((name, "", f"{_latin(name, 2)}.{end}", size))
        return found

    def _people(self) -> list[Person]:
        behaviours = [name for name, row in words.BEHAVIOURS.items() for _ in range(row[0])]
        self.random.shuffle(behaviours)
        return [self._person(number, behaviour) for number, behaviour in enumerate(behaviours, start=1)]

    def _person(self, number: int, behaviour: str) -> Person:
        pick = self.random.choice
        abroad = self.random.random() >= _JAPAN and behaviour not in ("student", "competitor")
        country = pick(("US", "US", "GB", "GB", "DE", "SG", "FR")) if abroad else "JP"
        platform = pick(_PLATFORMS_ABROAD if abroad else _PLATFORMS_JP)
        company, industry, domain, size = self._company(country, behaviour)
        if country == "JP":
            (family, family_latin), (given, given_latin) = (
                pick(words.FAMILY_JA).split(":"),
                pick(words.GIVEN_JA).split(":"),
            )
        else:
            given, family = (pick(names) for names in words.NAMES[country])
            family_latin, given_latin = _latin(family), _latin(given)
        if words.BEHAVIOURS[behaviour][1] == "staff" and self.random.random() < _FREE_MAIL:
            domain = "freemail.example.com"
        return Person(
            number=number, behaviour=behaviour, platform=platform, key=_own_key(platform, number),
            email=self._address(f"{given_latin}.{family_latin}", domain), family=family, given=given,
            title=pick(words.TITLES[words.BEHAVIOURS[behaviour][1]][country].split("|")), company=company,
            domain=domain, employees=size, industry=industry, country=country,
            region=pick(words.PREFECTURES) if country == "JP" else pick(words.REGIONS[country]),
            phone=self._phone(country),
        )  # fmt: skip

    def _company(self, country: str, behaviour: str) -> tuple[str, str, str, int]:
        if behaviour == "competitor":
            return "Rival Cloud株式会社", "情報通信", "rival.example", 800
        if behaviour == "student":
            return "星見台大学", "教育", "univ-hoshimidai.example.org", 900
        wants_large = words.BEHAVIOURS[behaviour][1] == "decider" and self.random.random() < _LARGE
        pool = self.companies[country]
        fit = (
            [one for one in pool if (one[3] > _LARGE_FROM) == wants_large] if behaviour != "browser" else pool
        )
        company, industry, domain, size = self.random.choice(fit or pool)
        for form, variants in words.VARIANTS_JA.items():  # people write their company in more than one way
            found = re.fullmatch(form.format("(.+)"), company)
            if found and self.random.random() < _SPELT_OTHERWISE:
                company = self.random.choice(variants).format(found[1])
                break
        return company, industry, domain, size

    def _phone(self, country: str) -> str:
        number = self.random.randrange(10_000)
        if country == "JP":
            return words.PHONES["JP"].format(self.random.choice(("3", "6", "52", "92", "90", "80")), number)
        return words.PHONES[country].format(
            *(number // 100 % 100, number % 100) if country == "FR" else (number % _LAST[country],)
        )

    def _address(self, local: str, domain: str) -> str:
        found = next(
            address for tail in ("", *map(str, range(2, 99)))
            if (address := f"{local}{tail}@{domain}") not in self.addresses
        )  # fmt: skip
        self.addresses.add(found)
        return found

    def act(self, at: datetime, kind: str, person: Person) -> Act:
        """Return something that somebody did, numbered."""
        self.acts += 1
        return Act(at, kind, person, self.acts)

    def moment(self, first: float = 0.0, last: float = 9.6) -> datetime:
        """Return a time of the day, hours after opening; mornings and early afternoons are busy."""
        hours = self.random.choice(
            (
                self.random.triangular(0, 4, 1.2),
                self.random.triangular(4.5, 10, 6),
                self.random.uniform(0, 10),
            )
        )
        return OPENING + timedelta(
            seconds=round(min(max(hours, first), last) * 3600 + self.random.randrange(240))
        )

    def _kinds(self, plan: str) -> Iterable[tuple[str, int, int]]:
        """Return kind and days ago (least, most) of each act of a plan."""
        for item in plan.split():
            kind, counts, days = (*item.split(":"), "0-0")[:3]
            least, most = (int(one) for one in counts.split("-"))
            first, last = (int(one) for one in days.split("-"))
            for _ in range(self.random.randint(least, most)):
                yield (self.random.choice(words.HANDS) if kind == "HAND" else kind), first, last

    def history(self, person: Person) -> list[Act]:
        """Return what somebody did in the past 60 days, first how marketing came to know them."""
        _, _, share, plan, _ = words.BEHAVIOURS[person.behaviour]
        if not plan or self.random.random() >= share:
            return []
        acts = [
            self.act(self.moment() - timedelta(days=self.random.randint(first, last)), kind, person)
            for kind, first, last in self._kinds(plan)
        ]
        known = min((act.at for act in acts), default=OPENING - timedelta(days=9)) - timedelta(minutes=1)
        return [self.act(known, "captured", person), *acts]

    def today(self, person: Person, *, is_known: bool) -> list[Act]:
        """Return what somebody does today, minutes apart."""
        at = self.moment(last=8.5)
        acts = [] if is_known else [self.act(at, "captured", person)]
        for kind, _, _ in self._kinds(words.BEHAVIOURS[person.behaviour][4]):
            at += timedelta(seconds=self.random.randrange(20, 700))
            acts.append(self.act(at, kind, person))
        return acts


def _latin(text: str, count: int = 1) -> str:
    """Return the first words of a name for an address: no accents, no marks."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z]+", plain)[:count])


def _own_key(platform: str, number: int) -> str:
    start = {"mautic": 1_000, "hubspot": 70_100_000_000, "marketo": 318_000, "meta": 1_459_076_748_710_000}
    return str(start[platform] + number) if platform in start else f"{platform[:3]}-{number:04}"
