"""Questions, no writes: how does everything stand, and why may this not start or be signed yet?"""

from checklists.gates.answers import (
    Blocker,
    Fact,
    GateView,
    ItemView,
    PhaseView,
    SeatView,
    Voided,
)
from checklists.gates.board import Board
from checklists.gates.permissions import may, seats_for, why_not_sign

__all__ = [
    "Blocker",
    "Board",
    "Fact",
    "GateView",
    "ItemView",
    "PhaseView",
    "SeatView",
    "Voided",
    "may",
    "seats_for",
    "why_not_sign",
]
