"""What Salesforce's errors of single records mean, and what a person does about them."""

from typing import Any, Final

from worker.crm.base import Failed

#: What another try can help against.
_AGAIN: Final = frozenset(
    "UNABLE_TO_LOCK_ROW QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG SERVER_UNAVAILABLE CANNOT_UPDATE_CONVERTED_LEAD".split()
)
#: The owner is what is wrong: the rest is written without.
_OWNER: Final = frozenset("INACTIVE_OWNER_OR_USER TRANSFER_REQUIRES_READ".split())
#: What a person does about it.
_MENDS: Final = {
    "DUPLICATES_DETECTED": "a duplicate rule says no: merge the records, or set `duplicates: allow` in the mapping",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of the org says no: mend the lead or the rule",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the picklist has no such value: mend the mapping's `status`",
    "REQUIRED_FIELD_MISSING": "the org asks for a field that the mapping does not write: add it",
    "DUPLICATE_VALUE": "the record's key is another record's: see the mapping's `id_field`",
    "STRING_TOO_LONG": "the field is shorter than its text: set `max` in the mapping",
}


def is_owners(error: dict[str, Any]) -> bool:
    """Tell whether the owner is what is wrong."""
    code, fields = error.get("statusCode"), error.get("fields") or []
    return code in _OWNER or (code == "INVALID_CROSS_REFERENCE_KEY" and "OwnerId" in fields)


def words(error: dict[str, Any]) -> str:
    """Return what a record's error says, and what to do."""
    return said(str(error.get("statusCode", "UNKNOWN_EXCEPTION")), str(error.get("message", "")))


def said(code: str, words: str) -> str:
    """Return code, words, and what to do."""
    mend = _MENDS.get(code)
    return f"{code} {words[:300]}" + (f"; {mend}" if mend else "")


def failed(lead_id: int, error: dict[str, Any]) -> Failed:
    """Return the result of a record that was not written."""
    code = str(error.get("statusCode", "UNKNOWN_EXCEPTION"))
    return Failed(lead_id, words(error), again=code in _AGAIN)
