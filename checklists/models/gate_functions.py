"""SQL functions that compute to what a signature is bound: the content of a gate's evidence, and its digest.

They are the only implementation. The triggers of sign-offs and passes refuse any other digest, and the board
reads the same functions, so that page and database never disagree. They read rows which the role that writes
a sign-off cannot edit. A changed text needs a migration that creates it anew; a test compares the text with
the database. They are in PL/pgSQL, which plans each query once a session: planning costs ten times as much as
running.
"""

from __future__ import annotations

from checklists.models.digest_functions import CANONICAL, DIGEST
from checklists.models.gate_rules import counted, gaps_of_gates, open_no_gos, quorum_of
from checklists.models.later_functions import COUNTS, LATER

#: What was handed in with the latest tick of an item; `Tick.as_facts`.
HANDED_IN = """
CREATE OR REPLACE FUNCTION checklists_handed_in(of_item bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'note', nullif(tick.note, ''),
        'on_behalf_of', nullif(coalesce(worker.username, tick.on_behalf_of_name), ''),
        'confirmed_by', second.username,
        'files', (SELECT jsonb_agg(jsonb_build_object(
                             'name', file.name, 'bytes', file.size, 'sha256', file.sha256) ORDER BY file.id)
                  FROM checklists_tickfile file WHERE file.tick_id = tick.id)))
    FROM checklists_tick tick
    LEFT JOIN auth_user worker ON worker.id = tick.on_behalf_of_id
    LEFT JOIN checklists_changerequest request
           ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'
    LEFT JOIN auth_user second ON second.id = request.decided_by_id
    WHERE tick.item_id = of_item ORDER BY tick.id DESC LIMIT 1);
END $body$
"""

#: Whether an item of an ordered rollback has nothing to do; as `RollbackPlan.why_not_needed`.
NOT_NEEDED = """
CREATE OR REPLACE FUNCTION checklists_not_needed(of_item bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $body$
DECLARE
    asked record;
BEGIN
    SELECT item.key, item.goes_with, item.cutover_id INTO asked
    FROM checklists_item item
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    WHERE item.id = of_item AND phase.direction = 'ROLLBACK' AND cutover.direction = 'ROLLBACK';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF asked.goes_with <> '{}' THEN
        RETURN (SELECT count(*) FROM checklists_item other
                WHERE other.cutover_id = asked.cutover_id AND other.superseded_at IS NULL
                  AND other.key = ANY(asked.goes_with) AND checklists_not_needed(other.id))
               = (SELECT count(DISTINCT key) FROM unnest(asked.goes_with) key);
    END IF;
    RETURN coalesce((
        SELECT bool_and(NOT EXISTS (
            SELECT 1 FROM checklists_item defined
            LEFT JOIN checklists_attempt attempt ON attempt.item_id = defined.id
                 AND attempt.effect_started_at IS NOT NULL AND attempt.reconciliation <> 'NOT_DONE'
            WHERE defined.cutover_id = asked.cutover_id AND defined.key = reverted.key
              AND (defined.done_at IS NOT NULL OR attempt.id IS NOT NULL)))
        FROM checklists_item reverted
        JOIN checklists_phase phase ON phase.id = reverted.phase_id
        WHERE reverted.cutover_id = asked.cutover_id AND reverted.superseded_at IS NULL
          AND reverted.undo = asked.key AND phase.direction <> 'ROLLBACK'), false);
END $body$
"""

#: The latest attempt that counts of an item, whether or not it still runs.
LATEST_ATTEMPT = f"""
CREATE OR REPLACE FUNCTION checklists_latest_attempt(of_item bigint) RETURNS uuid
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    SELECT attempt.id
    FROM checklists_attempt attempt
    JOIN checklists_item item ON item.id = attempt.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    WHERE attempt.item_id = of_item
      AND ({COUNTS} OR attempt.status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'UNKNOWN'))
    ORDER BY attempt.number DESC LIMIT 1);
END $body$
"""  # noqa: S608  # the part is a constant

#: Whether the undo of an item succeeded after it.
UNDONE = f"""
CREATE OR REPLACE FUNCTION checklists_undone(of_item bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    WITH succeeded AS (
        SELECT DISTINCT ON (item.id) item.id, attempt.queued_at
        FROM checklists_item asked
        JOIN checklists_item item ON item.cutover_id = asked.cutover_id AND item.superseded_at IS NULL
             AND item.key = ANY(ARRAY[asked.key, asked.undo])
             AND (item.id = asked.id OR item.key = asked.undo)
        JOIN checklists_phase phase ON phase.id = item.phase_id
        JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        JOIN checklists_attempt attempt ON attempt.item_id = item.id
        WHERE asked.id = of_item AND asked.undo <> '' AND {COUNTS}
          AND (attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE')
        ORDER BY item.id, attempt.number DESC)
    SELECT EXISTS (SELECT 1 FROM succeeded done JOIN succeeded undo ON undo.id <> done.id
                   WHERE done.id = of_item AND undo.queued_at > done.queued_at));
END $body$
"""  # noqa: S608  # the part is a constant

