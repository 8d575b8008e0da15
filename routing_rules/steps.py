"""Where a lead is on a track: by the time that it has spent there, without the time with sales."""

from collections.abc import Sequence

from schemas.rulebook.nurture import TrackStep

_DAY_S = 86_400


def place_on(steps: Sequence[TrackStep], spent_s: int) -> TrackStep | None:
    """Return the step that so many seconds on the track make, or None where the track has no steps.

    Steps come in the order of their days, the first with the track.
    """
    reached = [step for step in steps if step.after_days * _DAY_S <= spent_s]
    return reached[-1] if reached else None
