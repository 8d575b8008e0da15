"""The mappings that Tasuki starts with. `tasuki crm fields` prints the one in force."""

from typing import Any, Final

#: An empty name or company that Salesforce does not accept; Salesforce's own word for it.
_NOT_GIVEN: Final = "[not provided]"


def _profile(*rows: tuple[str, str, int | None]) -> dict[str, dict[str, Any]]:
    """Return fields about the person: a human's correction in the CRM is never overwritten."""
    return {field: {"fact": fact, "write": "if_empty", "max": most} for field, fact, most in rows}


def _tasuki(pattern: str, upper: bool) -> dict[str, dict[str, Any]]:
    """Return Tasuki's own fields, which nobody else writes."""
    names = {
        "persona": "persona", "fit_grade": "fit_grade", "engagement": "engagement", "buying_stage": "buying_stage",
        "stage": "lifecycle_stage", "why_ready": "why_ready", "track": "track", "link": "link",
    }  # fmt: skip
    made = {name: {"fact": fact, "max": 255} for name, fact in names.items()}
    made["next_step"] = {"fact": "next_step", "max": 255}
    made["next_step_due"] = {"fact": "next_step_due"}
    return {
        pattern.format("_".join(part.capitalize() for part in name.split("_")) if upper else name): spec
        for name, spec in made.items()
    }


_SALESFORCE_PERSON: Final = {
    **_profile(("FirstName", "given_name", 40), ("Email", "email", None), ("Phone", "phone", 40), ("Title", "title", 128)),
    "LastName": {"fact": "family_name", "write": "if_empty", "max": 80, "otherwise": _NOT_GIVEN},
    "OwnerId": {"fact": "owner", "write": "on_change"},
    **_tasuki("Tasuki_{}__c", upper=True),
}  # fmt: skip

OF: Final[dict[str, dict[str, Any]]] = {
    "salesforce": {
        "id_field": "Tasuki_Id__c",
        "lost_reason": "Loss_Reason__c",
        "objects": {
            "Lead": {
                **_SALESFORCE_PERSON,
                "Company": {"fact": "company", "write": "if_empty", "max": 255, "otherwise": _NOT_GIVEN},
                "NumberOfEmployees": {"fact": "employees", "write": "if_empty"},
                "Status": {"fact": "status", "write": "on_change"},
            },
            # A Contact belongs to an account and has no status; its opportunity tells how far it is.
            "Contact": {
                **_SALESFORCE_PERSON,
                "Department": {"fact": "department", "write": "if_empty", "max": 80},
            },
        },
        # The standard values of Lead.Status. `Closed - Converted` is set by converting only.
        "status": {
            "mql": "Open - Not Contacted", "offered": "Open - Not Contacted", "sal": "Open - Not Contacted",
            "contacted": "Working - Contacted", "sql": "Working - Contacted", "lost": "Closed - Not Converted",
            "nurture": "Closed - Not Converted", "disqualified": "Closed - Not Converted",
        },
    },
    "hubspot": {
        "id_field": "tasuki_id",
        "lost_reason": "closed_lost_reason",
        "currency": "deal_currency_code",
        "objects": {
            "contacts": {
                **_profile(
                    ("firstname", "given_name", 255), ("lastname", "family_name", 255), ("email", "email", None),
                    ("phone", "phone", 255), ("jobtitle", "title", 255), ("company", "company", 255),
                    ("website", "company_domain", 255),
                ),
                "hubspot_owner_id": {"fact": "owner", "write": "on_change"},
                "hs_lead_status": {"fact": "status", "write": "on_change"},
                "lifecyclestage": {"fact": "lifecycle", "write": "forward"},
                **_tasuki("tasuki_{}", upper=False),
            }
        },
        "status": {
            "mql": "NEW", "offered": "NEW", "sal": "OPEN", "contacted": "CONNECTED", "sql": "OPEN_DEAL",
            "nurture": "BAD_TIMING", "disqualified": "UNQUALIFIED", "lost": "UNQUALIFIED",
        },
        "lifecycle": {
            "mql": "marketingqualifiedlead", "offered": "marketingqualifiedlead", "sal": "salesqualifiedlead",
            "contacted": "salesqualifiedlead", "sql": "opportunity", "won": "customer", "nurture": "lead",
        },
    },
    "webhook": {
        "id_field": "tasuki_id",
        # The receiver gets every fact under its own name; what it does with them is its own.
        "objects": {"lead": {}},
        "status": {},
    },
}  # fmt: skip
