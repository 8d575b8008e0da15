"""The values of an event's fields: what each may hold, and the one form that it is brought to."""

import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Any, Final

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"\\]{1,64}@(?=[^@]{3,253}$)[^\s@.<>()\[\],;:\"\\]+(?:\.[^\s@.<>()\[\],;:\"\\]+)+"
)


@lru_cache(maxsize=65_536)
def normal_email(value: str) -> str:
    """Return an address as identity key: NFKC (full-width forms), trimmed, lower case, domains in their own script.

    Dots and +tags stay: with most providers they make another person's address, and a key must never join two.

    Raises:
        ValueError: when it does not have the shape of an address.

    """
    address = unicodedata.normalize("NFKC", value).strip().strip(".").lower()
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        msg = "not an e-mail address; send one such as hanako@example.co.jp"
        raise ValueError(msg)
    if address.isascii() and "xn--" not in address:
        return address
    try:
        return validate_email(address, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return address  # it has the shape of one, and stands for nobody else


_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-|–|〜|～|~|to)\s*(\d{1,9})\s*(?:人|名)?\s*")
_COUNT = re.compile(r"\s*(\d{1,9})\s*(?:\+|人|名|人以上|名以上)?\s*")


def _employees(value: Any) -> Any:
    if isinstance(value, str):
        return head_count(value)
    return str(value) if isinstance(value, bool) else value  # true is no head count


@lru_cache(maxsize=4_096)
def head_count(value: str) -> int:
    """Read "500", "１，０００人", "101-500" (the lower bound counts), "1000+".

    Raises:
        ValueError: when it does not say a number of people.

    """
    text = unicodedata.normalize("NFKC", value).replace(",", "")
    match = _RANGE.fullmatch(text) or _COUNT.fullmatch(text)
    if match is None:
        msg = "not a head count; send a whole number such as 500 or a range such as 101-500"
        raise ValueError(msg)
    return int(match[1])


def _no_flag(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value  # true is no amount


def _upper(value: str) -> str:
    return value.upper()


#: One line of text: what a mail header, a log line or a list can hold. Checked by pydantic's core, not by us.
LINE: Final = "^[^\\x00-\\x1f\\x7f\u2028\u2029]*$"
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=LINE)]
#: Links and user agents are longer.
LongLine = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000, pattern=LINE)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=LINE)]
Email = Annotated[str, Field(max_length=320), AfterValidator(normal_email)]
_Count = Annotated[int, Field(ge=0, le=10_000_000)]
Count = Annotated[_Count, BeforeValidator(_employees, json_schema_input_type=_Count | str)]
Country = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$"), AfterValidator(_upper)]
Amount = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, le=1e15)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$", max_length=35)]
CorporateNumber = Annotated[str, Field(pattern=r"^[0-9]{13}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
RepId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
