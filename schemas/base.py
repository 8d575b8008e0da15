"""The common ground of all contracts: frozen models, bilingual wording, durations."""

import re
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Lang = Literal["ja", "en"]

#: The first market's zone: what people read on a screen is in it, the days of a sentence included.
HOME_ZONE: Final = ZoneInfo("Asia/Tokyo")

_DURATION = re.compile(r"\s*(\d{1,6})\s*(s|m|h|d)\s*", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Contract(BaseModel):
    """A shape that both sides rely on: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Wording(Contract):
    """A name that people read, in Japanese and English."""

    ja: str = Field(min_length=1, max_length=200)
    en: str = Field(min_length=1, max_length=200)

    def say(self, lang: Lang) -> str:
        """Return the wording in `lang`."""
        return self.ja if lang == "ja" else self.en


def _duration_s(value: Any) -> int:
    """Read `30m`, `4h`, `2d`, `90s` as whole seconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        msg = f"{value!r} is not a duration: write a number and a unit, such as 30m, 4h, 2d or 90s"
        raise ValueError(msg)
    return int(match[1]) * _UNIT_S[match[2]]


#: A span of time in seconds, written `30m`, `4h`, `2d` or `90s` in rule files.
Duration = Annotated[int, BeforeValidator(_duration_s), Field(ge=0, le=366 * 86_400)]

#: A name that other parts of the rulebook refer to.
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

#: A condition as data, `{field: {operator: value}}`; `routing_rules.conditions` checks it and `closures` compiles it.
Condition = dict[str, Any]
