"""What the application role may do with each table. `migrate` grants exactly this, and nothing else.

A table that is missing here cannot be used by the panel; a test names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Columns(Enum):
    """Instead of a list of columns."""

    ALL = "all"


@dataclass(frozen=True)
class Rights:
    """Rights on one table beside SELECT. An identity column is never written: a row gets the next number."""

    insert: bool = False
    update: tuple[str, ...] | Columns = ()
    delete: bool = False


READ = Rights()
#: Rows are only added. A trigger says the same, for the owner too.
APPEND = Rights(insert=True)
#: Tables of Django and allauth, which keep no record.
EVERYTHING = Rights(insert=True, update=Columns.ALL, delete=True)


def _added_and(*changing: str) -> Rights:
    """Rows are added, and these columns change. The others are written once."""
    return Rights(insert=True, update=changing)


#: What an executor writes while it carries out an attempt, and what people decide about it.
_ATTEMPT_CHANGES = (
    *("status", "fence", "owner", "woken_at", "claimed_at", "lease_expires_at", "heartbeat_at"),
    *("effect_started_at", "ended_at", "cancel_requested_at", "cancel_requested_by_id", "before"),
    *("progress_done", "progress_total", "progress_what", "progress_at", "log_next", "summary", "problem"),
    *("unknown_reason", "finding", "reconciliation", "reconciled_by_id", "reconciled_at"),
)
_PREFLIGHT_CHANGES = (
    *("status", "woken_at", "started_at", "ended_at", "fence", "owner", "lease_expires_at"),
    *("checks_done", "checks_total", "progress_at", "note", "digest"),
)
_TABLE_PROGRESS_CHANGES = (
    *("state", "pages", "pages_done", "rows_done", "seconds", "seconds_left", "found", "at"),
)

RIGHTS: Mapping[str, Rights] = {
    # what a runbook defines: written once, except what an amendment moves
    "checklists_runbook": APPEND,
    "checklists_gateevidence": APPEND,
    "checklists_phase": _added_and("position", "title", "note", "original", "before_window"),
    "checklists_item": _added_and(
        *("position", "owner_title", "service_restored", "ends_window", "superseded_at", "claimed_by_id"),
        "claimed_at",
        *("done_by_id", "done_at", "skipped_by_id", "skipped_at", "skip_reason"),
    ),
    "checklists_cutover": _added_and(
        *("runbook_id", "status", "direction", "epoch", "window_start", "window_end"),
        *("timezone", "systems", "seat_titles", "logs_for_stakeholders", "closed_at"),
        *("rto_from", "rto_to", "decision_time"),
    ),
    "checklists_member": Rights(insert=True, update=("part", "seats", "roles"), delete=True),
    # what happened
    "checklists_attempt": _added_and(*_ATTEMPT_CHANGES),
    "checklists_auditentry": APPEND,
    "checklists_audithead": _added_and("seq", "hash"),
    "checklists_backup": _added_and("verified_by_id", "verified_at", "restore_seconds"),
    "checklists_backupverification": APPEND,
    "checklists_changerequest": _added_and("decision", "decided_by_id", "decided_at", "decision_reason"),
    "checklists_evidence": APPEND,
    "checklists_gatepass": _added_and("used_at"),
    "checklists_hostdeath": APPEND,
    "checklists_itempreview": _added_and("status", "woken_at", "started_at", "ended_at", "shown", "problem"),
    "checklists_logline": APPEND,
    "checklists_measurement": APPEND,
    "checklists_memberchange": APPEND,
    "checklists_note": APPEND,
    "checklists_parityresult": APPEND,
    "checklists_preflightresult": APPEND,
    "checklists_preflightrun": _added_and(*_PREFLIGHT_CHANGES),
    "checklists_releasedvariable": EVERYTHING,  # Django's admin site keeps who changed it
    "checklists_rowdifference": APPEND,
    "checklists_simulatedforecast": _added_and("at", "direction", "revision", "seed", "runs", "moments"),
    "checklists_servicebeat": Rights(insert=True, update=("at",), delete=True),
    "checklists_signoff": APPEND,
    "checklists_nogoanswer": APPEND,
    "checklists_gatelook": Rights(
        insert=True, update=("at", "seen", "before_at", "before"), delete=True
    ),  # decides nothing
    "checklists_statuslink": _added_and("revoked_by_id", "revoked_at"),
    "checklists_tableprogress": _added_and(*_TABLE_PROGRESS_CHANGES),
    "checklists_tick": APPEND,
    "checklists_tickfile": APPEND,
    # people and sessions
    "auth_user": EVERYTHING,
    "auth_group": EVERYTHING,
    "auth_group_permissions": EVERYTHING,
    "auth_user_groups": EVERYTHING,
    "auth_user_user_permissions": EVERYTHING,
    "accounts_cacheentry": EVERYTHING,
    "accounts_failedattempt": EVERYTHING,
    "account_emailaddress": EVERYTHING,
    "account_emailconfirmation": EVERYTHING,
    "mfa_authenticator": EVERYTHING,
    "socialaccount_socialaccount": EVERYTHING,
    "socialaccount_socialapp": EVERYTHING,
    "socialaccount_socialtoken": EVERYTHING,
    "django_session": EVERYTHING,
    "django_admin_log": Rights(insert=True, delete=True),  # deleting an account deletes what it did there
    # written by migrations alone
    "auth_permission": READ,
    "django_content_type": READ,
    "django_migrations": READ,
}

#: Sequences that do not belong to a column.
SEQUENCES = ("checklists_fence",)