#: What an action did: outcome, target, the digest of its facts, and a person's word in their place.
ACTION_CONTENT = f"""
CREATE OR REPLACE FUNCTION checklists_action_content(of_item bigint, is_contradicted boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
DECLARE
    latest record;
    facts text;
    state text;
BEGIN
    SELECT attempt.*, item.key, decider.username AS decided_by INTO latest
    FROM checklists_attempt attempt JOIN checklists_item item ON item.id = attempt.item_id
    LEFT JOIN auth_user decider ON decider.id = attempt.reconciled_by_id
    WHERE attempt.id = checklists_latest_attempt(of_item);
    state := CASE WHEN latest.status <> 'SUCCEEDED' AND latest.reconciliation <> 'DONE' THEN latest.status
                  WHEN is_contradicted THEN 'CONTRADICTED'
                  WHEN checklists_undone(of_item) THEN 'UNDONE' ELSE 'DONE' END;
    IF state <> 'DONE' THEN
        RETURN jsonb_build_object('item', latest.key, 'state', state);
    END IF;
    SELECT found.digest INTO facts
    FROM checklists_evidence found
    JOIN checklists_attempt attempt ON attempt.id = found.attempt_id
    JOIN checklists_item item ON item.id = found.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    WHERE found.item_id = of_item AND found.ok AND {COUNTS}
    ORDER BY found.observed_at DESC, found.id DESC LIMIT 1;
    RETURN jsonb_build_object('item', latest.key, 'state', state, 'target', latest.resource,
                              'facts', coalesce(facts, latest.id::text))
        || CASE WHEN latest.status = 'RECONCILED' AND latest.decided_by IS NOT NULL
                THEN jsonb_build_object('word', jsonb_build_object(
                         'by', latest.decided_by, 'reason', latest.summary))
                ELSE '{{}}' END;
END $body$
"""  # noqa: S608  # the part is a constant

#: To what a signature is bound of one item: what was found or done, without when and in which attempt.
ITEM_CONTENT = """
CREATE OR REPLACE FUNCTION checklists_item_content(of_item bigint, is_contradicted boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
DECLARE
    item record;
    passed text;
    state text;
BEGIN
    SELECT i.key, i.kind, i.done_at, done.username AS done_by, i.skipped_at, skipped.username AS skipped_by,
           i.skip_reason INTO item
    FROM checklists_item i
    LEFT JOIN auth_user done ON done.id = i.done_by_id
    LEFT JOIN auth_user skipped ON skipped.id = i.skipped_by_id
    WHERE i.id = of_item;
    IF item.skipped_at IS NOT NULL THEN
        RETURN jsonb_build_object('item', item.key, 'state', 'SKIPPED', 'skip', jsonb_build_object(
            'by', item.skipped_by, 'reason', item.skip_reason));
    ELSIF item.done_at IS NOT NULL THEN
        RETURN jsonb_build_object('item', item.key, 'state', 'DONE', 'tick',
            jsonb_build_object('by', item.done_by) || coalesce(checklists_handed_in(of_item), '{}'));
    ELSIF checklists_latest_attempt(of_item) IS NOT NULL THEN
        RETURN checklists_action_content(of_item, is_contradicted);
    ELSIF item.kind = 'gate' THEN
        passed := checklists_passed_on(of_item);
    END IF;
    state := CASE WHEN passed IS NOT NULL THEN 'DONE'
                  WHEN checklists_not_needed(of_item) THEN 'NOT_NEEDED' ELSE 'OPEN' END;
    RETURN jsonb_build_object('item', item.key, 'state', state)
        || CASE WHEN passed IS NULL THEN '{}' ELSE jsonb_build_object('digest', passed) END;
END $body$
"""

