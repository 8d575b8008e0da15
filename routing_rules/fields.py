"""The closed, typed vocabulary of fields that conditions may speak of."""

from dataclasses import dataclass
from typing import Final, Literal

from routing_rules.industries import SECTORS

Kind = Literal["text", "number", "flag", "ordered", "activity", "hand_raise"]

#: Operators that each kind of field understands.
OPERATORS: Final[dict[Kind, frozenset[str]]] = {
    "text": frozenset({"eq", "ne", "in", "not_in", "contains", "matches", "exists"}),
    "number": frozenset({"eq", "ne", "in", "gt", "gte", "lt", "lte", "exists"}),
    "flag": frozenset({"eq", "exists"}),
    "ordered": frozenset({"eq", "ne", "in", "not_in", "at_least", "exists"}),
    "activity": frozenset({"at_least", "at_most", "within_days"}),
    "hand_raise": frozenset({"within_days"}),
}

SENIORITIES: Final = ("staff", "senior", "manager", "head", "director", "executive")
FUNCTIONS: Final = (
    "it", "marketing", "sales", "finance", "hr", "operations", "engineering", "purchasing", "legal",
    "general_affairs", "management",
)  # fmt: skip
GRADES: Final = ("D", "C", "B", "A")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: its kind, the closed set of its values where there is one, and when it is known."""

    kind: Kind
    #: For `ordered` fields the lowest value first; for `text` the only values there are.
    values: tuple[str, ...] = ()
    #: A field that the judgement itself makes cannot be asked before it is made.
    judged: bool = False


#: Stored fact (a field of `EventData`) -> field name in conditions.
FACT_FIELDS: Final = {
    "email": "person.email",
    "title": "person.title",
    "department": "person.department",
    "phone": "person.phone",
    "company": "company.name",
    "corporate_number": "company.corporate_number",
    "employees": "company.employees",
    "industry": "company.industry",
    "campaign": "campaign",
}

FIELDS: Final[dict[str, FieldSpec]] = {
    "person.email": FieldSpec("text"),
    "person.phone": FieldSpec("text"),
    "person.title": FieldSpec("text"),
    "person.department": FieldSpec("text"),
    "person.seniority": FieldSpec("ordered", SENIORITIES),
    "person.function": FieldSpec("text", FUNCTIONS),
    "person.language": FieldSpec("text"),
    "company.name": FieldSpec("text"),
    "company.domain": FieldSpec("text"),
    "company.corporate_number": FieldSpec("text"),
    "company.employees": FieldSpec("number"),
    "company.industry": FieldSpec("text"),
    "company.sector": FieldSpec("text", SECTORS),
    "company.country": FieldSpec("text"),
    "company.region": FieldSpec("text"),
    "account.owner": FieldSpec("text"),
    "source": FieldSpec("text"),
    "campaign": FieldSpec("text"),
    "consent.email": FieldSpec("flag"),
    "consent.phone": FieldSpec("flag"),
    "hand_raise": FieldSpec("hand_raise"),
    "recycle_count": FieldSpec("number"),
    "persona": FieldSpec("text", judged=True),
    "fit": FieldSpec("number", judged=True),
    "fit_grade": FieldSpec("ordered", GRADES, judged=True),
    "engagement": FieldSpec("number", judged=True),
    "buying_stage": FieldSpec("ordered", judged=True),
}

#: `activity.pricing_view` and the like: what the ledger holds of one kind.
ACTIVITY_PREFIX: Final = "activity."


def spec_of(name: str, stages: tuple[str, ...] = ()) -> FieldSpec | None:
    """Return what is known of a field, or None when there is no such field.

    Args:
        name: as written in a condition.
        stages: the journey's stages, lowest first: the values of `buying_stage`.

    """
    if name.startswith(ACTIVITY_PREFIX) and len(name) > len(ACTIVITY_PREFIX):
        return FieldSpec("activity")
    if name == "buying_stage":
        return FieldSpec("ordered", stages, judged=True)
    return FIELDS.get(name)
