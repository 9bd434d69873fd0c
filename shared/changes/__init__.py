"""What changing a visit would do: which visits change, whom that withdraws, who is asked anew, what stands against it.

Preview and Confirm make the same plan, the first to show it, the second inside its transaction to act on it.
"""

from shared.changes.family import draft_of, picks_of, read_family, rule_of
from shared.changes.handover import find_successor, handover_digest, handover_wishes, visits_ahead
from shared.changes.planning import plan_change, refuse
from shared.changes.wishes import Asked, Asking, ChangeKind, ChangePlan, Ending, VisitChange, Wish

__all__ = [
    "Asked",
    "Asking",
    "ChangeKind",
    "ChangePlan",
    "Ending",
    "VisitChange",
    "Wish",
    "draft_of",
    "find_successor",
    "handover_digest",
    "handover_wishes",
    "picks_of",
    "plan_change",
    "read_family",
    "refuse",
    "rule_of",
    "visits_ahead",
]
