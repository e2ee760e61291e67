"""Decisions that somebody writes with SQL: as the panel writes them, but silently, late, or in a wrong name.

Each has the error code of the rule that refuses it: CU017 no entry in the record, CU018 what happened is
edited, CU019 it is not dated now, CU020 the wrong person, CU021 no step that may follow, CU022 untrue.
`tests.checklists.decided_rows` makes the rows that they name.
"""

from __future__ import annotations

from collections.abc import Mapping


def copied(table: str, where: str, changes: str) -> str:
    """A statement that inserts a row again, with other values: ``changes`` is an expression of type jsonb."""
    table = f"checklists_{table}"
    return (
        "DO $do$ DECLARE names text; BEGIN SELECT string_agg(quote_ident(attname), ', ') INTO names "
        f"FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attidentity = '' "
        "AND NOT attisdropped; "
        f"EXECUTE format($q$INSERT INTO {table} (%s) SELECT %s FROM jsonb_populate_record(NULL::{table}, "
        f"(SELECT to_jsonb(one) || {changes} FROM {table} one WHERE {where} LIMIT 1))$q$, names, names); "
        "END $do$"
    )


TICK = (
    "INSERT INTO checklists_tick (item_id, by_id, at, note, on_behalf_of_name) "
    "VALUES ({todo}, {%s}, now(), '', '')"
)
NOTE = "INSERT INTO checklists_note (item_id, by_id, at, text) VALUES ({todo}, {%s}, %s, 'x')"
CHANGE = (
    "INSERT INTO checklists_memberchange (cutover_id, person_id, before, after, seats_gained, is_later, "
    "requested_by_id, reason, at) VALUES ({open}, {stranger}, '{{}}', "
    '\'{{"part": "LEAD", "seats": [], "roles": []}}\', \'{{}}\', %s, {%s}, \'x\', now())'
)
REQUEST = (
    "INSERT INTO checklists_changerequest (cutover_id, kind, summary, reason, payload, requested_by_id, "
    "requested_at, decision, decision_reason) "
    "VALUES ({production}, 'window', 'x', 'x', '{{}}', {%s}, now(), '', '')"
)
DECIDE = (
    "UPDATE checklists_changerequest SET decision = '%s', decided_by_id = {%s}, decided_at = now() "
    "WHERE id = {%s}"
)
DEATH = (
    f"{DECIDE % ('CONFIRMED', 'kofi', 'death')}; INSERT INTO checklists_hostdeath (host, cutover_id, reason, "
    "request_id, declared_by_id, confirmed_by_id, at) SELECT payload ->> 'host', cutover_id, 'x', id, {ama}, "
    "{kofi}, now() FROM checklists_changerequest WHERE id = {death}"
)
LIVES = (
    "; UPDATE checklists_attempt SET status = 'CLAIMED', fence = nextval('checklists_fence'), "
    'owner = \'{{"host": "worker-7"}}\', claimed_at = now(), '
    "lease_expires_at = now() + interval '1 minute' WHERE id = '{waiting}'; "
)
CLAIM_RUN = (
    "UPDATE checklists_preflightrun SET status = 'RUNNING', fence = nextval('checklists_fence'), "
    "owner = '{{\"pid\": 1}}', started_at = now(), lease_expires_at = now() WHERE id = '{run}'"
)
LINK = (
    "jsonb_build_object('made_at', now(), 'ends_at', now() + interval '1 hour', 'nonce', gen_random_uuid(), "
    "'digest', repeat('a', 64), 'made_by_id', {%s})"
)
ITEM = "jsonb_build_object('key', 'more', 'done_at', NULL, 'done_by_id', NULL, 'superseded_at', NULL)"
RUN = (
    "jsonb_build_object('id', gen_random_uuid(), 'status', '%s', 'source', '%s', 'requested_at', now(), "
    "'ended_at', %s, 'started_at', NULL, 'digest', '', 'requested_by_id', {ama}, 'cutover_id', {production})"
)

