"""Rows that somebody writes with SQL about evidence that does not exist, and the cutovers to try them on.

Each differs by one value from what the panel itself writes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from checklists import services
from checklists.models import Attempt, GatePass
from checklists.states import AttemptStatus, CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import (
    RUNBOOK,
    asked_preflight,
    ended,
    item_of,
    make_cutover,
    person,
    preflight_done,
    sign,
)

BURNING = RUNBOOK.replace("how: Cake.", "how: Cake., irreversible: It burns.")
#: A sign-off by Kofi that repeats what Efua signed at the gate of {at}, with these values in place of hers.
SIGN = (
    "INSERT INTO checklists_signoff (gate_id, seat, person_id, decision, reason, digest, digest_version, "
    "accepted_gaps, accepted_irreversible, evidence, attempts, nonce, at) "
    "SELECT gate_id, 'finance', {kofi}, 'GO', '', DIGEST, VERSION, '{{}}', '{{}}', EVIDENCE, ATTEMPTS, "
    "gen_random_uuid(), now() FROM checklists_signoff WHERE gate_id = {GATE}"
)


def signing(gate: str = "gate", **instead: str) -> str:
    values = {"digest": "digest", "version": "2", "evidence": "evidence", "attempts": "attempts"} | instead
    statement = SIGN.replace("{GATE}", f"{{{gate}}}")
    for name, value in values.items():
        statement = statement.replace(name.upper(), value)
    return statement


def naming(attempt: str) -> dict[str, str]:
    """Evidence of another attempt, in the line and in the list."""
    line = f"jsonb_set(evidence, '{{{{0,attempt}}}}', to_jsonb('{{{attempt}}}'::text))"
    return {"evidence": line, "attempts": f"ARRAY['{{{attempt}}}'::uuid]"}


PASS = "INSERT INTO checklists_gatepass (gate_id, digest, digest_version, at) "
HONEST_PASS = (
    f"{PASS} SELECT gate_id, digest, 2, now() FROM checklists_signoff WHERE gate_id = {{passable}} LIMIT 1"
)
#: Against what a signature rests on; {gate} can be
#: signed, {passable} can pass, {newer}, {doubted} and {faded} were signed too early.
EVIDENCE = {
    "an invented digest": signing(digest="repeat('a', 64)"),
    "a digest of version 1": signing(version="1"),
    "no evidence at all": signing(evidence="'[]'", attempts="'{{}}'"),
    "evidence of another item": signing(**naming("other_item")),
    "evidence of another cutover": signing(**naming("other_cutover")),
    "evidence that does not exist": signing(**naming("nothing")),
    "other content": signing(evidence="jsonb_set(evidence, '{{0,content,facts}}', '\"x\"')"),
    "evidence that has been replaced": signing("newer"),
    "evidence that is contradicted": signing("doubted"),
    "the digest of evidence that is contradicted": signing(
        "doubted",
        digest="checklists_digest(checklists_gate_content(gate_id))",
        evidence="jsonb_set(evidence, '{{0,content}}', checklists_gate_content(gate_id) #> '{{facts,0}}')",
    ),
    "pass on an invented digest": f"{PASS} VALUES ({{passable}}, repeat('a', 64), 2, now())",
    "pass on version 1": f"{PASS} SELECT gate_id, digest, 1, now() FROM checklists_signoff "
    "WHERE gate_id = {passable} LIMIT 1",
    "pass on contradicted evidence": f"{PASS} SELECT gate_id, digest, 2, now() FROM checklists_signoff "
    "WHERE gate_id = {faded} LIMIT 1",
    "tick what nothing takes back": "INSERT INTO checklists_tick (item_id, by_id, at, note, "
    "on_behalf_of_name) VALUES ({burn}, {ama}, now(), '', ''); UPDATE checklists_item "
    "SET done_by_id = {ama}, done_at = now() WHERE id = {burn}",
}
CLAIM = (
    "UPDATE checklists_attempt SET status = 'CLAIMED', fence = nextval('checklists_fence'), "
    "owner = '{{\"pid\": 1}}', claimed_at = now(), lease_expires_at = now() + interval '1 minute' "
    "WHERE id = '{queued}'"
)
RUN = "UPDATE checklists_attempt SET status = 'RUNNING', effect_started_at = now() WHERE id = '{queued}'"
SUCCEED = (
    "UPDATE checklists_attempt SET status = 'SUCCEEDED', ended_at = clock_timestamp() WHERE id = '{queued}'"
)
KEEP = (
    "INSERT INTO checklists_evidence "
    "(item_id, attempt_id, ok, facts, digest, judges, confirms, denies, observed_at) "
    "SELECT item_id, id, OK, '{{}}', repeat('a', 64), true, '{{}}', '{{}}', ended_at FROM checklists_attempt "
    "WHERE id = '{ATTEMPT}'"
)
STORE = KEEP.replace("OK", "true").replace("ATTEMPT", "queued")
#: Against attempts: {queued} waits, {failed}, {errored} and {other_cutover} have ended, {lost} is unknown.
ATTEMPTS = {
    "walk to success": f"{CLAIM}; {RUN}; {SUCCEED}; {STORE}",
    "walk to success without evidence": f"{CLAIM}; {RUN}; {SUCCEED}",
    "claim without a lease": f"{CLAIM.replace('lease_expires_at = now() + ', 'heartbeat_at = now() - ')}",
    "claim with an old fence": CLAIM.replace("nextval('checklists_fence')", "1"),
    "claim for nobody": CLAIM.replace('{{"pid": 1}}', "{{}}"),
    "begin without a claim": RUN,
    "begin yesterday": f"{CLAIM}; {RUN.replace('now()', chr(39) + 'yesterday' + chr(39))}",
    "cancel silently": "UPDATE checklists_attempt SET status = 'CANCELLED', ended_at = clock_timestamp() "
    "WHERE id = '{queued}'",
    "another summary of what has ended": "UPDATE checklists_attempt SET summary = 'All is well.' "
    "WHERE id = '{other_cutover}'",
    "another end": "UPDATE checklists_attempt SET ended_at = now() WHERE id = '{other_cutover}'",
    "a success of what has failed": "UPDATE checklists_attempt SET status = 'SUCCEEDED' "
    "WHERE id = '{failed}'",
    "evidence of what has ended": KEEP.replace("OK", "true").replace("ATTEMPT", "errored"),
    "raise a fence": "UPDATE checklists_attempt SET fence = fence + 1 WHERE id = '{lost}'",
    "decide without a proof of death": "UPDATE checklists_attempt SET status = 'RECONCILED', "
    "reconciliation = 'NOT_DONE', reconciled_by_id = {kofi}, reconciled_at = now(), "
    "ended_at = clock_timestamp() WHERE id = '{lost}'",
    "decide by one's own proof": "UPDATE checklists_attempt SET status = 'RECONCILED', "
    "finding = '{{\"dead\": \"I say so.\"}}', reconciliation = 'NOT_DONE', reconciled_by_id = {kofi}, "
    "reconciled_at = now(), ended_at = clock_timestamp() WHERE id = '{lost}'",
    "start without an entry": "INSERT INTO checklists_attempt SELECT (jsonb_populate_record(a, "
    "jsonb_build_object('id', gen_random_uuid(), 'number', 99, 'item_id', {startable}, 'queued_at', now(), "
    "'cutover_id', {startable_cutover}))).* FROM checklists_attempt a WHERE id = '{queued}'",
}


def gates() -> Mapping[str, object]:
    """Gates that Efua has signed, and what somebody may name there wrongly."""
    made = {name: make_cutover("signed_once") for name in ("gate", "newer")}
    ended(made["newer"], "look", facts={"seen": 2})
    for name in ("doubted", "faded"):
        made[name] = make_cutover("announced")
        preflight_done(made[name], wall="green")
        sign(made[name], "efua", "technical")
    made["passable"] = make_cutover("signed")
    sign(made["faded"], "kofi", "finance")
    for name in ("doubted", "faded"):
        asked_preflight(made[name], wall="red")
    with by_hand():
        GatePass.objects.filter(gate__cutover__in=[made["passable"], made["faded"]]).delete()
    burning = make_cutover(kind=CutoverKind.PRODUCTION, text=BURNING)
    return {
        **{name: item_of(cutover, "go").pk for name, cutover in made.items()},
        "other_item": ended(made["gate"], "change-it", AttemptStatus.SUCCEEDED).pk,
        "other_cutover": Attempt.objects.filter(cutover=made["newer"]).latest("number").pk,
        "nothing": uuid.uuid4(),
        "burn": item_of(burning, "celebrate").pk,
    }


def attempts() -> Mapping[str, object]:
    cutover, other = make_cutover("announced"), make_cutover("announced")
    return {
        "queued": services.start_attempt(item=item_of(cutover, "look"), by=person("ama")).pk,
        "lost": ended(cutover, "change-it", AttemptStatus.UNKNOWN, fence=5).pk,
        "failed": ended(other, "look", AttemptStatus.FAILED).pk,
        "errored": ended(make_cutover("announced"), "look", AttemptStatus.ERRORED).pk,
        "startable": item_of(other, "look").pk,
        "startable_cutover": other.pk,
    }
