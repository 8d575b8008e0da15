"""Lint: what must stop a rulebook from being published, and what is worth a second look."""

from routing_rules.lint.asked import condition_findings
from routing_rules.lint.channels import channel_doubts, channel_findings
from routing_rules.lint.doubts import doubts
from routing_rules.lint.nurture import nurture_doubts, nurture_findings
from routing_rules.lint.promises import promise_doubts, promise_findings
from routing_rules.lint.references import reference_findings
from routing_rules.lint.rulers import measure_findings
from routing_rules.lint.scores import score_doubts, score_findings
from routing_rules.lint.sharing import sharing_doubts, sharing_findings
from routing_rules.lint.staff import staff_findings
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook

__all__ = ["lint", "warnings"]


def lint(book: Rulebook) -> list[Finding]:
    """Return every error of a rulebook whose files have the right shape. Paths lead into the YAML files."""
    return [
        *condition_findings(book),
        *reference_findings(book),
        *measure_findings(book),
        *score_findings(book),
        *promise_findings(book),
        *staff_findings(book),
        *sharing_findings(book),
        *channel_findings(book),
        *nurture_findings(book),
    ]


def warnings(book: Rulebook) -> list[Finding]:
    """Return what may be meant but probably is not, in a rulebook without errors."""
    return [
        *doubts(book),
        *score_doubts(book),
        *sharing_doubts(book),
        *promise_doubts(book),
        *channel_doubts(book),
        *nurture_doubts(book),
    ]
