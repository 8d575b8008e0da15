"""What the kinds of notices have in common, said in one place."""

from typing import Final

#: They ask the reader to act before a deadline.
ASKING: Final = frozenset({"offer", "warning", "reminder", "moved", "claim_open", "claimed"})
#: They break through quiet hours where the policy counts by the wall: an escalation too, for it asks for a look
#: at a lead whose deadline passed while the clock ran.
BY_THE_WALL: Final = ASKING | {"escalation"}
#: They say how much time is left, and waiting uses it up; of a reminder none is.
TIMED: Final = ASKING - {"reminder"}
#: They say how long the reader has by a clock that runs: what waited names the deadline as it is when it is sent.
DATED: Final = TIMED - {"claim_open"}
#: They take back what was told: not to be held until more has come, for the reader may call the lead meanwhile.
TAKING_BACK: Final = frozenset({"withdrawn", "claim_over"})
#: They tell a manager of somebody else's lead.
OF_ANOTHER: Final = frozenset({"breach", "escalation", "rep_left"})
#: They tell of a lead that nobody holds: there is no assignment to name.
UNASSIGNED: Final = frozenset({"claim_open", "claim_over"})
