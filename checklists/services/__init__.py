"""Every command that a person can give: keyword-only, one transaction, recorded, refused in words."""

from checklists.services.attempts import (
    ask_probe,
    cancel_attempt,
    preview_item,
    reconcile_attempt,
    start_attempt,
)
from checklists.services.cutovers import add_member, close_cutover, load_runbook, open_cutover, order_rollback
from checklists.services.gates import sign_gate
from checklists.services.items import (
    add_note,
    claim_item,
    release_item,
    skip_item,
    tick_item,
    unskip_item,
    untick_item,
)
from checklists.services.refused import Refused

__all__ = [
    "Refused",
    "add_member",
    "add_note",
    "ask_probe",
    "cancel_attempt",
    "claim_item",
    "close_cutover",
    "load_runbook",
    "open_cutover",
    "order_rollback",
    "preview_item",
    "reconcile_attempt",
    "release_item",
    "sign_gate",
    "skip_item",
    "start_attempt",
    "tick_item",
    "unskip_item",
    "untick_item",
]
