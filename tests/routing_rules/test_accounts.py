"""Accounts: which leads work for one company, measured on labelled pairs; several that fit are no match."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from routing_rules.accounts import (
    Account,
    Candidate,
    Name,
    candidate_of,
    match,
    new_key,
)
from schemas.event import normal_email
from schemas.lead import LeadState

PAIRS = Path(__file__).with_name("account_pairs.tsv")
#: What was measured on these pairs; a change that finds less has to say so here.
RECALL = 0.93
PRECISION = 0.99


class Pair(NamedTuple):
    """Two leads and whether they work for one company: same, different, or unsure."""

    expected: str
    why: str
    one: Candidate
    other: Candidate


def lead(name: str, mail: str, place: str, number: str) -> Candidate:
    """Return what a lead says of its company, through the state of its events."""
    said: dict[str, Any] = {"company": name, "corporate_number": number}
    if "@" in mail:
        said["email"] = normal_email(mail)
    else:
        said["company_domain"] = mail
    if re.fullmatch(r"[\d-]{9,}", place):
        said["phone"] = place
    elif re.fullmatch(r"\d{3}-\d{4}", place):
        said["postal_code"] = place
    elif re.match(r"[A-Z]{2}(:|$)", place):
        said["country"], _, said["region"] = place.partition(":")
    else:
        said["region"] = place
    return candidate_of(LeadState(facts={key: (1, value) for key, value in said.items() if value}))


def pairs() -> list[Pair]:
    """Return the labelled pairs."""
    found = []
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            expected, why, *cells = (line + "\t" * 8).split("\t")[:10]
            found.append(Pair(expected, why, lead(*cells[:4]), lead(*cells[4:])))
    return found


def opened_by(candidate: Candidate) -> Account | None:
    """Return the account that a first lead opens."""
    key = new_key(candidate)
    if key is None:
        return None
    account = Account(key)
    if candidate.corporate_number:
        account.numbers.add(candidate.corporate_number)
    if candidate.domain:
        account.domains.add(candidate.domain)
    if candidate.company:
        account.names.add(Name(candidate.company.name, candidate.place, candidate.company.form))
    return account


def said_of(pair: Pair) -> str:
    """Return what matching says of a pair: the second lead meets the account that the first one opened."""
    account = opened_by(pair.one)
    if account is None:
        return "unsure"
    chosen = match(pair.other, [account])
    return "same" if chosen.account else "unsure" if chosen.candidates else "different"


def test_matches_are_certain_and_most_are_found() -> None:
    """At least 500 labelled pairs; a match that is none weighs more than one that is missed."""
    found = [
        (pair, said_of(pair), said_of(pair._replace(one=pair.other, other=pair.one))) for pair in pairs()
    ]
    assert len(found) >= 500
    one_way = [
        (pair.why, pair.one, pair.other, said, back)
        for pair, said, back in found
        if (said == "same") != (back == "same")
    ]
    assert not one_way, "who comes first decides"
    same = [(pair, said) for pair, said, _ in found if pair.expected == "same"]
    hits = [pair for pair, said, _ in found if said == "same" and pair.expected == "same"]
    wrong = [pair for pair, said, _ in found if said == "same" and pair.expected != "same"]
    missed = Counter(pair.why for pair, said in same if said != "same")
    precision, recall = len(hits) / (len(hits) + len(wrong)), len(hits) / len(same)
    print(f"{len(found)} pairs, {len(same)} of them same: precision {precision:.4f}, recall {recall:.4f}")
    print("missed:", dict(missed))
    print("wrong:", [(pair.why, pair.one, pair.other) for pair in wrong])
    assert precision >= PRECISION
    assert recall >= RECALL