#: The lines of the evidence of gates, in the runbook's order. What was observed later is read once for all of
#: them, and the content of an item is computed once, however many gates ask for it.
FACTS_OF_GATES = """
CREATE OR REPLACE FUNCTION checklists_facts_of_gates(of_gates bigint[])
RETURNS TABLE (gate_id bigint, place bigint, item_id bigint, content jsonb)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH asked AS (
        SELECT line.gate_id, line.item_id, line.position, gate.cutover_id
        FROM checklists_gateevidence line JOIN checklists_item gate ON gate.id = line.gate_id
        WHERE line.gate_id = ANY(of_gates)),
    contradicted AS (
        SELECT later.item_id
        FROM (SELECT asked.cutover_id, array_agg(DISTINCT asked.item_id) AS items
              FROM asked GROUP BY asked.cutover_id) one
        CROSS JOIN LATERAL checklists_later(one.cutover_id, one.items) later
        WHERE NOT later.agrees),
    found AS MATERIALIZED (
        SELECT item.item_id, checklists_item_content(
            item.item_id, item.item_id IN (SELECT c.item_id FROM contradicted c)) AS content
        FROM (SELECT DISTINCT asked.item_id FROM asked) item)
    SELECT asked.gate_id,
           row_number() OVER (PARTITION BY asked.gate_id ORDER BY asked.position, asked.item_id),
           asked.item_id, found.content
    FROM asked JOIN found ON found.item_id = asked.item_id ORDER BY 1, 2;
END $body$
"""

#: The lines of one gate's evidence, each with the attempt that it shows.
GATE_FACTS = """
CREATE OR REPLACE FUNCTION checklists_gate_facts(of_gate bigint)
RETURNS TABLE (place bigint, item_id bigint, attempt_id uuid, content jsonb)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    SELECT fact.place, fact.item_id, checklists_latest_attempt(fact.item_id), fact.content
    FROM checklists_facts_of_gates(ARRAY[of_gate]) fact ORDER BY 1;
END $body$
"""

#: To what signatures at gates are bound (version 2 of the digest, docs/adr/0026).
GATE_CONTENTS = f"""
CREATE OR REPLACE FUNCTION checklists_gate_contents(of_gates bigint[])
RETURNS TABLE (gate_id bigint, content jsonb)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH facts AS (
        SELECT fact.gate_id, jsonb_agg(fact.content ORDER BY fact.place) AS content
        FROM checklists_facts_of_gates(of_gates) fact GROUP BY fact.gate_id),
    gaps AS (
        SELECT gap.gate_id, jsonb_agg(jsonb_build_object(
                   'item', gap.key, 'kind', gap.kind, 'by', person.username, 'reason', gap.reason)
                   ORDER BY phase.position, other.position) AS content
        FROM ({gaps_of_gates("of_gates")}) gap
        JOIN checklists_item gate ON gate.id = gap.gate_id
        JOIN auth_user person ON person.id = gap.person_id
        CROSS JOIN LATERAL (
            SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id
            AND key = gap.key AND superseded_at IS NULL OFFSET 0) other
        JOIN checklists_phase phase ON phase.id = other.phase_id
        GROUP BY gap.gate_id)
    SELECT defined.id, jsonb_build_object(
        'version', 2,
        'cutover', cutover.slug,
        'runbook', defined.runbook_sha256,
        'gate', defined.key,
        'facts', coalesce(facts.content, '[]'),
        'gaps', coalesce(gaps.content, '[]'))
    FROM checklists_item defined
    JOIN checklists_cutover cutover ON cutover.id = defined.cutover_id
    LEFT JOIN facts ON facts.gate_id = defined.id
    LEFT JOIN gaps ON gaps.gate_id = defined.id
    WHERE defined.id = ANY(of_gates);
END $body$
"""  # noqa: S608  # the parts are constants

#: The same of one gate.
GATE_CONTENT = """
CREATE OR REPLACE FUNCTION checklists_gate_content(of_gate bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (SELECT found.content FROM checklists_gate_contents(ARRAY[of_gate]) found);
END $body$
"""

#: The digest on which a gate has passed; NULL while it has not. Whether its evidence is fresh is not asked
#: here. A pass under version 1 of the digest is believed: nobody can write one any more.
PASSED_ON = f"""
CREATE OR REPLACE FUNCTION checklists_passed_on(of_gate bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    WITH now AS (SELECT checklists_digest(checklists_gate_content(of_gate)) AS digest)
    SELECT pass.digest FROM checklists_gatepass pass, now
    WHERE pass.gate_id = of_gate AND NOT EXISTS ({open_no_gos("of_gate")})
      AND (pass.digest_version = 1 OR pass.digest = now.digest AND (
           pass.used_at IS NOT NULL OR {quorum_of("of_gate")} <= (
               SELECT count(*) FROM ({counted("of_gate", "now.digest")}) given)))
    ORDER BY pass.digest_version DESC, pass.at DESC LIMIT 1);
END $body$
"""  # noqa: S608  # the parts are constants

#: In the order in which they are created: what a function of the language SQL calls is there before it.
FUNCTIONS = (
    *(CANONICAL, DIGEST, HANDED_IN, NOT_NEEDED, LATEST_ATTEMPT, UNDONE, LATER, ACTION_CONTENT),
    *(ITEM_CONTENT, FACTS_OF_GATES, GATE_FACTS, GATE_CONTENTS, GATE_CONTENT, PASSED_ON),
)
