"""Read-only: the state of every item and gate of a cutover, and why an operation is not allowed yet."""

from checklists.board.answers import Reply, Trouble, find_trouble, read_notes, read_trouble, trouble_of
from checklists.board.board import Board
from checklists.board.irreversible import items_decided_by
from checklists.board.later_facts import FactChange, LaterFact
from checklists.board.permissions import (
    STARTABLE,
    allowed_commands,
    answering_seats,
    seats_for,
    why_not_decide,
    why_not_sign,
)
from checklists.board.preflight import ComparedResult, PreflightCounts, PreflightState
from checklists.board.problems import RedItem, find_dissents, find_problems
from checklists.board.production import (
    WindowState,
    is_runbook_confirmed,
    opens_later,
    waits_for_window,
)
from checklists.board.resource_holder import ResourceHolder, find_resource_holder
from checklists.board.seen_red import checks_never_seen_red
from checklists.board.signed_again import signed_again_of
from checklists.board.signed_facts import SignedThen, compare_with_signed, voided_of
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
    "Reply",
    "ResourceHolder",
    "SeatView",
    "SignedThen",
    "Trouble",
    "VoidedSignOff",
    "WindowState",
    "allowed_commands",
    "answering_seats",
    "checks_never_seen_red",
    "compare_with_signed",
    "find_dissents",
    "find_problems",
    "find_resource_holder",
    "find_trouble",
    "is_runbook_confirmed",
    "items_decided_by",
    "opens_later",
    "read_notes",
    "read_trouble",
    "seats_for",
    "signed_again_of",
    "trouble_of",
    "voided_of",
    "waits_for_window",
    "why_not_decide",
    "why_not_sign",
]
