"""By which rule of the database each column of the panel's own tables is held, or why by none.

Model → rule (the name of a trigger) → columns. Rules of `WHOLE_ROW` refuse every change; a column that the
panel changes is under a rule that names it. Numbers of rows are not listed: the database
gives them, and a right keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Rules that refuse every later change of the columns under them, without naming each.
WHOLE_ROW = ("append_only", "definition_is_written_once")

HELD: Mapping[str, Mapping[str, str]] = {
    "Cutover": {
        "definition_is_written_once": "slug title kind rehearsal_quorum created_by created_at",
        "moves_on": "status direction epoch closed_at",
        "changes_with_its_entry": "window_start window_end runbook timezone systems seat_titles "
        "logs_for_stakeholders rto_from rto_to decision_time",
    },
    "Member": {"has_its_change": "cutover person part seats roles"},
    "MemberChange": {
        "append_only": "cutover reason",
        "changed_by_who_may": "person after requested_by confirmed_by at",
        "says_what_was_before": "before seats_gained is_later",
    },
    "Phase": {
        "definition_is_written_once": "cutover number key direction",
        "changes_with_the_runbook": "position title note original before_window",
    },
    "Item": {
        "definition_is_written_once": "cutover phase key number title how original kind owner needs planned "
        "optional action params fresh_for deadline undo irreversible goes_with type_target requires seats "
        "quorum opens runbook_sha256",
        "changes_with_the_runbook": "position owner_title service_restored ends_window superseded_at",
        "changes_while_open": "claimed_at",
        "changes_with_its_entry": "claimed_by done_by done_at skipped_by skipped_at skip_reason",
    },
    "GateEvidence": {"append_only": "gate item fresh_for position"},
    "Note": {"append_only": "item by at text"},
    "Tick": {"append_only": "item by at note on_behalf_of on_behalf_of_name"},
    "TickFile": {"append_only": "name media_type", "belongs_to_its_tick": "tick size sha256 content"},
    "Attempt": {
        "definition_is_written_once": "cutover item number action effect params resource epoch direction "
        "requested_by deadline queued_at",
        "legal_moves": "status fence",
        "keeps_its_story": "owner claimed_at effect_started_at ended_at before summary problem "
        "unknown_reason reconciliation reconciled_by reconciled_at",
        "is_cancelled_once": "cancel_requested_at",
        "cancel_has_its_entry": "cancel_requested_by",
        "finding_has_its_entry": "finding",
    },
    "Evidence": {"append_only": "item attempt ok facts digest judges confirms denies observed_at"},
    "AuditHead": {"head_is_the_last_link": "seq hash"},
    "AuditEntry": {"append_only": "cutover seq at actor kind payload prev hash"},
    "Backup": {
        "definition_is_written_once": "cutover attempt path bytes sha256 taken_at facts",
        "only_verifications_verify": "verified_by verified_at restore_seconds",
    },
    "BackupVerification": {"append_only": "backup attempt equal at seconds reason"},
    "ParityResult": {
        "append_only": "attempt table source_rows target_rows equal differing declared examples facts "
        "digest seconds"
    },
    "RowDifference": {
        "append_only": "attempt number table kind key columns paths personal names left_out text "
        "personal_text"
    },
    "LogLine": {"append_only": "attempt number at text"},
    "Measurement": {"append_only": "attempt number at values"},
    "ChangeRequest": {
        "decided_once": "cutover kind summary reason payload item tick on_behalf_of requested_by "
        "requested_at decision",
        "decided_by_who_may": "decided_by decided_at",
    },
    "HostDeath": {"append_only": "host cutover since reason request declared_by confirmed_by at"},
    "SignOff": {
        "append_only": "gate seat person decision reason digest digest_version accepted_gaps "
        "accepted_irreversible evidence attempts nonce at"
    },
    "GatePass": {"only_use_is_written": "gate digest digest_version at", "is_used_now": "used_at"},
    "NoGoAnswer": {"append_only": "no_go ending by seat text at"},
    "PreflightRun": {
        "definition_is_written_once": "cutover source requested_by attempt requested_at",
        "moves_on": "status started_at ended_at fence owner note",
        "has_its_digest": "digest",
    },
    "PreflightResult": {
        "append_only": "run identity check_key title subject verdict asked seen change systems items"
    },
    "ItemPreview": {
        "definition_is_written_once": "cutover item requested_by requested_at",
        "moves_on": "status started_at ended_at shown problem",
    },
    "Runbook": {"append_only": "name title loaded_at loaded_by", "text_has_its_digest": "sha256 text"},
    "StatusLink": {
        "definition_is_written_once": "cutover label digest nonce made_by made_at ends_at",
        "revoked_by_who_may": "revoked_by revoked_at",
    },
}

_TAKEN = "It decides who works on a row, not what comes of it: held up, or taken again."
_SHOWN = "It is shown while something runs; nothing is decided by it."
#: Model → reason → columns that no rule holds.
FREE: Mapping[str, Mapping[str, str]] = {
    "Attempt": {
        _TAKEN: "woken_at lease_expires_at heartbeat_at",
        _SHOWN: "progress_done progress_total progress_what progress_at",
        "The next line's number: a wrong one ends the attempt's own log, and its lines stay.": "log_next",
    },
    "PreflightRun": {_TAKEN: "woken_at lease_expires_at", _SHOWN: "checks_done checks_total progress_at"},
    "ItemPreview": {_TAKEN: "woken_at"},
    "ChangeRequest": {"Words beside a decision; the entry of the record has them, too.": "decision_reason"},
    "TableProgress": {
        _SHOWN: "attempt table position state pages pages_done rows_done seconds seconds_left found at"
    },
    "GateLook": {"What one person saw last; nobody else reads it.": "gate person at seen before_at before"},
    "SimulatedForecast": {
        "A forecast that the dispatcher computes again each time.": "cutover at direction revision seed runs "
        "moments"
    },
    "ServiceBeat": {"A sign of life of the panel's own processes.": "name instance at"},
    "ReleasedVariable": {
        "Of no cutover, so in no record: Django's admin site keeps who changed it. The panel refuses its own "
        "variables wherever one is used.": "name may_be_shown reason released_by released_at"
    },
    "FailedAttempt": {"Counts wrong passwords; it is emptied by age.": "bucket at"},
    "CacheEntry": {"Django's cache.": "value expires"},
}
#: Tables whose rows may be deleted, and why.
DELETED: Mapping[str, str] = {
    "Member": "leaves_with_its_change",
    "GateLook": "",
    "ServiceBeat": "",
    "ReleasedVariable": "",
    "FailedAttempt": "",
    "CacheEntry": "",
}
#: Tables whose new rows no rule looks at, and why.
UNGUARDED_INSERTS: Mapping[str, str] = {
    "RowDifference": "Many a second, while a comparison runs; a gate relies on ParityResult.",
    "Measurement": "Points of curves.",
    "TableProgress": _SHOWN,
}
