"""The model in force, beside the rule score: a chance to win with its reasons, or a plain word why there is none.

Never in the way of a judgement: a model that does not fit is told, and the rule score goes on alone.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook
from routing_rules.learned import Contribution, compile_card
from routing_rules.learned_features import features
from routing_rules.learned_words import contribution_words, worth_telling
from schemas.base import Lang
from schemas.errors import Refused
from schemas.learned import ModelRow
from worker import rulebooks
from worker.store import models
from worker.store.leads import LeadRow

#: The strongest reasons that are told.
REASONS = 6


@dataclass(frozen=True, slots=True)
class Chance:
    """What the model says of a lead; `problem` says why it says nothing."""

    version: int
    chance: float | None = None
    contributions: tuple[Contribution, ...] = ()
    book: CompiledBook | None = None
    problem: str | None = None

    def reasons(self, lang: Lang) -> list[str]:
        """Return the strongest reasons in words."""
        told = [one for one in self.contributions if worth_telling(one)][:REASONS]
        return [contribution_words(one, self.book, lang) for one in told]

    def told(self, lang: Lang) -> dict[str, object]:
        """Return what machines read: the chance with its reasons, or the problem."""
        if self.chance is None:
            return {"model": self.version, "problem": self.problem}
        return {"model": self.version, "chance": self.chance, "reasons": self.reasons(lang)}

    def line(self, lang: Lang) -> str:
        """Say it in one line."""
        if self.chance is None:
            problem = self.problem or "-"
            if lang == "ja":
                return f"学習モデル{self.version}は使えません（{problem}）。ルールのスコアのみで進めます。"
            return f"Model {self.version} was refused ({problem}); the rule score goes on alone."
        comma = "／" if lang == "ja" else "; "
        told = comma.join(self.reasons(lang)) or ("平均的なリード" if lang == "ja" else "an average lead")
        if lang == "ja":
            return f"引き渡した場合の受注の見込み {self.chance:.0%}（学習モデル{self.version}）: {told}。"
        return f"Chance to win once handed over {self.chance:.0%} (model {self.version}): {told}."


def chance_of(connection: Connection, lead: LeadRow, now_ms: int) -> Chance | None:
    """Return the chance of a lead by the model in force; None where no model is."""
    model = models.in_force(connection)
    return None if model is None else chance_by(model, lead, now_ms)


def chance_by(model: ModelRow, lead: LeadRow, now_ms: int) -> Chance:
    """Return the chance of a lead by one model, looked at through the rulebook that the model belongs to."""
    if model.card is None:
        return Chance(model.version, problem=model.problem)
    try:
        book = rulebooks.load(model.rulebook_version).book
    except Refused as error:
        return Chance(model.version, problem=str(error))
    owner = lead.state.fact("account_owner") or lead.account_owner
    values = features(lead.state, lead.standing, book, now_ms, owner)
    learned = compile_card(model.card)
    told = tuple(learned.contributions(values))
    return Chance(model.version, learned.chance(values), told, book)
