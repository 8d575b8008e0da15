"""The whole rulebook: eight files that are published together or not at all."""

from typing import Final

from schemas.base import Contract
from schemas.rulebook.journey import JourneyFile
from schemas.rulebook.nurture import NurtureFile
from schemas.rulebook.persona import PersonaFile
from schemas.rulebook.readiness import ReadinessFile
from schemas.rulebook.routing import RoutingFile
from schemas.rulebook.scoring import ScoringFile
from schemas.rulebook.sla import SlaFile
from schemas.rulebook.team import TeamFile


class Rulebook(Contract):
    """Every rule that a decision can rest on."""

    persona: PersonaFile
    journey: JourneyFile
    scoring: ScoringFile
    readiness: ReadinessFile
    nurture: NurtureFile
    routing: RoutingFile
    team: TeamFile
    sla: SlaFile


#: stem of the YAML file -> its model, in reading order.
FILES: Final = {name: field.annotation for name, field in Rulebook.model_fields.items()}
#: Files that marketing and sales both sign.
SIGNED: Final = ("persona", "journey", "readiness")
