"""Every command that a person can give. Each is one transaction, is recorded, and may be refused.

Arguments are keyword-only. A refused command raises `CommandRefused` and changes nothing.
"""

from checklists.services.amendments import Amendment, plan_amendment
from checklists.services.attempts import (
    ask_probe,
    cancel_attempt,
    reconcile_attempt,
    start_attempt,
)
from checklists.services.changes import confirm_change, describe_change, get_rule, may_decide, reject_change
from checklists.services.confirmed_runbooks import request_runbook_confirmation
from checklists.services.cutovers import close_cutover, open_cutover, order_rollback
from checklists.services.gate_looks import remember_look
from checklists.services.gates import sign_gate
from checklists.services.hosts import declare_host_dead, lost_hosts
from checklists.services.items import (
    add_note,
    claim_item,
    hand_over_item,
    release_item,
    skip_item,
    tick_item,
    unskip_item,
    untick_item,
)
from checklists.services.members import add_member, is_set_up, remove_member
from checklists.services.no_gos import answer_no_go, withdraw_no_go
from checklists.services.preflight import request_preflight
from checklists.services.previews import request_preview
from checklists.services.refusal import CommandRefused
from checklists.services.runbooks import amend_runbook, load_runbook
from checklists.services.secrets import decrypt_export, reencrypt_secrets
from checklists.services.status_links import create_status_link, revoke_status_link
from checklists.services.ticks import HandedFile, HandedIn, members_who_act
from checklists.services.variables import release_variables, withdraw_variables
from checklists.services.windows import move_window, start_early

__all__ = [
    "Amendment",
    "CommandRefused",
    "HandedFile",
    "HandedIn",
    "add_member",
    "add_note",
    "amend_runbook",
    "answer_no_go",
    "ask_probe",
    "cancel_attempt",
    "claim_item",
    "close_cutover",
    "confirm_change",
    "create_status_link",
    "declare_host_dead",
    "decrypt_export",
    "describe_change",
    "get_rule",
    "hand_over_item",
    "is_set_up",
    "load_runbook",
    "lost_hosts",
    "may_decide",
    "members_who_act",
    "move_window",
    "open_cutover",
    "order_rollback",
    "plan_amendment",
    "reconcile_attempt",
    "reencrypt_secrets",
    "reject_change",
    "release_item",
    "release_variables",
    "remember_look",
    "remove_member",
    "request_preflight",
    "request_preview",
    "request_runbook_confirmation",
    "revoke_status_link",
    "sign_gate",
    "skip_item",
    "start_attempt",
    "start_early",
    "tick_item",
    "unskip_item",
    "untick_item",
    "withdraw_no_go",
    "withdraw_variables",
]