#: Name → the code of the rule, and the statement.
DECISIONS: Mapping[str, tuple[str, str]] = {
    "use a pass": ("CU017", "UPDATE checklists_gatepass SET used_at = now() WHERE gate_id = {passed}"),
    "use a pass later": (
        "CU019",
        "UPDATE checklists_gatepass SET used_at = now() + interval '1 day' WHERE gate_id = {passed}",
    ),
    "tick silently": (
        "CU017",
        f"{TICK % 'ama'}; UPDATE checklists_item SET done_by_id = {{ama}}, done_at = now() "
        "WHERE id = {todo}",
    ),
    "tick as an approver": ("CU020", TICK % "kofi"),
    "untick silently": (
        "CU017",
        "UPDATE checklists_item SET done_by_id = NULL, done_at = NULL WHERE id = {done}",
    ),
    "skip silently": (
        "CU017",
        "UPDATE checklists_item SET skipped_by_id = {ama}, skipped_at = now(), skip_reason = 'x' "
        "WHERE id = {todo}",
    ),
    "take on silently": (
        "CU017",
        "UPDATE checklists_item SET claimed_by_id = {ama}, claimed_at = now() WHERE id = {todo}",
    ),
    "take on yesterday": (
        "CU021",
        "UPDATE checklists_item SET claimed_by_id = {ama}, claimed_at = now() - interval '1 day' "
        "WHERE id = {todo}",
    ),
    "replace a definition": ("CU017", "UPDATE checklists_item SET superseded_at = now() WHERE id = {todo}"),
    "restore the service elsewhere": (
        "CU017",
        "UPDATE checklists_item SET service_restored = true WHERE id = {todo}",
    ),
    "change what was replaced": ("CU021", "UPDATE checklists_item SET position = 9 WHERE id = {replaced}"),
    "change what is closed": ("CU021", "UPDATE checklists_item SET position = 9 WHERE id = {closed_item}"),
    "one more item": ("CU017", copied("item", "id = {todo}", ITEM)),
    "one more item that is done": (
        "CU021",
        copied("item", "id = {done}", "jsonb_build_object('key', 'more')"),
    ),
    "ask a gate for more": (
        "CU017",
        copied("gateevidence", "gate_id = {passed}", "jsonb_build_object('item_id', {todo})"),
    ),
    "start a part before the window": (
        "CU017",
        "UPDATE checklists_phase SET before_window = true WHERE cutover_id = {open}",
    ),
    "one more part": (
        "CU017",
        copied("phase", "cutover_id = {open}", "jsonb_build_object('key', 'more', 'position', 99)"),
    ),
    "open a cutover silently": (
        "CU017",
        copied("cutover", "id = {open}", "jsonb_build_object('slug', 'silent')"),
    ),
    "close silently": (
        "CU017",
        "UPDATE checklists_cutover SET status = 'ABANDONED', closed_at = now() WHERE id = {open}",
    ),
    "close while something is queued": (
        "CU021",
        "UPDATE checklists_cutover SET status = 'COMPLETED', closed_at = now() "
        "WHERE id = {waiting_cutover}",
    ),
    "complete a rollback": (
        "CU021",
        "UPDATE checklists_cutover SET status = 'COMPLETED', closed_at = now() WHERE id = {cutover}",
    ),
    "change a closed one": ("CU021", "UPDATE checklists_cutover SET timezone = 'UTC' WHERE id = {closed}"),
    "roll back silently": (
        "CU017",
        "UPDATE checklists_cutover SET direction = 'ROLLBACK', epoch = epoch + 1 WHERE id = {open}",
    ),
    "raise the epoch": ("CU021", "UPDATE checklists_cutover SET epoch = epoch + 1 WHERE id = {open}"),
    "move the window silently": (
        "CU017",
        "UPDATE checklists_cutover SET window_start = now(), window_end = now() + interval '1 hour' "
        "WHERE id = {open}",
    ),
    "show logs to everybody": (
        "CU017",
        "UPDATE checklists_cutover SET logs_for_stakeholders = true WHERE id = {open}",
    ),
    "follow another text": (
        "CU017",
        "UPDATE checklists_cutover SET runbook_id = (SELECT id FROM checklists_runbook "
        "WHERE id <> runbook_id ORDER BY id LIMIT 1) WHERE id = {open}",
    ),
    "appoint oneself": ("CU020", CHANGE % ("true", "stranger")),
    "appoint alone after work had begun": ("CU020", CHANGE % ("true", "ama")),
    "deny that work had begun": ("CU022", CHANGE % ("false", "ama")),
    "appoint silently": ("CU017", CHANGE % ("true", "admin")),
    "give a role": ("P0001", "UPDATE checklists_member SET roles = '{{lead}}' WHERE cutover_id = {open}"),
    "note silently": ("CU017", NOTE % ("ama", "now()")),
    "note as somebody who only watches": ("CU020", NOTE % ("yaw", "now()")),
    "note yesterday": ("P0001", NOTE % ("ama", "now() - interval '1 day'")),
    "request silently": ("CU017", REQUEST % "ama"),
    "request as an approver": ("CU020", REQUEST % "kofi"),
    "confirm silently": ("CU017", DECIDE % ("CONFIRMED", "kofi", "request")),
    "confirm as somebody who only watches": ("CU020", DECIDE % ("CONFIRMED", "yaw", "request")),
    "withdraw for somebody else": ("CU020", DECIDE % ("WITHDRAWN", "kofi", "request")),
    "declare a host dead silently": ("CU017", DEATH),
    "declare a living host dead": ("CU021", DEATH.replace("; ", LIVES, 1)),
    "withdraw a no-go silently": (
        "CU017",
        "INSERT INTO checklists_nogoanswer (no_go_id, ending, by_id, seat, text, at) "
        "VALUES ({no_go}, 'WITHDRAWN', {efua}, '', 'x', now())",
    ),
    "hand in a file later": (
        "CU022",
        "INSERT INTO checklists_tickfile (tick_id, name, media_type, size, sha256, content) "
        "SELECT id, 'x.txt', 'text/plain', 1, encode(sha256('x'), 'hex'), 'x' FROM checklists_tick "
        "WHERE item_id = {done}",
    ),
    "hand in another file": (
        "CU022",
        f"{TICK % 'ama'}; INSERT INTO checklists_tickfile (tick_id, name, media_type, size, sha256, content) "
        "SELECT id, 'x.txt', 'text/plain', 1, repeat('a', 64), 'x' FROM checklists_tick "
        "WHERE item_id = {todo}",
    ),
    "ask an attempt to stop silently": (
        "CU017",
        "UPDATE checklists_attempt SET cancel_requested_at = now(), cancel_requested_by_id = {ama} "
        "WHERE id = '{waiting}'",
    ),
    "ask an attempt to stop yesterday": (
        "CU018",
        "UPDATE checklists_attempt SET cancel_requested_at = now() - interval '1 day', "
        "cancel_requested_by_id = {ama} WHERE id = '{waiting}'",
    ),
    "prove a death alone": (
        "CU017",
        "UPDATE checklists_attempt SET finding = '{{\"dead\": \"I say so.\", \"seen\": \"NOT_DONE\", "
        "\"at\": \"\"}}' WHERE id = '{gone}'",
    ),
    "a lost attempt ran elsewhere": (
        "CU018",
        "UPDATE checklists_attempt SET owner = '{{\"host\": \"here\"}}' WHERE id = '{gone}'",
    ),
    "another summary of what is lost": (
        "CU018",
        "UPDATE checklists_attempt SET summary = 'All is well.' WHERE id = '{gone}'",
    ),
    "a backup that nobody took": (
        "CU021",
        copied("backup", "id = {backup}", "jsonb_build_object('attempt_id', '{other_cutover}', "
        "'verified_at', NULL, 'verified_by_id', NULL, 'restore_seconds', NULL)"),
    ),
    "verify a backup": (
        "CU021",
        "INSERT INTO checklists_backupverification (backup_id, attempt_id, equal, at, seconds, reason) "
        "VALUES ({backup}, '{other_cutover}', true, now(), 1, '')",
    ),
    "an equal table": (
        "CU021",
        'INSERT INTO checklists_parityresult (attempt_id, "table", source_rows, target_rows, equal, '
        "differing, declared, examples, facts, digest, seconds) "
        "VALUES ('{other_cutover}', 't', 1, 1, true, 0, 0, '[]', '{{}}', '', 0)",
    ),
    "a preflight that has ended": (
        "CU019",
        copied("preflightrun", "id = '{past_run}'", RUN % ("DONE", "SCHEDULE", "now()")),
    ),
    "ask for a preflight silently": (
        "CU017",
        copied("preflightrun", "id = '{past_run}'", RUN % ("QUEUED", "PERSON", "NULL")),
    ),
    "begin a preflight without a fence": (
        "CU021",
        "UPDATE checklists_preflightrun SET status = 'RUNNING', started_at = now() WHERE id = '{run}'",
    ),
    "end a preflight with another digest": (
        "CU022",
        f"{CLAIM_RUN}; UPDATE checklists_preflightrun SET status = 'DONE', ended_at = now(), digest = 'x' "
        "WHERE id = '{run}'",
    ),
    "one more result": (
        "CU021",
        copied("preflightresult", "run_id = '{past_run}'", "jsonb_build_object('identity', 'x')"),
    ),
    "a preview that has ended": (
        "CU020",
        copied("itempreview", "id = '{preview}'", "jsonb_build_object('id', gen_random_uuid(), "
        "'status', 'DONE', 'requested_at', now(), 'ended_at', now())"),
    ),
    "end a preview that nobody ran": (
        "CU021",
        "UPDATE checklists_itempreview SET status = 'DONE', ended_at = now() WHERE id = '{preview}'",
    ),
    "a text under another digest": (
        "CU022",
        "INSERT INTO checklists_runbook (name, title, sha256, text, loaded_at) "
        "VALUES ('x', 'x', repeat('f', 64), 'x', now())",
    ),
    "make a link silently": ("CU017", copied("statuslink", "id = {link}", LINK % "ama")),
    "make a link as an approver": ("CU020", copied("statuslink", "id = {link}", LINK % "kofi")),
    "revoke a link silently": (
        "CU017",
        "UPDATE checklists_statuslink SET revoked_at = now(), revoked_by_id = {ama} WHERE id = {link}",
    ),
}  # fmt: skip
