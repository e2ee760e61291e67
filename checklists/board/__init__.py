"""Read-only: the state of every item and gate of a cutover, and why an operation is not allowed yet."""

from checklists.board.board import Board
from checklists.board.irreversible import items_decided_by
from checklists.board.later_facts import FactChange, LaterFact
from checklists.board.permissions import STARTABLE, allowed_commands, answering_seats, seats_for, why_not_sign
from checklists.board.preflight import ComparedResult, PreflightCounts, PreflightState
from checklists.board.problems import RedItem, find_problems
from checklists.board.production import (
    WindowState,
    is_runbook_confirmed,
    opens_later,
    waits_for_window,
)
from checklists.board.resource_holder import ResourceHolder, find_resource_holder
from checklists.board.seen_red import checks_never_seen_red
from checklists.board.signed_facts import SignedThen, compare_with_signed
from checklists.board.views import (
    Blocker,
    Dissent,
    EvidenceGap,
    Fact,
    GateView,
    ItemView,
    PhaseView,
    SeatView,
    VoidedSignOff,
)

__all__ = [
    "STARTABLE",
    "Blocker",
    "Board",
    "ComparedResult",
    "Dissent",
    "EvidenceGap",
    "Fact",
    "FactChange",
    "GateView",
    "ItemView",
    "LaterFact",
    "PhaseView",
    "PreflightCounts",
    "PreflightState",
    "RedItem",
    "ResourceHolder",
    "SeatView",
    "SignedThen",
    "VoidedSignOff",
    "WindowState",
    "allowed_commands",
    "answering_seats",
    "checks_never_seen_red",
    "compare_with_signed",
    "find_problems",
    "find_resource_holder",
    "is_runbook_confirmed",
    "items_decided_by",
    "opens_later",
    "seats_for",
    "waits_for_window",
    "why_not_sign",
]
