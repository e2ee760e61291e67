"""What 0001 to 0030 make of an empty database, in one step: 34 models that are rendered once.

Django renders the models again after each of some 800 operations, which takes six times as long as all the
statements. A database in which some of the thirty were run goes on with those; a test compares what both ways make.
"""

# ruff: noqa: E501, W291, W293

import datetime
import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import checklists.models.released_variable

FUNCTIONS = (
    r"""
CREATE OR REPLACE FUNCTION checklists_canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(member.key)::text || ':' || checklists_canonical(member.value), ','
                              ORDER BY member.key COLLATE "C")
            FROM jsonb_each(value) member), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(checklists_canonical(one.value), ',' ORDER BY one.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS one(value, place)), '') || ']'
        ELSE value::text
    END;
END $body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_digest(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $body$
    SELECT encode(sha256(convert_to(checklists_canonical(content), 'UTF8')), 'hex')
$body$
""",
    r"""
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
""",
    r"""
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
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_latest_attempt(of_item bigint) RETURNS uuid
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    SELECT attempt.id
    FROM checklists_attempt attempt
    JOIN checklists_item item ON item.id = attempt.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    WHERE attempt.item_id = of_item
      AND (NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD') OR attempt.status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'UNKNOWN'))
    ORDER BY attempt.number DESC LIMIT 1);
END $body$
""",
    r"""
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
        WHERE asked.id = of_item AND asked.undo <> '' AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD')
          AND (attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE')
        ORDER BY item.id, attempt.number DESC)
    SELECT EXISTS (SELECT 1 FROM succeeded done JOIN succeeded undo ON undo.id <> done.id
                   WHERE done.id = of_item AND undo.queued_at > done.queued_at));
END $body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_later(of_cutover bigint, of_items bigint[])
RETURNS TABLE (item_id bigint, kind text, source text, at timestamptz, agrees boolean)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH 
    known AS (
        SELECT DISTINCT ON (found.item_id) found.item_id, found.id, found.attempt_id, found.observed_at,
               found.confirms, attempt.action, attempt.params, found.judges
        FROM checklists_item item
        JOIN checklists_phase phase ON phase.id = item.phase_id
        JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        JOIN checklists_evidence found ON found.item_id = item.id AND found.ok
        JOIN checklists_attempt attempt ON attempt.id = found.attempt_id
        WHERE item.cutover_id = of_cutover AND (of_items IS NULL OR item.id = ANY(of_items)) AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD')
        ORDER BY found.item_id, found.observed_at DESC, found.id DESC),
    used AS (
        SELECT known.item_id, min(pass.used_at) AS until
        FROM known
        JOIN checklists_gateevidence asked ON asked.item_id = known.item_id
        JOIN checklists_gatepass pass ON pass.gate_id = asked.gate_id AND pass.used_at > known.observed_at
        GROUP BY known.item_id)
, 
    topics AS (
        SELECT known.item_id, topic FROM known CROSS JOIN LATERAL unnest(
            known.confirms || CASE WHEN known.judges THEN
                ARRAY['same check: ' || known.action || known.params::text] END) topic),
    answers AS (
        SELECT DISTINCT ON (known.item_id, heard.topic, attempt.action, attempt.params)
               known.item_id, found.id, found.observed_at, heard.confirmed
        FROM checklists_attempt attempt
        JOIN checklists_evidence found ON found.attempt_id = attempt.id
        CROSS JOIN LATERAL (
            SELECT unnest(found.confirms) AS topic, true AS confirmed
            UNION ALL SELECT unnest(found.denies), false
            UNION ALL SELECT 'same check: ' || attempt.action || attempt.params::text, found.ok
            WHERE found.judges) heard
        JOIN topics ON topics.topic = heard.topic
        JOIN known ON known.item_id = topics.item_id
        LEFT JOIN used ON used.item_id = known.item_id
        WHERE attempt.cutover_id = of_cutover AND attempt.item_id <> known.item_id
          AND found.observed_at > known.observed_at
          AND (used.until IS NULL OR found.observed_at < used.until)
        ORDER BY known.item_id, heard.topic, attempt.action, attempt.params, found.observed_at DESC)
, 
    runs AS (
        SELECT known.item_id, signed.id AS signed, latest.id AS latest, latest.ended_at
        FROM known
        JOIN checklists_preflightrun signed ON signed.attempt_id = known.attempt_id
        LEFT JOIN used ON used.item_id = known.item_id
        CROSS JOIN LATERAL (
            SELECT run.id, run.ended_at FROM checklists_preflightrun run
            WHERE run.cutover_id = of_cutover AND run.status = 'DONE' AND run.id <> signed.id
              AND run.ended_at > signed.ended_at AND (used.until IS NULL OR run.ended_at < used.until)
            ORDER BY run.ended_at DESC LIMIT 1) latest),
    preflights AS (
        SELECT runs.item_id, runs.latest, runs.ended_at, NOT EXISTS (
            SELECT 1
            FROM (SELECT * FROM checklists_preflightresult WHERE run_id = runs.signed) earlier
            FULL JOIN (SELECT * FROM checklists_preflightresult WHERE run_id = runs.latest) later
                 ON later.identity = earlier.identity
            WHERE later.identity IS NULL OR (later.verdict <> earlier.verdict)
               OR (earlier.identity IS NULL AND later.verdict <> 'green')) AS agrees
        FROM runs)
, 
    verifications AS (
        SELECT known.item_id, latest.id, latest.at
        FROM known
        JOIN checklists_backupverification mine ON mine.attempt_id = known.attempt_id AND mine.equal
        CROSS JOIN LATERAL (
            SELECT later.* FROM checklists_backupverification later
            WHERE later.backup_id = mine.backup_id ORDER BY later.id DESC LIMIT 1) latest
        WHERE NOT latest.equal)

    SELECT DISTINCT ON (one.item_id) one.item_id, one.kind, one.source, one.at, one.agrees
    FROM (
        SELECT answers.item_id, 'check' AS kind, answers.id::text AS source, answers.observed_at AS at,
               false AS agrees, 3 AS place
        FROM answers WHERE NOT answers.confirmed
        UNION ALL
        SELECT preflights.item_id, 'preflight', preflights.latest::text, preflights.ended_at,
               preflights.agrees, 2 FROM preflights
        UNION ALL
        SELECT verifications.item_id, 'verification', verifications.id::text, verifications.at, false, 1
        FROM verifications) one
    ORDER BY one.item_id, one.agrees, one.place, one.at DESC;
END $body$
""",
    r"""
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
    WHERE found.item_id = of_item AND found.ok AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD')
    ORDER BY found.observed_at DESC, found.id DESC LIMIT 1;
    RETURN jsonb_build_object('item', latest.key, 'state', state, 'target', latest.resource,
                              'facts', coalesce(facts, latest.id::text))
        || CASE WHEN latest.status = 'RECONCILED' AND latest.decided_by IS NOT NULL
                THEN jsonb_build_object('word', jsonb_build_object(
                         'by', latest.decided_by, 'reason', latest.summary))
                ELSE '{}' END;
END $body$
""",
    r"""
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
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_gate_facts(of_gate bigint)
RETURNS TABLE (place bigint, item_id bigint, attempt_id uuid, content jsonb)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH asked AS (
        SELECT line.item_id, line.position, gate.cutover_id
        FROM checklists_gateevidence line JOIN checklists_item gate ON gate.id = line.gate_id
        WHERE line.gate_id = of_gate),
    contradicted AS (
        SELECT later.item_id
        FROM checklists_later((SELECT min(cutover_id) FROM asked),
                              (SELECT array_agg(asked.item_id) FROM asked)) later
        WHERE NOT later.agrees)
    SELECT row_number() OVER (ORDER BY asked.position, asked.item_id), asked.item_id,
           checklists_latest_attempt(asked.item_id),
           checklists_item_content(asked.item_id, asked.item_id IN (SELECT c.item_id FROM contradicted c))
    FROM asked ORDER BY 1;
END $body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_gate_content(of_gate bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    SELECT jsonb_build_object(
        'version', 2,
        'cutover', cutover.slug,
        'runbook', defined.runbook_sha256,
        'gate', defined.key,
        'facts', coalesce((SELECT jsonb_agg(fact.content ORDER BY fact.place)
                           FROM checklists_gate_facts(of_gate) fact), '[]'),
        'gaps', coalesce((
            SELECT jsonb_agg(jsonb_build_object('item', gap.key, 'kind', gap.kind, 'by', person.username,
                                                'reason', gap.reason) ORDER BY phase.position, other.position)
            FROM (
        WITH RECURSIVE behind AS (
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id
            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item
            WHERE gate.id = of_gate AND item.kind <> 'gate' AND item.superseded_at IS NULL
              AND item.cutover_id = gate.cutover_id
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id
            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE gate.id = of_gate AND item.kind <> 'gate'
              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase
            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)
        )
        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason
        FROM behind
        WHERE behind.skipped_by_id IS NOT NULL
        UNION
        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind
        CROSS JOIN LATERAL (
            SELECT attempt.* FROM checklists_attempt attempt
            JOIN checklists_item of_item ON of_item.id = attempt.item_id
            JOIN checklists_phase phase ON phase.id = of_item.phase_id
            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id
            WHERE attempt.item_id = behind.id
              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                       AND attempt.direction = 'FORWARD')
            ORDER BY attempt.number DESC LIMIT 1
        ) latest
        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'
          AND latest.reconciled_by_id IS NOT NULL
    ) gap
            JOIN auth_user person ON person.id = gap.person_id
            JOIN checklists_item other ON other.cutover_id = defined.cutover_id AND other.key = gap.key
                 AND other.superseded_at IS NULL
            JOIN checklists_phase phase ON phase.id = other.phase_id), '[]'))
    FROM checklists_item defined JOIN checklists_cutover cutover ON cutover.id = defined.cutover_id
    WHERE defined.id = of_gate);
END $body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_passed_on(of_gate bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (
    WITH now AS (SELECT checklists_digest(checklists_gate_content(of_gate)) AS digest)
    SELECT pass.digest FROM checklists_gatepass pass, now
    WHERE pass.gate_id = of_gate AND NOT EXISTS (
        SELECT no_go.id, no_go.person_id, no_go.seat
        FROM checklists_item gate
        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key
        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'
        WHERE gate.id = of_gate
          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)
          AND NOT (no_go.digest_version = 1 AND EXISTS (
                SELECT 1 FROM checklists_signoff later
                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id
                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))
    )
      AND (pass.digest_version = 1 OR pass.digest = now.digest AND (
           pass.used_at IS NOT NULL OR (
        SELECT greatest(1, CASE WHEN cutover.kind = 'REHEARSAL'
                                THEN least(coalesce(cutover.rehearsal_quorum, item.quorum), item.quorum)
                                ELSE item.quorum END)
        FROM checklists_item item JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        WHERE item.id = of_gate) <= (
               SELECT count(*) FROM (
        SELECT latest.person_id, latest.seat FROM (
            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps
            FROM checklists_signoff WHERE gate_id = of_gate ORDER BY person_id, id DESC) latest
        JOIN auth_user person ON person.id = latest.person_id AND person.is_active
        JOIN checklists_item gate ON gate.id = latest.gate_id
        JOIN checklists_member member ON member.cutover_id = gate.cutover_id
             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)
        WHERE latest.decision = 'GO' AND latest.digest = now.digest
          AND NOT EXISTS (SELECT 1 FROM (
    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb
    FROM checklists_gateevidence asked
    JOIN checklists_item item ON item.id = asked.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    CROSS JOIN LATERAL (
        SELECT who.person_id, who.verb
        FROM checklists_attempt attempt
        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),
                                   (attempt.cancel_requested_by_id, 'cancelled'),
                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)
        WHERE attempt.item_id = item.id
          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                   AND attempt.direction = 'FORWARD')
        UNION
        SELECT who.person_id, who.verb
        FROM checklists_tick tick
        LEFT JOIN checklists_changerequest request
               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'
        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),
                                   (tick.on_behalf_of_id, 'did'),
                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)
        WHERE tick.item_id = item.id
        UNION
        SELECT item.done_by_id, 'ticked'
        UNION
        SELECT item.skipped_by_id, 'skipped'
    ) act
    WHERE act.person_id IS NOT NULL
) acts
                          WHERE acts.gate_id = of_gate AND acts.person_id = latest.person_id)
          AND NOT EXISTS (SELECT 1 FROM (
        WITH RECURSIVE behind AS (
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id
            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item
            WHERE gate.id = of_gate AND item.kind <> 'gate' AND item.superseded_at IS NULL
              AND item.cutover_id = gate.cutover_id
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id
            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE gate.id = of_gate AND item.kind <> 'gate'
              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase
            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)
        )
        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason
        FROM behind
        WHERE behind.skipped_by_id IS NOT NULL
        UNION
        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind
        CROSS JOIN LATERAL (
            SELECT attempt.* FROM checklists_attempt attempt
            JOIN checklists_item of_item ON of_item.id = attempt.item_id
            JOIN checklists_phase phase ON phase.id = of_item.phase_id
            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id
            WHERE attempt.item_id = behind.id
              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                       AND attempt.direction = 'FORWARD')
            ORDER BY attempt.number DESC LIMIT 1
        ) latest
        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'
          AND latest.reconciled_by_id IS NOT NULL
    ) gap
                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)
          AND NOT EXISTS (
        SELECT 1 FROM (
            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id
            FROM checklists_memberchange given
            JOIN checklists_item gate ON gate.id = of_gate AND gate.cutover_id = given.cutover_id
            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)
            ORDER BY given.id DESC LIMIT 1) latest
        JOIN (
    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb
    FROM checklists_gateevidence asked
    JOIN checklists_item item ON item.id = asked.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    CROSS JOIN LATERAL (
        SELECT who.person_id, who.verb
        FROM checklists_attempt attempt
        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),
                                   (attempt.cancel_requested_by_id, 'cancelled'),
                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)
        WHERE attempt.item_id = item.id
          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                   AND attempt.direction = 'FORWARD')
        UNION
        SELECT who.person_id, who.verb
        FROM checklists_tick tick
        LEFT JOIN checklists_changerequest request
               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'
        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),
                                   (tick.on_behalf_of_id, 'did'),
                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)
        WHERE tick.item_id = item.id
        UNION
        SELECT item.done_by_id, 'ticked'
        UNION
        SELECT item.skipped_by_id, 'skipped'
    ) act
    WHERE act.person_id IS NOT NULL
) acts ON acts.gate_id = of_gate
             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)
        WHERE latest.is_later)
    ) given)))
    ORDER BY pass.digest_version DESC, pass.at DESC LIMIT 1);
END $body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_recorded(
    of_cutover bigint, kinds text[], about jsonb, by_person bigint DEFAULT NULL, parts text[] DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql STABLE AS $body$
DECLARE
    name text;
BEGIN
    SELECT username INTO name FROM auth_user WHERE id = by_person;
    RETURN coalesce((
        SELECT true FROM checklists_auditentry entry
        WHERE entry.cutover_id = of_cutover AND entry.at >= now()
          AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head
                           WHERE head.cutover_id = of_cutover)
          AND entry.kind = ANY(kinds) AND entry.payload @> about
          AND (by_person IS NULL OR entry.actor = name)
          AND (parts IS NULL OR EXISTS (
                SELECT 1 FROM checklists_member member JOIN auth_user person ON person.id = member.person_id
                WHERE member.cutover_id = of_cutover AND person.username = entry.actor
                  AND member.part = ANY(parts)))
        ORDER BY entry.seq DESC LIMIT 1), false);
END $body$
""",
)


class CreateModels(Operation):
    """Creates tables with their indexes, constraints and triggers (pgtrigger adds those to `create_model`)."""

    serialization_expand_args = ["models"]

    def __init__(self, models):
        self.models = models

    def deconstruct(self):
        return self.__class__.__name__, [], {"models": self.models}

    def state_forwards(self, app_label, state):
        state.__dict__.pop("apps", None)  # they are rendered with all of the models, when they are asked for
        for one in self.models:
            one.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for one in self.models:
            one.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        for one in reversed(self.models):
            one.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self):
        return f"Create {len(self.models)} models"


class Migration(migrations.Migration):
    replaces = [
        ("checklists", "0001_initial"),
        ("checklists", "0002_fence"),
        ("checklists", "0003_measurements_and_way_back"),
        ("checklists", "0004_comparisons_while_they_run"),
        ("checklists", "0005_rows_of_earlier_comparisons"),
        ("checklists", "0006_item_opens"),
        ("checklists", "0007_amendments"),
        ("checklists", "0008_ticks"),
        ("checklists", "0009_preflight"),
        ("checklists", "0010_backup_verifications"),
        ("checklists", "0011_earlier_verifications"),
        ("checklists", "0012_member_changes"),
        ("checklists", "0013_host_deaths"),
        ("checklists", "0014_four_eyes_cover_every_actor"),
        ("checklists", "0015_windows"),
        ("checklists", "0016_confirmed_runbooks"),
        ("checklists", "0017_previews_in_a_worker"),
        ("checklists", "0018_content_digest_no_gos_and_gaps"),
        ("checklists", "0019_definitions_are_written_once"),
        ("checklists", "0020_changes_of_people"),
        ("checklists", "0021_irreversible"),
        ("checklists", "0022_released_variables"),
        ("checklists", "0023_logs_for_stakeholders"),
        ("checklists", "0024_evidence_in_the_database"),
        ("checklists", "0025_faster_gate_rules"),
        ("checklists", "0026_times_of_the_night"),
        ("checklists", "0027_status_links"),
        ("checklists", "0028_gate_looks"),
        ("checklists", "0029_simulated_forecast"),
        ("checklists", "0030_decisions_and_their_entries"),
    ]
    initial = True
    dependencies = [
        ("contenttypes", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE checklists_fence AS bigint", "DROP SEQUENCE checklists_fence"),
        CreateModels(
            models=[
                migrations.CreateModel(
                    name="Cutover",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("slug", models.SlugField(max_length=100, unique=True)),
                        ("title", models.CharField(max_length=200)),
                        (
                            "kind",
                            models.CharField(
                                choices=[("REHEARSAL", "Rehearsal"), ("PRODUCTION", "Production")],
                                max_length=12,
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("OPEN", "Open"),
                                    ("COMPLETED", "Completed"),
                                    ("ROLLED_BACK", "Rolled back"),
                                    ("ABANDONED", "Abandoned"),
                                ],
                                default="OPEN",
                                max_length=12,
                            ),
                        ),
                        (
                            "direction",
                            models.CharField(
                                choices=[("FORWARD", "Forward"), ("ROLLBACK", "Rollback")],
                                default="FORWARD",
                                max_length=8,
                            ),
                        ),
                        ("epoch", models.PositiveBigIntegerField(default=1)),
                        ("window_start", models.DateTimeField(blank=True, null=True)),
                        ("window_end", models.DateTimeField(blank=True, null=True)),
                        (
                            "timezone",
                            models.CharField(
                                default="UTC", help_text="IANA name; times are shown in it.", max_length=64
                            ),
                        ),
                        (
                            "systems",
                            models.JSONField(
                                default=dict,
                                help_text="The runbook's systems: as written; secrets stay in the environment.",
                            ),
                        ),
                        ("seat_titles", models.JSONField(default=dict)),
                        (
                            "rehearsal_quorum",
                            models.PositiveSmallIntegerField(
                                blank=True,
                                help_text="Signatures a gate asks for in this rehearsal, if not the runbook's.",
                                null=True,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("closed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "runbook",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="cutovers",
                                to="checklists.runbook",
                            ),
                        ),
                        (
                            "logs_for_stakeholders",
                            models.BooleanField(
                                default=False,
                                help_text="The runbook lets people who only watch see the logs of attempts.",
                            ),
                        ),
                        ("decision_time", models.DurationField(default=datetime.timedelta(seconds=1800))),
                        ("rto_from", models.SlugField(blank=True, default="", max_length=80)),
                        ("rto_to", models.SlugField(blank=True, default="", max_length=80)),
                    ],
                    options={
                        "ordering": ["-created_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("rehearsal_quorum", None), ("kind", "REHEARSAL"), _connector="OR"
                                ),
                                name="only_rehearsals_lower_quorum",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("window_end", None),
                                    ("window_start__lt", models.F("window_end")),
                                    _connector="OR",
                                ),
                                name="window_ends_after_it_starts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("status", "OPEN"), ("closed_at__isnull", False), _connector="XOR"
                                ),
                                name="closed_has_a_time",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="two_people_move_the_window",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.\"kind\" = 'PRODUCTION')",
                                    func="\n            IF (NEW.window_start, NEW.window_end) IS DISTINCT FROM (OLD.window_start, OLD.window_end)\n               AND NOT EXISTS (\n                   SELECT 1 FROM checklists_changerequest r\n                   WHERE r.cutover_id = NEW.id AND r.kind = 'window' AND r.decision = 'CONFIRMED'\n                     AND r.decided_at >= now()\n                     AND (r.payload ->> 'start')::timestamptz IS NOT DISTINCT FROM NEW.window_start\n                     AND (r.payload ->> 'end')::timestamptz IS NOT DISTINCT FROM NEW.window_end) THEN\n                RAISE EXCEPTION 'the window of production is moved by two people'\n                    USING ERRCODE = 'CU011';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="12b6d564d86ac6c5481ce9b63af3dc8d7c7931eb",
                                    operation="UPDATE",
                                    pgid="pgtrigger_two_people_move_the_window_b20bc",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="begins_open",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.status, NEW.direction, NEW.epoch) IS DISTINCT FROM ('OPEN', 'FORWARD', 1) THEN\n                RAISE EXCEPTION 'a cutover begins open, forward and at epoch 1';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="3ba2445b7d875bef8f9b58975c5212aa9d263f6a",
                                    operation="INSERT",
                                    pgid="pgtrigger_begins_open_921e8",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="8bce0e0158d7e72ee8e78d764c4f16e05dba05aa",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_9aa7a",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="only_forward",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NEW.epoch < OLD.epoch OR (OLD.direction = 'ROLLBACK' AND NEW.direction <> 'ROLLBACK')\n               OR (NEW.direction <> OLD.direction AND NEW.epoch <= OLD.epoch) THEN\n                RAISE EXCEPTION 'epoch and direction of cutover % only go forward', OLD.slug;\n            END IF;\n            IF OLD.status <> 'OPEN'\n               AND (NEW.status, NEW.closed_at) IS DISTINCT FROM (OLD.status, OLD.closed_at) THEN\n                RAISE EXCEPTION 'cutover % is closed', OLD.slug;\n            END IF;\n            IF NEW.runbook_id = OLD.runbook_id\n               AND (NEW.systems, NEW.seat_titles, NEW.timezone, NEW.rto_from, NEW.rto_to, NEW.decision_time)\n                   IS DISTINCT FROM (OLD.systems, OLD.seat_titles, OLD.timezone,\n                                     OLD.rto_from, OLD.rto_to, OLD.decision_time) THEN\n                RAISE EXCEPTION 'systems and seats of cutover % change with its runbook only', OLD.slug;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="0b7322b65fe7e5043a32d8243b70d2648e3447b1",
                                    operation="UPDATE",
                                    pgid="pgtrigger_only_forward_38c41",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.slug, NEW.kind, NEW.rehearsal_quorum, NEW.title, NEW.created_by_id, NEW.created_at) IS DISTINCT FROM ROW(OLD.slug, OLD.kind, OLD.rehearsal_quorum, OLD.title, OLD.created_by_id, OLD.created_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="aa575c7902a4894a248fa3bf8f7b318e0c9d7620",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_7c7a6",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="moves_on",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW IS DISTINCT FROM OLD)",
                                    func="\n            IF (OLD.status = 'OPEN'\n            AND (NEW.epoch = OLD.epoch OR NEW.epoch = OLD.epoch + 1 AND NEW.direction <> OLD.direction)\n            AND (NEW.status = 'OPEN' OR (NEW.closed_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                 AND NEW.direction = OLD.direction\n                 AND NOT (NEW.status = 'COMPLETED' AND NEW.direction = 'ROLLBACK')\n                 AND NOT (NEW.status = 'ROLLED_BACK' AND NEW.direction = 'FORWARD')\n                 AND NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.id\n                                 AND status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'UNKNOWN')))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a cutover is open, closes with nothing under way, and its epoch rises with the rollback' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="a393b4982bcb848ed133a6f84b1d111137815077",
                                    operation="UPDATE",
                                    pgid="pgtrigger_moves_on_78b4c",
                                    table="checklists_cutover",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="opens_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (NEW.created_by_id IS NOT NULL AND checklists_recorded(NEW.id, '{cutover.opened}',\n               jsonb_build_object('cutover_kind', NEW.kind, 'title', NEW.title, 'runbook',\n                   (SELECT sha256 FROM checklists_runbook WHERE id = NEW.runbook_id)), NEW.created_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a cutover is opened without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="cb97cde029e205f92616c5e977eac58e1f1cd6a2",
                                    operation="INSERT",
                                    pgid="pgtrigger_opens_with_its_entry_b7fe7",
                                    table="checklists_cutover",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changes_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (\n            (NEW.status = OLD.status OR checklists_recorded(NEW.id, '{cutover.closed}',\n                jsonb_build_object('status', NEW.status), NULL, '{LEAD}'))\n            AND ((NEW.direction, NEW.epoch) = (OLD.direction, OLD.epoch)\n             OR checklists_recorded(NEW.id, '{rollback.ordered}', jsonb_build_object('epoch', NEW.epoch),\n                    NULL, '{LEAD, APPROVER}'))\n            AND ((NEW.window_start, NEW.window_end) IS NOT DISTINCT FROM (OLD.window_start, OLD.window_end)\n             OR checklists_recorded(NEW.id, '{window.moved}', '{}', NULL, '{LEAD, APPROVER}'))\n            AND (ROW(NEW.runbook_id, NEW.systems, NEW.seat_titles, NEW.timezone, NEW.logs_for_stakeholders, NEW.rto_from, NEW.rto_to, NEW.decision_time) IS NOT DISTINCT FROM ROW(OLD.runbook_id, OLD.systems, OLD.seat_titles, OLD.timezone, OLD.logs_for_stakeholders, OLD.rto_from, OLD.rto_to, OLD.decision_time)\n             OR NEW.runbook_id <> OLD.runbook_id AND checklists_recorded(NEW.id, '{runbook.amended}',\n                    jsonb_build_object('after', (SELECT sha256 FROM checklists_runbook WHERE id = NEW.runbook_id)), NULL, '{LEAD, APPROVER}')\n                AND (NEW.kind = 'REHEARSAL' OR EXISTS (\n                    SELECT 1 FROM checklists_changerequest r\n                    WHERE r.cutover_id = NEW.id AND r.kind = 'amendment' AND r.decision = 'CONFIRMED'\n                      AND r.decided_at >= now() AND r.payload ->> 'after' = (SELECT sha256 FROM checklists_runbook WHERE id = NEW.runbook_id))))\n    ) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a cutover changes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="8e5cfd89fd3d0a0e9a1b1ab6dbb1b61b2da767e4",
                                    operation="UPDATE",
                                    pgid="pgtrigger_changes_with_its_entry_4aa28",
                                    table="checklists_cutover",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AuditHead",
                    fields=[
                        (
                            "cutover",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="audit_head",
                                serialize=False,
                                to="checklists.cutover",
                            ),
                        ),
                        ("seq", models.PositiveBigIntegerField(default=0)),
                        (
                            "hash",
                            models.CharField(
                                default="0000000000000000000000000000000000000000000000000000000000000000",
                                max_length=64,
                            ),
                        ),
                    ],
                    options={
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="d83106f4881001aa2d139afb0ded2b82ff136d09",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_e2c82",
                                    table="checklists_audithead",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="head_begins_at_nothing",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                IF NEW.seq <> 0 OR NEW.hash <> repeat('0', 64) THEN\n                    RAISE EXCEPTION 'a record begins empty';\n                END IF;\n                RETURN NEW;\n            ",
                                    hash="16a2b689e01261ee93d1597fedd115b89761513a",
                                    operation="INSERT",
                                    pgid="pgtrigger_head_begins_at_nothing_f3a8c",
                                    table="checklists_audithead",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="head_is_the_last_link",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                IF NEW.cutover_id <> OLD.cutover_id OR NEW.seq <> OLD.seq + 1 OR NOT EXISTS (\n                    SELECT 1 FROM checklists_auditentry\n                    WHERE cutover_id = NEW.cutover_id AND seq = NEW.seq AND hash = NEW.hash\n                      AND prev = OLD.hash) THEN\n                    RAISE EXCEPTION 'the end of a record is its last link';\n                END IF;\n                RETURN NEW;\n            ",
                                    hash="7532e86172bcb3a7f928967f0fafe6eeb4e9899b",
                                    operation="UPDATE",
                                    pgid="pgtrigger_head_is_the_last_link_7ce5e",
                                    table="checklists_audithead",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AuditEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("seq", models.PositiveBigIntegerField()),
                        ("at", models.DateTimeField()),
                        ("actor", models.CharField(max_length=150)),
                        ("kind", models.CharField(max_length=60)),
                        ("payload", models.JSONField(default=dict)),
                        ("prev", models.CharField(max_length=64)),
                        ("hash", models.CharField(max_length=64)),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="record",
                                to="checklists.cutover",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "seq"],
                        "constraints": [
                            models.UniqueConstraint(fields=("cutover", "seq"), name="a_link_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="552ce0dd15b30750ddf5fe649a2fa8913a8e4e70",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_83960",
                                    table="checklists_auditentry",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="47da4b53f331c55587365dc67f4efeef6870cfd8",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_f8e87",
                                    table="checklists_auditentry",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="follows_the_head",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') OR NOT EXISTS (\n                SELECT 1 FROM checklists_audithead\n                WHERE cutover_id = NEW.cutover_id AND seq = NEW.seq - 1 AND hash = NEW.prev) THEN\n                RAISE EXCEPTION 'an entry of the record is the next link, now';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="066d41cc5456c4ee5d22de9de9f859952bded065",
                                    operation="INSERT",
                                    pgid="pgtrigger_follows_the_head_7245e",
                                    table="checklists_auditentry",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Attempt",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        ("action", models.CharField(max_length=60)),
                        ("effect", models.CharField(max_length=12)),
                        ("params", models.JSONField(default=dict)),
                        ("resource", models.CharField(max_length=300, null=True)),
                        ("epoch", models.PositiveBigIntegerField()),
                        (
                            "direction",
                            models.CharField(
                                choices=[("FORWARD", "Forward"), ("ROLLBACK", "Rollback")], max_length=8
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("QUEUED", "Queued"),
                                    ("CLAIMED", "Claimed"),
                                    ("RUNNING", "Running"),
                                    ("SUCCEEDED", "Succeeded"),
                                    ("FAILED", "Failed"),
                                    ("ERRORED", "Errored"),
                                    ("TIMED_OUT", "Timed out"),
                                    ("CANCELLED", "Cancelled"),
                                    ("UNKNOWN", "Unknown"),
                                    ("RECONCILED", "Reconciled"),
                                ],
                                default="QUEUED",
                                max_length=10,
                            ),
                        ),
                        ("deadline", models.DurationField(default=datetime.timedelta(seconds=1800))),
                        ("fence", models.BigIntegerField(default=0)),
                        ("owner", models.JSONField(default=dict)),
                        ("queued_at", models.DateTimeField()),
                        ("woken_at", models.DateTimeField(null=True)),
                        ("claimed_at", models.DateTimeField(null=True)),
                        ("lease_expires_at", models.DateTimeField(null=True)),
                        ("heartbeat_at", models.DateTimeField(null=True)),
                        ("effect_started_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("cancel_requested_at", models.DateTimeField(null=True)),
                        ("before", models.JSONField(default=dict)),
                        ("progress_done", models.FloatField(default=0)),
                        ("progress_total", models.FloatField(default=0)),
                        ("progress_what", models.CharField(blank=True, max_length=300)),
                        ("progress_at", models.DateTimeField(null=True)),
                        ("log_next", models.PositiveBigIntegerField(default=1)),
                        ("summary", models.TextField(blank=True)),
                        ("problem", models.JSONField(default=dict)),
                        ("unknown_reason", models.TextField(blank=True)),
                        ("finding", models.JSONField(default=dict)),
                        (
                            "reconciliation",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("DONE", "It was done"),
                                    ("NOT_DONE", "It was not done"),
                                    ("PARTIAL", "It was done in part"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("reconciled_at", models.DateTimeField(null=True)),
                        (
                            "cancel_requested_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "reconciled_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="attempts",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="attempts",
                                to="checklists.item",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["item", "number"],
                        "indexes": [
                            models.Index(fields=["cutover", "status"], name="checklists__cutover_d2dc22_idx")
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("item", "number"), name="attempt_number_once"),
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("status__in", ["CLAIMED", "QUEUED", "RUNNING", "UNKNOWN"])
                                ),
                                fields=("item",),
                                name="one_live_attempt_an_item",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("resource__isnull", False),
                                    ("status__in", ["CLAIMED", "RUNNING", "UNKNOWN"]),
                                ),
                                fields=("resource",),
                                name="one_holder_a_resource",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        (
                                            "status__in",
                                            ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "UNKNOWN"],
                                        ),
                                        _negated=True,
                                    ),
                                    ("effect_started_at__isnull", False),
                                    _connector="OR",
                                ),
                                name="no_ending_without_a_beginning",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("status", "RECONCILED"), ("reconciliation", ""), _connector="XOR"
                                ),
                                name="reconciled_says_what_was_found",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="8389145331d9f9d745dafd7758bf838240a94e9d",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_c68ef",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="production_keeps_to_its_window",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW.\"status\" = 'RUNNING')",
                                    func="\n            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN\n                RETURN NEW;\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM checklists_cutover c\n                JOIN checklists_item i ON i.id = NEW.item_id\n                JOIN checklists_phase p ON p.id = i.phase_id\n                WHERE c.id = NEW.cutover_id AND c.kind = 'PRODUCTION' AND c.window_start > clock_timestamp()\n                  AND NEW.effect <> 'PURE' AND p.direction = 'FORWARD' AND NOT p.before_window\n                  AND NOT EXISTS (\n                      SELECT 1 FROM checklists_changerequest r\n                      WHERE r.item_id = i.id AND r.kind = 'early_start' AND r.decision = 'CONFIRMED'\n                        AND (r.payload ->> 'window_start')::timestamptz = c.window_start)) THEN\n                RAISE EXCEPTION 'attempt % would begin before the window of production', NEW.id\n                    USING ERRCODE = 'CU010';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="153d316928a611209ca8eef4517937d259ef8574",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_production_keeps_to_its_window_6a2d4",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="production_runs_confirmed_texts",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW.\"status\" = 'RUNNING')",
                                    func="\n            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN\n                RETURN NEW;\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM checklists_cutover c\n                JOIN checklists_runbook b ON b.id = c.runbook_id\n                JOIN checklists_item i ON i.id = NEW.item_id\n                JOIN checklists_phase p ON p.id = i.phase_id\n                WHERE c.id = NEW.cutover_id AND c.kind = 'PRODUCTION'\n                  AND NOT (c.direction = 'ROLLBACK' AND p.direction = 'ROLLBACK')\n                  AND NOT EXISTS (\n                      SELECT 1 FROM checklists_changerequest r\n                      WHERE r.kind IN ('runbook', 'amendment') AND r.decision = 'CONFIRMED'\n                        AND r.payload ->> 'after' = b.sha256)) THEN\n                RAISE EXCEPTION 'attempt % would run a text that nobody confirmed for production', NEW.id\n                    USING ERRCODE = 'CU012';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="b5660982c16d04d7690c4b1ad0810a734bc68306",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_production_runs_confirmed_texts_55828",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="begins_queued",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NEW.status <> 'QUEUED' OR NEW.fence <> 0 OR NOT (NEW.queued_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n               OR NEW.reconciliation <> '' OR num_nonnulls(\n                   NEW.claimed_at, NEW.effect_started_at, NEW.ended_at, NEW.lease_expires_at,\n                   NEW.heartbeat_at, NEW.cancel_requested_at, NEW.reconciled_at) > 0 THEN\n                RAISE EXCEPTION 'an attempt begins queued, now, and without a past';\n            END IF;\n            IF NOT EXISTS (SELECT 1 FROM checklists_item i\n                           JOIN checklists_cutover c ON c.id = i.cutover_id\n                           WHERE i.id = NEW.item_id AND i.kind = 'action' AND i.action = NEW.action\n                             AND c.id = NEW.cutover_id AND c.epoch = NEW.epoch AND c.status = 'OPEN') THEN\n                RAISE EXCEPTION 'an attempt belongs to an action of its open cutover, at its epoch';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="80a0f6a503747a6bbb1a1e5afda3fd6278ba39f8",
                                    operation="INSERT",
                                    pgid="pgtrigger_begins_queued_13097",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.item_id, NEW.number, NEW.action, NEW.effect, NEW.params, NEW.resource, NEW.epoch, NEW.direction, NEW.requested_by_id, NEW.deadline, NEW.queued_at) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.item_id, OLD.number, OLD.action, OLD.effect, OLD.params, OLD.resource, OLD.epoch, OLD.direction, OLD.requested_by_id, OLD.deadline, OLD.queued_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="fe9529a6b698beef0a41398fc07e7343c447eadb",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_4352b",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="legal_moves",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (('QUEUED', 'CANCELLED'), ('QUEUED', 'CLAIMED'), ('CLAIMED', 'CANCELLED'), ('CLAIMED', 'ERRORED'), ('CLAIMED', 'QUEUED'), ('CLAIMED', 'RUNNING'), ('RUNNING', 'CANCELLED'), ('RUNNING', 'ERRORED'), ('RUNNING', 'FAILED'), ('RUNNING', 'SUCCEEDED'), ('RUNNING', 'TIMED_OUT'), ('RUNNING', 'UNKNOWN'), ('UNKNOWN', 'RECONCILED')) THEN\n                RAISE EXCEPTION 'attempt % cannot move from % to %', OLD.id, OLD.status, NEW.status;\n            END IF;\n            IF OLD.status IN ('CANCELLED', 'ERRORED', 'FAILED', 'RECONCILED', 'SUCCEEDED', 'TIMED_OUT') AND NEW IS DISTINCT FROM OLD THEN\n                RAISE EXCEPTION 'attempt % has ended', OLD.id;\n            END IF;\n            IF NEW.fence <> OLD.fence AND NOT (NEW.status = 'CLAIMED' AND NEW.fence > OLD.fence) THEN\n                RAISE EXCEPTION 'the fence of attempt % changes with a claim only', OLD.id;\n            END IF;\n            IF OLD.effect_started_at IS NOT NULL\n               AND NEW.effect_started_at IS DISTINCT FROM OLD.effect_started_at THEN\n                RAISE EXCEPTION 'the effect of attempt % has begun once', OLD.id;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="734747455fa2d211a3387c1d25c6b8dae794f9e4",
                                    operation="UPDATE",
                                    pgid="pgtrigger_legal_moves_b7e68",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="under_its_lease",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status)",
                                    func="\n            IF NEW.status = 'CLAIMED' AND (\n                    NEW.fence <= OLD.fence OR NEW.fence <> currval('checklists_fence') OR NEW.owner = '{}'\n                    OR (NEW.claimed_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE OR NEW.lease_expires_at IS NULL) THEN\n                RAISE EXCEPTION 'attempt % is claimed with a new fence, an owner and a lease', OLD.id;\n            END IF;\n            IF NEW.status = 'RUNNING' AND (\n                    (NEW.effect_started_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE OR OLD.cancel_requested_at IS NOT NULL\n                    OR coalesce(OLD.lease_expires_at, '-infinity') <= clock_timestamp()) THEN\n                RAISE EXCEPTION 'the effect of attempt % begins now, under its lease', OLD.id;\n            END IF;\n            IF NEW.status IN ('CANCELLED', 'ERRORED', 'FAILED', 'RECONCILED', 'SUCCEEDED', 'TIMED_OUT') <> (NEW.ended_at IS NOT NULL)\n               OR (NEW.ended_at IS NOT NULL AND NOT (NEW.ended_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')) THEN\n                RAISE EXCEPTION 'the end of attempt % is dated now', OLD.id;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="d9f26d3bcf0522c4603ebe1e58724bad5ec629ff",
                                    operation="UPDATE",
                                    pgid="pgtrigger_under_its_lease_0069e",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="reconciled_on_a_finding",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status = 'UNKNOWN' AND NEW.status = 'RECONCILED')",
                                    declare="DECLARE kind text;",
                                    func="\n            SELECT cutover.kind INTO kind FROM checklists_cutover cutover WHERE cutover.id = NEW.cutover_id;\n            IF coalesce(OLD.finding ->> 'dead', '') = '' OR OLD.finding ->> 'seen' = 'STILL_RUNNING'\n               OR NEW.finding IS DISTINCT FROM OLD.finding OR (NEW.reconciled_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE THEN\n                RAISE EXCEPTION 'attempt % is reconciled on a finding after proof of death', NEW.id;\n            END IF;\n            IF NEW.reconciled_by_id IS NULL AND NOT (\n                    NEW.effect = 'PURE' OR (NEW.effect = 'IDEMPOTENT' AND kind = 'REHEARSAL')) THEN\n                RAISE EXCEPTION 'a person decides what attempt % did', NEW.id;\n            END IF;\n            IF NEW.reconciled_by_id = NEW.requested_by_id AND NEW.effect = 'AT_MOST_ONCE'\n               AND kind = 'PRODUCTION' THEN\n                RAISE EXCEPTION 'somebody else than its starter decides what attempt % did', NEW.id;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="ae16e5fe91fcc998f77cccad168196027f83edbb",
                                    operation="UPDATE",
                                    pgid="pgtrigger_reconciled_on_a_finding_b0055",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="leaves_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status <> 'CLAIMED')",
                                    constraint="CONSTRAINT",
                                    declare="DECLARE kinds text[];",
                                    func="\n            kinds := CASE NEW.status WHEN 'RUNNING' THEN ARRAY['attempt.began'] WHEN 'QUEUED' THEN ARRAY['attempt.requeued'] WHEN 'UNKNOWN' THEN ARRAY['attempt.lost'] WHEN 'RECONCILED' THEN ARRAY['attempt.reconciled'] WHEN 'CANCELLED' THEN ARRAY['attempt.ended', 'attempt.cancelled', 'attempt.requeued'] ELSE ARRAY['attempt.ended'] END;\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_auditentry entry\n                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()\n                  AND (entry.kind = ANY(kinds) AND entry.payload ->> 'attempt' = NEW.id::text\n                       AND coalesce(entry.payload ->> 'status', NEW.status) = NEW.status\n                       OR NEW.status = 'CANCELLED' AND entry.kind = 'rollback.ordered')\n                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head\n                                   WHERE head.cutover_id = NEW.cutover_id)) THEN\n                RAISE EXCEPTION 'attempt % is % without an entry of the record', NEW.id, NEW.status;\n            END IF;\n            IF (NEW.status IN ('SUCCEEDED', 'FAILED') OR NEW.reconciliation = 'DONE')\n               AND NOT EXISTS (SELECT 1 FROM checklists_evidence WHERE attempt_id = NEW.id) THEN\n                RAISE EXCEPTION 'attempt % is % without evidence', NEW.id, NEW.status;\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="0c6fc42ca4162b391127d65c73e69d4ee13e686a",
                                    operation="UPDATE",
                                    pgid="pgtrigger_leaves_its_entry_ffbfd",
                                    table="checklists_attempt",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="is_started_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_auditentry entry\n                JOIN auth_user starter ON starter.username = entry.actor\n                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()\n                  AND entry.kind = 'attempt.started' AND entry.payload ->> 'attempt' = NEW.id::text\n                  AND starter.id = NEW.requested_by_id\n                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head\n                                   WHERE head.cutover_id = NEW.cutover_id)) THEN\n                RAISE EXCEPTION 'attempt % is started without an entry of the record', NEW.id;\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="bcc39ccd5cc09c11b8725d412402c2a10d503d2b",
                                    operation="INSERT",
                                    pgid="pgtrigger_is_started_with_its_entry_0b5db",
                                    table="checklists_attempt",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="irreversible_work_is_named",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW.\"status\" = 'RUNNING')",
                                    func="\n            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN\n                RETURN NEW;\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM checklists_item i\n                JOIN checklists_phase p ON p.id = i.phase_id\n                JOIN checklists_cutover c ON c.id = i.cutover_id\n                WHERE i.id = NEW.item_id AND c.kind = 'PRODUCTION' AND i.irreversible <> ''\n                  AND NOT EXISTS (\n    WITH RECURSIVE before(id, key, kind, needs, quorum) AS (\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM checklists_item n\n        WHERE n.cutover_id = i.cutover_id AND n.superseded_at IS NULL AND n.key = ANY(i.needs)\n        UNION\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM before b\n        JOIN checklists_item n ON n.cutover_id = i.cutover_id AND n.superseded_at IS NULL\n             AND n.key = ANY(b.needs)\n        WHERE b.kind <> 'gate')\n    SELECT 1 FROM before gate JOIN checklists_gatepass pass ON pass.gate_id = gate.id\n    WHERE gate.kind = 'gate' AND pass.digest = checklists_passed_on(gate.id) AND gate.quorum <= (\n        SELECT count(DISTINCT s.person_id) FROM checklists_signoff s\n        WHERE s.gate_id = gate.id AND s.digest = pass.digest AND s.decision = 'GO'\n          AND i.key = ANY(s.accepted_irreversible))\n    UNION ALL\n    SELECT 1 WHERE p.direction = 'ROLLBACK' AND NOT EXISTS (SELECT 1 FROM before WHERE kind = 'gate')\n)) THEN\n                RAISE EXCEPTION 'attempt % cannot be taken back, and no passed gate names it', NEW.id\n                    USING ERRCODE = 'CU013';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="1f86cee8da0e4c32b58fc679e9d7e3f5491c864e",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_irreversible_work_is_named_25364",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="keeps_its_story",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status = NEW.status)",
                                    func="\n            IF (ROW(NEW.owner, NEW.claimed_at, NEW.effect_started_at, NEW.ended_at, NEW.before, NEW.summary, NEW.problem, NEW.unknown_reason, NEW.reconciliation, NEW.reconciled_by_id, NEW.reconciled_at) IS NOT DISTINCT FROM ROW(OLD.owner, OLD.claimed_at, OLD.effect_started_at, OLD.ended_at, OLD.before, OLD.summary, OLD.problem, OLD.unknown_reason, OLD.reconciliation, OLD.reconciled_by_id, OLD.reconciled_at) AND (OLD.status = 'UNKNOWN' OR NEW.finding IS NOT DISTINCT FROM OLD.finding)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'what is told of an attempt changes with its status only' USING ERRCODE = 'CU018';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="7fdbfa1ce19b35c01e6b08986658bacb4eae000a",
                                    operation='UPDATE OF "owner", "claimed_at", "effect_started_at", "ended_at", "before", "summary", "problem", "unknown_reason", "reconciliation", "reconciled_by_id", "reconciled_at", "finding"',
                                    pgid="pgtrigger_keeps_its_story_9be2f",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="is_cancelled_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.cancel_requested_at, NEW.cancel_requested_by_id) IS DISTINCT FROM ROW(OLD.cancel_requested_at, OLD.cancel_requested_by_id))",
                                    func="\n            IF (OLD.cancel_requested_at IS NULL AND (NEW.cancel_requested_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n            AND OLD.status IN ('QUEUED', 'CLAIMED', 'RUNNING')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an attempt is asked to stop once, now' USING ERRCODE = 'CU018';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="0323457942a021bba9ec5a962e41f1ae2b730d26",
                                    operation='UPDATE OF "cancel_requested_at", "cancel_requested_by_id"',
                                    pgid="pgtrigger_is_cancelled_once_a806d",
                                    table="checklists_attempt",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="cancel_has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.cancel_requested_at, NEW.cancel_requested_by_id) IS DISTINCT FROM ROW(OLD.cancel_requested_at, OLD.cancel_requested_by_id))",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (NEW.cancel_requested_by_id IS NOT NULL AND (checklists_recorded(NEW.cutover_id, '{attempt.cancelled}',\n                   jsonb_build_object('attempt', NEW.id::text), NEW.cancel_requested_by_id)\n               OR checklists_recorded(NEW.cutover_id, '{rollback.ordered}', '{}',\n                   NEW.cancel_requested_by_id))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an attempt is asked to stop without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="a7b2e3c76916e30329bb747731c7ffb6363e0116",
                                    operation='UPDATE OF "cancel_requested_at", "cancel_requested_by_id"',
                                    pgid="pgtrigger_cancel_has_its_entry_0ea43",
                                    table="checklists_attempt",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="finding_has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status = 'UNKNOWN' AND NEW.status = 'UNKNOWN' AND NEW.finding IS DISTINCT FROM OLD.finding)",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{attempt.probed, attempt.reconciled}', jsonb_build_object(\n                   'attempt', NEW.id::text, 'finding', jsonb_build_object(\n                       'dead', NEW.finding -> 'dead', 'seen', NEW.finding -> 'seen',\n                       'at', NEW.finding -> 'at')))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a lost attempt is probed without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="078d545e4e0fd1c3f4b5847d41f4dc6e1e22130b",
                                    operation='UPDATE OF "finding"',
                                    pgid="pgtrigger_finding_has_its_entry_eb6be",
                                    table="checklists_attempt",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Backup",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("path", models.CharField(max_length=500)),
                        ("bytes", models.BigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("taken_at", models.DateTimeField()),
                        ("facts", models.JSONField(default=dict)),
                        ("verified_at", models.DateTimeField(null=True)),
                        ("restore_seconds", models.FloatField(null=True)),
                        (
                            "attempt",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="backup",
                                to="checklists.attempt",
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="backups",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "verified_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("verified_at", None), ("verified_by", None)),
                                    models.Q(
                                        ("restore_seconds__isnull", False),
                                        ("verified_at__isnull", False),
                                        ("verified_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="verified_by_a_timed_restore",
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="5f637fe7e761a527fe023fbda637711755b4e281",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_57194",
                                    table="checklists_backup",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="new_ones_are_not_verified",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                IF NEW.verified_by_id IS NOT NULL OR NEW.verified_at IS NOT NULL\n                   OR NEW.restore_seconds IS NOT NULL THEN\n                    RAISE EXCEPTION 'a backup is verified by its verifications only';\n                END IF;\n                RETURN NEW;\n            ",
                                    hash="d18c49e72d41b980cbe2ae71f3ffc8bdd9c05669",
                                    operation="INSERT",
                                    pgid="pgtrigger_new_ones_are_not_verified_c2e4a",
                                    table="checklists_backup",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="only_verifications_verify",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n                IF pg_trigger_depth() < 2\n                   AND (NEW.verified_by_id, NEW.verified_at, NEW.restore_seconds)\n                       IS DISTINCT FROM (OLD.verified_by_id, OLD.verified_at, OLD.restore_seconds) THEN\n                    RAISE EXCEPTION 'a backup is verified by its verifications only';\n                END IF;\n                RETURN NEW;\n            ",
                                    hash="55badf29e10aaa5aae84bf2cc20019104cb5087b",
                                    operation="UPDATE",
                                    pgid="pgtrigger_only_verifications_verify_ede5c",
                                    table="checklists_backup",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_evidence",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (SELECT 1 FROM checklists_evidence\n                   WHERE attempt_id = NEW.attempt_id AND observed_at >= now())) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a result is stored together with the evidence of its attempt' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="b0434b1180d06e00459cd815feb4d2e670d5b7e2",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_evidence_03ec0",
                                    table="checklists_backup",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.attempt_id, NEW.path, NEW.bytes, NEW.sha256, NEW.taken_at, NEW.facts) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.attempt_id, OLD.path, OLD.bytes, OLD.sha256, OLD.taken_at, OLD.facts) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="888a1a5b82b7e5dba2f152739ff6d4173a0c8ae8",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_3b7a9",
                                    table="checklists_backup",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GatePass",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("digest", models.CharField(max_length=64)),
                        ("at", models.DateTimeField()),
                        ("used_at", models.DateTimeField(null=True)),
                        (
                            "gate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="passes",
                                to="checklists.item",
                            ),
                        ),
                        ("digest_version", models.PositiveSmallIntegerField(default=2)),
                    ],
                    options={
                        "ordering": ["gate", "at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("gate", "digest"), name="a_gate_opens_once_on_evidence"
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="d4628540db27b3009ec91c436d3c2f65e5bf87b3",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_b99fa",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="only_use_is_written",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.gate_id, NEW.digest, NEW.digest_version, NEW.at)\n                  IS DISTINCT FROM (OLD.gate_id, OLD.digest, OLD.digest_version, OLD.at)\n               OR OLD.used_at IS NOT NULL THEN\n                RAISE EXCEPTION 'the pass of a gate is not edited';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="045a780712dc01bc37337ffa2d7e13435693c67e",
                                    operation="UPDATE",
                                    pgid="pgtrigger_only_use_is_written_85117",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="written_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') THEN\n                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="4ad552ad6357669f4219ee9894a291c659bd91a7",
                                    operation="INSERT",
                                    pgid="pgtrigger_written_now_625e3",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="rests_on_the_evidence",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NEW.digest_version <> 2 OR NEW.digest <> checklists_digest(\n                    checklists_gate_content(NEW.gate_id)) THEN\n                RAISE EXCEPTION 'sign-off refused: the evidence of the gate has another digest'\n                    USING ERRCODE = 'CU014';\n            END IF;\n            IF EXISTS (SELECT 1 FROM checklists_gate_facts(NEW.gate_id) fact\n                       WHERE fact.content ->> 'state' NOT IN ('DONE', 'SKIPPED', 'NOT_NEEDED')) THEN\n                RAISE EXCEPTION 'sign-off refused: evidence is missing, or no longer holds'\n                    USING ERRCODE = 'CU015';\n            END IF;\n RETURN NEW;",
                                    hash="cfc4000b83fa9e1d13450b21bfb6507ea88fa81e",
                                    operation="INSERT",
                                    pgid="pgtrigger_rests_on_the_evidence_8e277",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="quorum",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE needed integer; given integer; against integer;",
                                    func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            needed := (\n        SELECT greatest(1, CASE WHEN cutover.kind = 'REHEARSAL'\n                                THEN least(coalesce(cutover.rehearsal_quorum, item.quorum), item.quorum)\n                                ELSE item.quorum END)\n        FROM checklists_item item JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n        WHERE item.id = NEW.gate_id);\n            SELECT count(*) INTO given FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted;\n            SELECT count(*) INTO against FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_gos;\n            IF against > 0 OR given < needed THEN\n                RAISE EXCEPTION 'gate refused: % of % people said go, % said no-go', given, needed, against\n                    USING ERRCODE = 'CU005';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="6f80ff27430f580e61bd73011db56827757e0a8e",
                                    operation="INSERT",
                                    pgid="pgtrigger_quorum_f996d",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="is_used_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (CASE TG_OP WHEN 'INSERT' THEN NEW.used_at IS NULL ELSE (NEW.used_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a pass begins unused, and its first use is now' USING ERRCODE = 'CU019';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="fee5b9a419725e9de23eff5e6cae693185a5ec1b",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_is_used_now_0cc51",
                                    table="checklists_gatepass",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded((SELECT cutover_id FROM checklists_item WHERE id = NEW.gate_id), '{gate.passed}', jsonb_build_object('gate', (SELECT key FROM checklists_item WHERE id = NEW.gate_id), 'digest', NEW.digest))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a gate passes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="db2124c67235d57881e8407b038aa3b4cd11c9e0",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_2bcd2",
                                    table="checklists_gatepass",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="is_used_by_a_beginning",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.used_at IS DISTINCT FROM NEW.used_at)",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (EXISTS (\n        WITH RECURSIVE begun AS (\n            SELECT attempt.id, item.cutover_id, item.needs FROM checklists_item gate\n            JOIN checklists_attempt attempt ON attempt.cutover_id = gate.cutover_id\n                 AND attempt.effect_started_at >= now()\n            JOIN checklists_item item ON item.id = attempt.item_id\n            WHERE gate.id = NEW.gate_id\n        ), before(attempt, cutover_id, key, needs) AS (\n            SELECT begun.id, item.cutover_id, item.key, item.needs FROM begun\n            JOIN checklists_item item ON item.cutover_id = begun.cutover_id AND item.superseded_at IS NULL\n                 AND item.key = ANY(begun.needs)\n            UNION\n            SELECT before.attempt, item.cutover_id, item.key, item.needs FROM before\n            JOIN checklists_item item ON item.cutover_id = before.cutover_id AND item.superseded_at IS NULL\n                 AND item.key = ANY(before.needs)\n        )\n        SELECT 1 FROM before JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.key = before.key\n        WHERE checklists_recorded(before.cutover_id, '{attempt.began}', jsonb_build_object(\n                  'attempt', before.attempt::text, 'gates', jsonb_build_array(NEW.id))))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a pass is used by no effect that begins now, or without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="2fbb44ba0440065cae0966e75a293015dc842187",
                                    operation="UPDATE",
                                    pgid="pgtrigger_is_used_by_a_beginning_a1c6c",
                                    table="checklists_gatepass",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GateEvidence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("fresh_for", models.DurationField(null=True)),
                        ("position", models.PositiveSmallIntegerField()),
                        (
                            "gate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="gate_evidence",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="asked_by",
                                to="checklists.item",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["gate", "position"],
                        "constraints": [
                            models.UniqueConstraint(fields=("gate", "item"), name="evidence_asked_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="17d7e2d06832aa495c820e2aadb79d8f0ce5f08d",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_784c2",
                                    table="checklists_gateevidence",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="8a84027358653def8f59e78c62693c854fc71188",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_9f7db",
                                    table="checklists_gateevidence",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_the_runbook",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded((SELECT cutover_id FROM checklists_item WHERE id = NEW.gate_id), '{cutover.opened, runbook.amended}', '{}')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a definition comes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="67a99ce6be42e84987fc93b93e7ff9554a2ea817",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_the_runbook_04749",
                                    table="checklists_gateevidence",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Evidence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("ok", models.BooleanField()),
                        ("facts", models.JSONField(default=dict)),
                        ("digest", models.CharField(max_length=64)),
                        ("observed_at", models.DateTimeField()),
                        (
                            "attempt",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="evidence",
                                to="checklists.attempt",
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="evidence",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "confirms",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), blank=True, default=list, size=None
                            ),
                        ),
                        (
                            "denies",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), blank=True, default=list, size=None
                            ),
                        ),
                        ("judges", models.BooleanField(default=False)),
                    ],
                    options={
                        "ordering": ["item", "-observed_at"],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="8d6d202295bfcf47596cc4c391a817ce46643f8d",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_169df",
                                    table="checklists_evidence",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="af7c3c886d28f986bb2d15c52cde0a46777e3009",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_350be",
                                    table="checklists_evidence",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_the_verdict",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_attempt attempt\n                WHERE attempt.id = NEW.attempt_id AND attempt.item_id = NEW.item_id\n                  AND attempt.ended_at = NEW.observed_at AND attempt.ended_at >= now()\n                  AND CASE WHEN NEW.ok THEN attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE'\n                           ELSE attempt.status = 'FAILED' END) THEN\n                RAISE EXCEPTION 'evidence is written together with the verdict of its attempt';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="5046f27ed1c2a78d2a855d87931a66aff9749b00",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_the_verdict_c884b",
                                    table="checklists_evidence",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LogLine",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.PositiveBigIntegerField()),
                        ("at", models.DateTimeField()),
                        ("text", models.TextField()),
                        (
                            "attempt",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lines",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["attempt", "number"],
                        "constraints": [
                            models.UniqueConstraint(fields=("attempt", "number"), name="log_line_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="275d16fb1fed4fefcbaffdfc1bbb822cbef7640e",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_512f0",
                                    table="checklists_logline",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="7ebd4285f7ce3ee48370137b51e8eba92ee6fbc5",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_158dc",
                                    table="checklists_logline",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Note",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("text", models.TextField(max_length=4000)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notes",
                                to="checklists.item",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["item", "at"],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="5027a58cc727d871693a48974cfc659799c066ea",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_b9778",
                                    table="checklists_note",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="384b02014853be04c10132c7def04efdcc28f14b",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_e9073",
                                    table="checklists_note",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="written_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') THEN\n                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="cc101a7a28d3d06c31581a9e2a98ae7648ef7cc3",
                                    operation="INSERT",
                                    pgid="pgtrigger_written_now_595df",
                                    table="checklists_note",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="noted_by_a_member",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = (SELECT cutover_id FROM checklists_item WHERE id = NEW.item_id) AND member.person_id = NEW.by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD,APPROVER}')::text[])) AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = (SELECT cutover_id FROM checklists_item WHERE id = NEW.item_id) AND status = 'OPEN')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a note is written by somebody who works on the open cutover' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="855ed9d9a86360c9ac7c08216b3cd556d23ee4ff",
                                    operation="INSERT",
                                    pgid="pgtrigger_noted_by_a_member_07c82",
                                    table="checklists_note",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded((SELECT cutover_id FROM checklists_item WHERE id = NEW.item_id), '{item.noted}', jsonb_build_object('item', (SELECT key FROM checklists_item WHERE id = NEW.item_id), 'text', NEW.text), NEW.by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a note is written without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="a8254e2e51c6a2fe52155dc9b7f1e8d166c5f3d4",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_f9f2f",
                                    table="checklists_note",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ParityResult",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("table", models.CharField(max_length=200)),
                        ("source_rows", models.BigIntegerField()),
                        ("target_rows", models.BigIntegerField()),
                        ("equal", models.BooleanField()),
                        ("differing", models.BigIntegerField(default=0)),
                        ("declared", models.BigIntegerField(default=0)),
                        ("examples", models.JSONField(default=list)),
                        ("facts", models.JSONField(default=dict)),
                        ("digest", models.CharField(blank=True, max_length=64)),
                        ("seconds", models.FloatField(default=0)),
                        (
                            "attempt",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="parity_results",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["attempt", "equal", "-differing", "table"],
                        "constraints": [
                            models.UniqueConstraint(fields=("attempt", "table"), name="a_table_compared_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="126a22f1bf4577e18d4987741072b2b628a74196",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_a6713",
                                    table="checklists_parityresult",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="a5715baa0977aa01adc13da0de39d982de4c64ef",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_15042",
                                    table="checklists_parityresult",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_evidence",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (SELECT 1 FROM checklists_evidence\n                   WHERE attempt_id = NEW.attempt_id AND observed_at >= now())) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a result is stored together with the evidence of its attempt' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="3cb3aa41008b4c060e2a02a73bbd5f79426349cc",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_evidence_de686",
                                    table="checklists_parityresult",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Phase",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveSmallIntegerField()),
                        ("number", models.CharField(max_length=8)),
                        ("key", models.SlugField(max_length=60)),
                        ("title", models.CharField(max_length=200)),
                        (
                            "direction",
                            models.CharField(
                                choices=[("FORWARD", "Forward"), ("ROLLBACK", "Rollback")],
                                default="FORWARD",
                                max_length=8,
                            ),
                        ),
                        ("note", models.TextField(blank=True)),
                        ("original", models.TextField(blank=True)),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="phases",
                                to="checklists.cutover",
                            ),
                        ),
                        ("before_window", models.BooleanField(default=False)),
                    ],
                    options={
                        "ordering": ["cutover", "position"],
                        "constraints": [
                            models.UniqueConstraint(fields=("cutover", "key"), name="phase_key_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.number, NEW.key, NEW.direction) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.number, OLD.key, OLD.direction) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="ac9744b5aaaec46db58aba8c98bae802f949b2bb",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_b2b76",
                                    table="checklists_phase",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="29820596ae77a0a6f5b9f0f5fe6901670bda9856",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_47a33",
                                    table="checklists_phase",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_the_runbook",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{cutover.opened, runbook.amended}', '{}')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a definition comes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="b3edc4f6aa23936310b048937435483232f81870",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_the_runbook_06163",
                                    table="checklists_phase",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changes_with_the_runbook",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.position, NEW.title, NEW.note, NEW.original, NEW.before_window) IS DISTINCT FROM ROW(OLD.position, OLD.title, OLD.note, OLD.original, OLD.before_window))",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{runbook.amended}', '{}')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a definition changes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="114a751bd63ab45773ca82b5cd177647c8518402",
                                    operation="UPDATE",
                                    pgid="pgtrigger_changes_with_the_runbook_8ec13",
                                    table="checklists_phase",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Runbook",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "name",
                            models.SlugField(
                                help_text="What the file calls itself; versions share it.", max_length=100
                            ),
                        ),
                        ("title", models.CharField(max_length=200)),
                        ("sha256", models.CharField(max_length=64, unique=True)),
                        ("text", models.TextField()),
                        ("loaded_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "loaded_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "-loaded_at"],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="0735f4430812cc0c66a38b053f7f80ac10002866",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_05230",
                                    table="checklists_runbook",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="9a6a9a8f55bece7c84b8e4e023a7c09670a2bcd7",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_7fd63",
                                    table="checklists_runbook",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="text_has_its_digest",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.sha256 = encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'the text of a runbook has another SHA-256' USING ERRCODE = 'CU022';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="b7ec9807cc77c1d76589769ffb9363d80aabd40a",
                                    operation="INSERT",
                                    pgid="pgtrigger_text_has_its_digest_b9a07",
                                    table="checklists_runbook",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ServiceBeat",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=40)),
                        ("instance", models.CharField(max_length=200)),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "ordering": ["name", "instance"],
                        "constraints": [
                            models.UniqueConstraint(fields=("name", "instance"), name="one_beat_an_instance")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SignOff",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("seat", models.SlugField(max_length=40)),
                        (
                            "decision",
                            models.CharField(choices=[("GO", "Go"), ("NO_GO", "No-go")], max_length=6),
                        ),
                        ("reason", models.TextField(blank=True)),
                        ("digest", models.CharField(max_length=64)),
                        ("evidence", models.JSONField(default=list)),
                        (
                            "attempts",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.UUIDField(), default=list, size=None
                            ),
                        ),
                        ("nonce", models.UUIDField(default=uuid.uuid4, unique=True)),
                        ("at", models.DateTimeField()),
                        (
                            "gate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_offs",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_offs",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "accepted_gaps",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=80),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("digest_version", models.PositiveSmallIntegerField(default=2)),
                        (
                            "accepted_irreversible",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=80),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["gate", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("decision", "GO"),
                                    models.Q(("reason", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="a_no_go_has_a_reason",
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="45d87a4729b4abd57b53ce198b23e8687325e723",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_5cbbf",
                                    table="checklists_signoff",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="2164de90b2153f6a06828d2729bb657d28c05809",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_aa013",
                                    table="checklists_signoff",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="written_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') THEN\n                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="967019b5ca9f4cc7fd32831478ffa1ce92b61159",
                                    operation="INSERT",
                                    pgid="pgtrigger_written_now_61c5a",
                                    table="checklists_signoff",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="rests_on_the_evidence",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE named jsonb; found jsonb; attempts uuid[];",
                                    func="\n            IF NEW.digest_version <> 2 OR NEW.digest <> checklists_digest(\n                    checklists_gate_content(NEW.gate_id)) THEN\n                RAISE EXCEPTION 'sign-off refused: the evidence of the gate has another digest'\n                    USING ERRCODE = 'CU014';\n            END IF;\n            IF EXISTS (SELECT 1 FROM checklists_gate_facts(NEW.gate_id) fact\n                       WHERE fact.content ->> 'state' NOT IN ('DONE', 'SKIPPED', 'NOT_NEEDED')) THEN\n                RAISE EXCEPTION 'sign-off refused: evidence is missing, or no longer holds'\n                    USING ERRCODE = 'CU015';\n            END IF;\n\n            SELECT coalesce(jsonb_agg(jsonb_build_array(\n                       line -> 'item', line -> 'attempt', line -> 'content') ORDER BY place), '[]')\n              INTO named FROM jsonb_array_elements(NEW.evidence) WITH ORDINALITY AS one(line, place);\n            SELECT coalesce(jsonb_agg(jsonb_build_array(\n                       fact.content -> 'item', fact.attempt_id, fact.content) ORDER BY fact.place), '[]'),\n                   coalesce(array_agg(fact.attempt_id ORDER BY fact.place)\n                            FILTER (WHERE fact.attempt_id IS NOT NULL), '{}')\n              INTO found, attempts FROM checklists_gate_facts(NEW.gate_id) fact;\n            IF named <> found OR NEW.attempts <> attempts THEN\n                RAISE EXCEPTION 'sign-off refused: it names other evidence than the newest of each item'\n                    USING ERRCODE = 'CU016';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="8f1aefbb581ca3aaa718484a9b868866dd7040cd",
                                    operation="INSERT",
                                    pgid="pgtrigger_rests_on_the_evidence_a4edc",
                                    table="checklists_signoff",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="four_eyes",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            PERFORM 1 FROM auth_user WHERE id = NEW.person_id AND is_active FOR SHARE;\n            IF NOT FOUND THEN\n                RAISE EXCEPTION 'sign-off refused: the person is not active' USING ERRCODE = 'CU001';\n            END IF;\n            IF NOT EXISTS (SELECT 1 FROM checklists_member m\n                           JOIN checklists_item i ON i.cutover_id = m.cutover_id\n                           WHERE i.id = NEW.gate_id AND m.person_id = NEW.person_id\n                             AND NEW.seat = ANY(m.seats) AND NEW.seat = ANY(i.seats)) THEN\n                RAISE EXCEPTION 'sign-off refused: the person does not fill this seat'\n                    USING ERRCODE = 'CU002';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = NEW.gate_id AND acts.person_id = NEW.person_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person acted on this evidence' USING ERRCODE = 'CU003';\n            END IF;\n            IF EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.person_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat was given by a person who acted on this evidence'\n                    USING ERRCODE = 'CU009';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go\n                       WHERE no_go.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person''s no-go stands' USING ERRCODE = 'CU006';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted\n                       WHERE (counted.seat = NEW.seat AND counted.person_id <> NEW.person_id)\n                          OR (counted.seat <> NEW.seat AND counted.person_id = NEW.person_id))\n               OR EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go WHERE no_go.seat = NEW.seat) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat is taken, or the person has another'\n                    USING ERRCODE = 'CU004';\n            END IF;\n            IF NEW.decision = 'GO' AND EXISTS (\n                    SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.key <> ALL(NEW.accepted_gaps)) THEN\n                RAISE EXCEPTION 'sign-off refused: a go accepts every skip by name' USING ERRCODE = 'CU008';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="289b3ac4615728118fe1a2b36e823edd26d1ae3b",
                                    operation="INSERT",
                                    pgid="pgtrigger_four_eyes_d724b",
                                    table="checklists_signoff",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded((SELECT cutover_id FROM checklists_item WHERE id = NEW.gate_id), '{gate.signed}', jsonb_build_object('gate', (SELECT key FROM checklists_item WHERE id = NEW.gate_id), 'seat', NEW.seat, 'decision', NEW.decision,\n                                   'digest', NEW.digest), NEW.person_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a gate is signed without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="2bf3705b157941110c9ee720db399e6e24bb2fe4",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_f88b2",
                                    table="checklists_signoff",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Measurement",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        ("at", models.DateTimeField()),
                        ("values", models.JSONField()),
                        (
                            "attempt",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="measurements",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["attempt", "number"],
                        "constraints": [
                            models.UniqueConstraint(fields=("attempt", "number"), name="measurement_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="dee88e84eaec22a787a58a6799a5c0192e317bbc",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_20bf7",
                                    table="checklists_measurement",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="e9ee19a426e128e0965eded0fc564d1ecd7f55e8",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_9f148",
                                    table="checklists_measurement",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TableProgress",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("table", models.CharField(max_length=200)),
                        ("position", models.PositiveIntegerField()),
                        ("state", models.CharField(max_length=12)),
                        ("pages", models.BigIntegerField(default=0)),
                        ("pages_done", models.BigIntegerField(default=0)),
                        ("rows_done", models.BigIntegerField(default=0)),
                        ("seconds", models.FloatField(default=0)),
                        ("seconds_left", models.FloatField(null=True)),
                        ("found", models.JSONField(default=dict)),
                        ("at", models.DateTimeField()),
                        (
                            "attempt",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="table_progress",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["attempt", "position"],
                        "constraints": [
                            models.UniqueConstraint(fields=("attempt", "table"), name="one_progress_a_table")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="7958d39a373016891388e3dc0768d36bcf6e97f4",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_7b3cd",
                                    table="checklists_tableprogress",
                                    when="BEFORE",
                                ),
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RowDifference",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        ("table", models.CharField(max_length=200)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("changed", "changed"),
                                    ("missing", "missing after"),
                                    ("extra", "only after"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("key", models.JSONField(default=list)),
                        ("columns", models.JSONField(default=list)),
                        ("paths", models.JSONField(default=dict)),
                        (
                            "personal",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), default=list, size=None
                            ),
                        ),
                        (
                            "names",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), default=list, size=None
                            ),
                        ),
                        ("left_out", models.PositiveIntegerField(default=0)),
                        ("text", models.TextField(blank=True, default="")),
                        ("personal_text", models.TextField(blank=True, default="")),
                        (
                            "attempt",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="differences",
                                to="checklists.attempt",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["attempt", "number"],
                        "indexes": [
                            models.Index(fields=["attempt", "table", "number"], name="rows_of_a_table")
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("attempt", "number"), name="row_difference_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="2bbe32e8a05a04a6987686a0f46c7938c7a7e3c4",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_f17ef",
                                    table="checklists_rowdifference",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="26f1fe41ecc3021554fe1dd17f0e81b3150be7db",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_e395f",
                                    table="checklists_rowdifference",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChangeRequest",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("amendment", "Amend the runbook"),
                                    ("tick", "Confirm a manual item"),
                                    ("runbook", "Confirm the runbook for production"),
                                    ("window", "Move the window"),
                                    ("early_start", "Start before the window"),
                                    ("member", "Change people and seats"),
                                    ("host_dead", "Declare a host dead"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("summary", models.CharField(max_length=300)),
                        ("reason", models.TextField()),
                        ("payload", models.JSONField(default=dict)),
                        ("requested_at", models.DateTimeField()),
                        (
                            "decision",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("CONFIRMED", "Confirmed"),
                                    ("DECLINED", "Declined"),
                                    ("WITHDRAWN", "Withdrawn"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("decided_at", models.DateTimeField(null=True)),
                        ("decision_reason", models.TextField(blank=True)),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="change_requests",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="change_requests",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "on_behalf_of",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "tick",
                            models.OneToOneField(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="request",
                                to="checklists.tick",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "requested_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("decided_at", None), ("decided_by", None), ("decision", "")),
                                    models.Q(
                                        models.Q(("decision", ""), _negated=True),
                                        ("decided_at__isnull", False),
                                        ("decided_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="decision_has_person_and_time",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("decision", "CONFIRMED"), _negated=True),
                                    models.Q(("decided_by", models.F("requested_by")), _negated=True),
                                    _connector="OR",
                                ),
                                name="a_second_person_confirms",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("decision", ""), ("item", None)),
                                fields=("cutover", "kind"),
                                name="one_open_request_of_a_kind",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("decision", "")),
                                fields=("item", "kind"),
                                name="one_open_request_about_an_item",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("decision", "CONFIRMED"), _negated=True),
                                    ("on_behalf_of", None),
                                    models.Q(("decided_by", models.F("on_behalf_of")), _negated=True),
                                    _connector="OR",
                                ),
                                name="who_did_it_does_not_confirm",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="ebffd622ada392562885fc396e1d8fd248669345",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_ea2a5",
                                    table="checklists_changerequest",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="decided_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF OLD.decision <> ''\n               OR (NEW.cutover_id, NEW.kind, NEW.summary, NEW.reason, NEW.payload, NEW.requested_by_id,\n                   NEW.requested_at, NEW.item_id, NEW.tick_id, NEW.on_behalf_of_id)\n                  IS DISTINCT FROM (OLD.cutover_id, OLD.kind, OLD.summary, OLD.reason, OLD.payload,\n                   OLD.requested_by_id, OLD.requested_at, OLD.item_id, OLD.tick_id,\n                   OLD.on_behalf_of_id) THEN\n                RAISE EXCEPTION 'a requested change is not edited';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="dbf53acd698b85387da333f80ac109cccd5636a6",
                                    operation="UPDATE",
                                    pgid="pgtrigger_decided_once_1377d",
                                    table="checklists_changerequest",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="requests_begin_open",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NEW.decision <> '' THEN\n                RAISE EXCEPTION 'a change is requested before it is decided';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="eabb41dac87164541b0c9fcf2e4890014471e453",
                                    operation="INSERT",
                                    pgid="pgtrigger_requests_begin_open_e9176",
                                    table="checklists_changerequest",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="asked_by_who_may",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ((NEW.requested_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN')\n            AND EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.requested_by_id AND u.is_active\n                  AND member.part = ANY((CASE WHEN NEW.kind IN ('host_dead') THEN '{LEAD,APPROVER}' ELSE '{LEAD}' END)::text[]))\n            AND (NEW.kind = 'tick') = (NEW.tick_id IS NOT NULL)\n            AND (NEW.tick_id IS NULL OR EXISTS (\n                 SELECT 1 FROM checklists_tick tick JOIN checklists_item item ON item.id = tick.item_id\n                 WHERE tick.id = NEW.tick_id AND tick.item_id = NEW.item_id\n                   AND item.cutover_id = NEW.cutover_id AND tick.by_id = NEW.requested_by_id\n                   AND tick.on_behalf_of_id IS NOT DISTINCT FROM NEW.on_behalf_of_id\n                   AND NEW.payload ->> 'tick' = tick.id::text))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a change is requested now, by a person who may request it' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="9ca6aafc1c1f07082718553e17e921e20208bd60",
                                    operation="INSERT",
                                    pgid="pgtrigger_asked_by_who_may_77df7",
                                    table="checklists_changerequest",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="decided_by_who_may",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.decision, NEW.decided_by_id, NEW.decided_at, NEW.decision_reason) IS DISTINCT FROM ROW(OLD.decision, OLD.decided_by_id, OLD.decided_at, OLD.decision_reason))",
                                    func="\n            IF ((NEW.decided_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND CASE WHEN NEW.decision = 'WITHDRAWN'\n                THEN NEW.decided_by_id = NEW.requested_by_id\n                ELSE NEW.decided_by_id <> NEW.requested_by_id\n                     AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN')\n                     AND EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.decided_by_id AND u.is_active\n                  AND member.part = ANY((CASE WHEN NEW.kind IN ('member') THEN '{LEAD}' ELSE '{LEAD,APPROVER}' END)::text[])) END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a requested change is decided now, by a person who may decide it' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="ad81740703cdd9de40f2b6d22e5038950f36e8e0",
                                    operation="UPDATE",
                                    pgid="pgtrigger_decided_by_who_may_f0303",
                                    table="checklists_changerequest",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{change.requested}',\n                   jsonb_build_object('summary', NEW.summary), NEW.requested_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a change is requested without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="a143a685dd81248ba53278adeaf0a8627a81d7b0",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_4dc5c",
                                    table="checklists_changerequest",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="decision_has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(\n                NEW.cutover_id,\n                CASE NEW.decision WHEN 'WITHDRAWN' THEN '{change.withdrawn}'\n                                  WHEN 'DECLINED' THEN '{change.declined}'\n                                  ELSE CASE NEW.kind WHEN 'amendment' THEN '{runbook.amended}' WHEN 'tick' THEN '{item.confirmed}' WHEN 'host_dead' THEN '{host.declared_dead}' WHEN 'window' THEN '{window.moved}' WHEN 'early_start' THEN '{window.overridden}' WHEN 'runbook' THEN '{runbook.confirmed}' WHEN 'member' THEN '{member.added, member.changed, member.removed}' END END::text[],\n                jsonb_build_object('requested_by', (SELECT username FROM auth_user WHERE id = NEW.requested_by_id)), NEW.decided_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a requested change is decided without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="01e3988b6f6401a0a29f1c65593237ed752b2879",
                                    operation="UPDATE",
                                    pgid="pgtrigger_decision_has_its_entry_ca7c0",
                                    table="checklists_changerequest",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Tick",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("note", models.TextField(blank=True)),
                        ("on_behalf_of_name", models.CharField(blank=True, max_length=150)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ticks",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "on_behalf_of",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["item", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("on_behalf_of", None), ("on_behalf_of_name", ""), _connector="OR"
                                ),
                                name="on_behalf_of_one",
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="6095cb50753677d13059737b6d72e0f532321cc0",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_3843a",
                                    table="checklists_tick",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="9b2e288cb55b95a8e0be8808a159ca07f057516e",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_847cb",
                                    table="checklists_tick",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="written_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') THEN\n                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="2091e833a2a8164ab21e5dd6524f9bf605be4511",
                                    operation="INSERT",
                                    pgid="pgtrigger_written_now_675a3",
                                    table="checklists_tick",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="ticked_by_a_lead",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (\n            SELECT 1 FROM checklists_item item WHERE item.id = NEW.item_id AND item.kind = 'manual'\n               AND item.superseded_at IS NULL AND item.done_at IS NULL AND item.skipped_at IS NULL\n               AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = item.cutover_id AND status = 'OPEN') AND EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = item.cutover_id AND member.person_id = NEW.by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[]))\n               AND (NEW.on_behalf_of_id IS NULL OR EXISTS (\n                    SELECT 1 FROM checklists_member did WHERE did.cutover_id = item.cutover_id\n                    AND did.person_id = NEW.on_behalf_of_id)))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a lead ticks an open manual item' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="93a7724d8dc9a5a60fcba5a203036b2f0e6ac129",
                                    operation="INSERT",
                                    pgid="pgtrigger_ticked_by_a_lead_1428d",
                                    table="checklists_tick",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded((SELECT cutover_id FROM checklists_item WHERE id = NEW.item_id), '{item.ticked, change.requested}', jsonb_build_object('item', (SELECT key FROM checklists_item WHERE id = NEW.item_id)), NEW.by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an item is ticked without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="a115d36aa45d370b616c684e6cc006cf0a150e43",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_b3583",
                                    table="checklists_tick",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TickFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=120)),
                        ("media_type", models.CharField(max_length=60)),
                        ("size", models.PositiveIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("content", models.BinaryField()),
                        (
                            "tick",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="files",
                                to="checklists.tick",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["tick", "id"],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="3ce6c1a14bf1af605da1256559eea3f97de7a3fa",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_94bf5",
                                    table="checklists_tickfile",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="9b0e1bb0d5c4ee0f9176f0d423fad0ad1660b3ed",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_c57ae",
                                    table="checklists_tickfile",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="belongs_to_its_tick",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.sha256 = encode(sha256(NEW.content), 'hex') AND NEW.size = octet_length(NEW.content)\n            AND EXISTS (SELECT 1 FROM checklists_tick WHERE id = NEW.tick_id AND at >= now())) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a file is handed in with its tick, and has the SHA-256 of its content' USING ERRCODE = 'CU022';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="e8dd965ab81c9e1565965325600c7e8fb686105f",
                                    operation="INSERT",
                                    pgid="pgtrigger_belongs_to_its_tick_1c114",
                                    table="checklists_tickfile",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PreflightRun",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("QUEUED", "Queued"),
                                    ("RUNNING", "Running"),
                                    ("DONE", "Done"),
                                    ("FAILED", "Failed"),
                                    ("LOST", "Lost"),
                                ],
                                default="QUEUED",
                                max_length=8,
                            ),
                        ),
                        (
                            "source",
                            models.CharField(
                                choices=[
                                    ("PERSON", "a person"),
                                    ("SCHEDULE", "the schedule"),
                                    ("COMMAND", "a command"),
                                    ("ITEM", "an item"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("requested_at", models.DateTimeField()),
                        ("woken_at", models.DateTimeField(null=True)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("fence", models.BigIntegerField(default=0)),
                        ("owner", models.JSONField(default=dict)),
                        ("lease_expires_at", models.DateTimeField(null=True)),
                        ("checks_done", models.PositiveSmallIntegerField(default=0)),
                        ("checks_total", models.PositiveSmallIntegerField(default=0)),
                        ("progress_at", models.DateTimeField(null=True)),
                        (
                            "note",
                            models.TextField(
                                blank=True, help_text="Why it failed or was lost, and what to do."
                            ),
                        ),
                        (
                            "digest",
                            models.CharField(
                                blank=True, help_text="Of identities and verdicts.", max_length=64
                            ),
                        ),
                        (
                            "attempt",
                            models.OneToOneField(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="preflight_run",
                                to="checklists.attempt",
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="preflight_runs",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "-requested_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("status__in", ["QUEUED", "RUNNING"])),
                                fields=("cutover",),
                                name="one_live_preflight",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("status__in", ["QUEUED", "RUNNING"]),
                                    ("ended_at__isnull", False),
                                    _connector="XOR",
                                ),
                                name="ended_preflight_has_a_time",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="e443d339ceb5129d4964b6de1f90f8e16c0a6981",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_ab724",
                                    table="checklists_preflightrun",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="ended_run_is_final",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."ended_at" IS NOT NULL)',
                                    func="RAISE EXCEPTION 'the preflight run % has ended', OLD.id;",
                                    hash="b701160784bce40221778e1a154e1c48e9042979",
                                    operation="UPDATE",
                                    pgid="pgtrigger_ended_run_is_final_256bc",
                                    table="checklists_preflightrun",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="begins_queued",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (CASE WHEN NEW.source = 'ITEM' THEN NEW.status = 'DONE' AND EXISTS (\n                    SELECT 1 FROM checklists_evidence evidence\n                    JOIN checklists_attempt attempt ON attempt.id = evidence.attempt_id\n                    WHERE evidence.attempt_id = NEW.attempt_id AND evidence.observed_at >= now()\n                      AND attempt.cutover_id = NEW.cutover_id)\n                ELSE NEW.status = 'QUEUED' AND NEW.attempt_id IS NULL AND NEW.fence = 0 AND NEW.digest = ''\n                    AND (NEW.requested_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND NEW.started_at IS NULL\n                    AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN') END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a preflight begins queued, now, without a past' USING ERRCODE = 'CU019';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="901469690b59f8eec7f66d199f78b2c1f6d441c9",
                                    operation="INSERT",
                                    pgid="pgtrigger_begins_queued_f6935",
                                    table="checklists_preflightrun",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="moves_on",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.status = ANY((CASE OLD.status WHEN 'QUEUED' THEN '{QUEUED, RUNNING, FAILED}' WHEN 'RUNNING' THEN '{RUNNING, DONE, FAILED, LOST}' END)::text[])\n            AND CASE WHEN NEW.status = OLD.status\n                THEN (NEW.fence, NEW.owner, NEW.started_at, NEW.ended_at, NEW.note, NEW.digest)\n                     IS NOT DISTINCT FROM\n                     (OLD.fence, OLD.owner, OLD.started_at, OLD.ended_at, OLD.note, OLD.digest)\n                WHEN NEW.status = 'RUNNING'\n                THEN NEW.fence > OLD.fence AND NEW.fence = currval('checklists_fence')\n                     AND NEW.owner <> '{}' AND (NEW.started_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                     AND NEW.lease_expires_at IS NOT NULL\n                ELSE NEW.fence = OLD.fence AND (NEW.ended_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND NEW.status <> 'LOST'\n                     OR NEW.status = 'LOST' AND (NEW.ended_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                        AND coalesce(OLD.lease_expires_at, OLD.started_at) < clock_timestamp() END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a preflight moves on one step at a time, by whoever claimed it' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="3cfd83ef93b650e567193687c66c41747478168c",
                                    operation="UPDATE",
                                    pgid="pgtrigger_moves_on_c252f",
                                    table="checklists_preflightrun",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_digest",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW.status = 'DONE')",
                                    constraint="CONSTRAINT",
                                    func="\n            IF NEW.digest IS DISTINCT FROM checklists_digest((\n                SELECT coalesce(jsonb_agg(jsonb_build_array(identity, verdict)\n                                          ORDER BY identity COLLATE \"C\", verdict COLLATE \"C\"), '[]')\n                FROM checklists_preflightresult WHERE run_id = NEW.id)) THEN\n                RAISE EXCEPTION 'a preflight has another digest than its results' USING ERRCODE = 'CU022';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="e14e104b15de190eeb45b222640e5a632b008c5b",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_has_its_digest_859f3",
                                    table="checklists_preflightrun",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW.source IN ('PERSON', 'COMMAND'))",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{preflight.asked}', jsonb_build_object('run', NEW.id::text), NEW.requested_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a preflight is asked for without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="1f7415ecbe96ee8ead4270f616c7c273d6ef9f30",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_7d0a3",
                                    table="checklists_preflightrun",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="ends_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (OLD.status = 'RUNNING' AND NEW.status <> 'RUNNING')",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (CASE WHEN NEW.status = 'LOST' THEN checklists_recorded(NEW.cutover_id, '{preflight.lost}', jsonb_build_object('run', NEW.id::text))\n                     ELSE NEW.source NOT IN ('PERSON', 'COMMAND') OR checklists_recorded(NEW.cutover_id, '{preflight.ended}', jsonb_build_object('run', NEW.id::text)) END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a preflight ends without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="3aa9e50ef5d1bc7d7931ad4dcea618be4e32a2d1",
                                    operation="UPDATE",
                                    pgid="pgtrigger_ends_with_its_entry_86d14",
                                    table="checklists_preflightrun",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.source, NEW.requested_by_id, NEW.attempt_id, NEW.requested_at) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.source, OLD.requested_by_id, OLD.attempt_id, OLD.requested_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="25fc6d78c03b88699117c5b1742bc672c380b7f9",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_26bdb",
                                    table="checklists_preflightrun",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PreflightResult",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("identity", models.CharField(max_length=16)),
                        ("check_key", models.CharField(max_length=80)),
                        ("title", models.CharField(max_length=200)),
                        ("subject", models.TextField()),
                        (
                            "verdict",
                            models.CharField(
                                choices=[
                                    ("red", "Red"),
                                    ("unknown", "Unknown"),
                                    ("amber", "Amber"),
                                    ("green", "Green"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("asked", models.TextField()),
                        ("seen", models.TextField()),
                        ("change", models.TextField(blank=True)),
                        (
                            "systems",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=100), default=list, size=None
                            ),
                        ),
                        (
                            "items",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=80), default=list, size=None
                            ),
                        ),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="results",
                                to="checklists.preflightrun",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["run", "check_key", "subject"],
                        "constraints": [
                            models.UniqueConstraint(fields=("run", "identity"), name="a_result_once")
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="fc9c2a715bceab5bee152c5800492dc0ecb354cc",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_f4363",
                                    table="checklists_preflightresult",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="b15dbf2465e03b09a2fb7e598917fd9a9af5391d",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_c92d9",
                                    table="checklists_preflightresult",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_its_run",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (SELECT 1 FROM checklists_preflightrun WHERE id = NEW.run_id\n                       AND (status = 'RUNNING' OR source = 'ITEM' AND ended_at >= now()))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a result belongs to a preflight that is running' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="0c7384f4f092a6bb408bbcbacd5aa75785dbcf30",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_its_run_53f2e",
                                    table="checklists_preflightresult",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BackupVerification",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("equal", models.BooleanField()),
                        ("at", models.DateTimeField()),
                        ("seconds", models.FloatField(null=True)),
                        ("reason", models.TextField(blank=True)),
                        (
                            "attempt",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="verification",
                                to="checklists.attempt",
                            ),
                        ),
                        (
                            "backup",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="verifications",
                                to="checklists.backup",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="775896c282d61e0a389eb868233895513ab0eaaf",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_1228b",
                                    table="checklists_backupverification",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="800dea16d70ff5612b26dfac54e5fb078db25d06",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_a33ac",
                                    table="checklists_backupverification",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="latest_verification_decides",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            PERFORM 1 FROM checklists_backup WHERE id = NEW.backup_id FOR UPDATE;\n            UPDATE checklists_backup\n            SET verified_by_id = CASE WHEN NEW.equal THEN NEW.attempt_id END,\n                verified_at = CASE WHEN NEW.equal THEN NEW.at END,\n                restore_seconds = CASE WHEN NEW.equal THEN NEW.seconds END\n            WHERE id = NEW.backup_id AND NOT EXISTS (\n                SELECT 1 FROM checklists_backupverification later\n                WHERE later.backup_id = NEW.backup_id AND later.id > NEW.id);\n            RETURN NULL;\n        ",
                                    hash="f6004f6da1a75287db34a2e0c9e041b497cb6ea1",
                                    operation="INSERT",
                                    pgid="pgtrigger_latest_verification_decides_cf249",
                                    table="checklists_backupverification",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_evidence",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (EXISTS (SELECT 1 FROM checklists_evidence\n                   WHERE attempt_id = NEW.attempt_id AND observed_at >= now())) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a result is stored together with the evidence of its attempt' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="87c2b26446ed32d65f5e7d625cc8f72591ba1feb",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_evidence_286da",
                                    table="checklists_backupverification",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MemberChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("before", models.JSONField(default=dict)),
                        ("after", models.JSONField(default=dict)),
                        (
                            "seats_gained",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=40),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("is_later", models.BooleanField()),
                        ("reason", models.TextField(blank=True)),
                        ("at", models.DateTimeField()),
                        (
                            "confirmed_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="member_changes",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("confirmed_by", None),
                                    models.Q(("confirmed_by", models.F("requested_by")), _negated=True),
                                    _connector="OR",
                                ),
                                name="another_person_confirms_people",
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="af8b3737efba9a38cc3ff6c0c63040770fe0e705",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_f71d9",
                                    table="checklists_memberchange",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="417cda6262264254fd4ff28332d8cc6e7666997d",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_2c08d",
                                    table="checklists_memberchange",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changed_by_who_may",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ((NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND (\n            EXISTS (SELECT 1 FROM auth_user WHERE id = NEW.requested_by_id AND is_active AND is_superuser)\n            OR EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.requested_by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[])) AND (\n                NOT NEW.is_later OR EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.confirmed_by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[])) AND EXISTS (\n                    SELECT 1 FROM checklists_changerequest r\n                    WHERE r.cutover_id = NEW.cutover_id AND r.kind = 'member' AND r.decision = 'CONFIRMED'\n                      AND r.decided_at >= now() AND r.requested_by_id = NEW.requested_by_id\n                      AND r.decided_by_id = NEW.confirmed_by_id AND r.payload -> 'after' = NEW.after\n                      AND r.payload ->> 'person' = (SELECT username FROM auth_user WHERE id = NEW.person_id)))\n            OR NEW.person_id = NEW.requested_by_id\n               AND NOT EXISTS (SELECT 1 FROM checklists_member WHERE cutover_id = NEW.cutover_id)\n               AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id\n                           AND created_by_id = NEW.requested_by_id)\n        )) IS NOT TRUE THEN\n                RAISE EXCEPTION 'people are changed now, by a lead, later by an admin or two leads' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="eddd969f7c891beea676bbce37302c22b5cf0fce",
                                    operation="INSERT",
                                    pgid="pgtrigger_changed_by_who_may_1e469",
                                    table="checklists_memberchange",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="says_what_was_before",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.before = coalesce((\n                SELECT jsonb_build_object('part', part, 'seats', to_jsonb(seats), 'roles', to_jsonb(roles))\n                FROM checklists_member\n                WHERE cutover_id = NEW.cutover_id AND person_id = NEW.person_id), '{}')\n            AND NEW.seats_gained::text[] = ARRAY(\n                SELECT gained.seat FROM (SELECT jsonb_array_elements_text(NEW.after -> 'seats') AS seat EXCEPT SELECT jsonb_array_elements_text(NEW.before -> 'seats') AS seat) gained\n                ORDER BY gained.seat COLLATE \"C\")\n            AND NEW.is_later = (\n                EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.cutover_id)\n                OR EXISTS (SELECT 1 FROM checklists_auditentry\n                           WHERE cutover_id = NEW.cutover_id AND kind IN ('attempt.started', 'item.ticked', 'item.confirmed', 'item.skipped', 'gate.signed', 'rollback.ordered', 'runbook.confirmed')))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a change of people says what was before, and whether work had begun' USING ERRCODE = 'CU022';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="56863df3e0aba3d357ac8536b68c036b29d94ed8",
                                    operation="INSERT",
                                    pgid="pgtrigger_says_what_was_before_50632",
                                    table="checklists_memberchange",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{member.added, member.changed, member.removed}',\n                    jsonb_build_object('person', (SELECT username FROM auth_user WHERE id = NEW.person_id), 'before', NEW.before),\n                    coalesce(NEW.confirmed_by_id, NEW.requested_by_id))\n                OR NEW.person_id = NEW.requested_by_id AND NEW.before = '{}'\n                   AND checklists_recorded(NEW.cutover_id, '{cutover.opened}', '{}', NEW.person_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'people change without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="7da106bd52332d6365ae345baa0c2bcce677b852",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_afe3d",
                                    table="checklists_memberchange",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="HostDeath",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("host", models.CharField(max_length=200)),
                        ("since", models.DateTimeField(null=True)),
                        ("reason", models.TextField()),
                        ("at", models.DateTimeField()),
                        (
                            "confirmed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="host_deaths",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "declared_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "request",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="host_death",
                                to="checklists.changerequest",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["host", "at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("confirmed_by", models.F("declared_by")), _negated=True),
                                name="another_person_confirms_the_death",
                            )
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="c01c52950bdd5c6ed40e15cf55c5a221e8222a2c",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_04193",
                                    table="checklists_hostdeath",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="73e46bcb6848c9a3292f828512781c7a09e2a4f6",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_95f6d",
                                    table="checklists_hostdeath",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="two_people_declared_it",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT EXISTS (SELECT 1 FROM checklists_changerequest r\n                           WHERE r.id = NEW.request_id AND r.kind = 'host_dead' AND r.decision = 'CONFIRMED'\n                             AND r.cutover_id = NEW.cutover_id AND r.payload ->> 'host' = NEW.host\n                             AND r.requested_by_id = NEW.declared_by_id\n                             AND r.decided_by_id = NEW.confirmed_by_id) THEN\n                RAISE EXCEPTION 'host % is not declared dead by two people', NEW.host;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="b53142ee43f5ed0d9aaabb9316c53954863facee",
                                    operation="INSERT",
                                    pgid="pgtrigger_two_people_declared_it_b444a",
                                    table="checklists_hostdeath",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="where_nothing_runs",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ((NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n            AND EXISTS (SELECT 1 FROM checklists_changerequest\n                        WHERE id = NEW.request_id AND decided_at >= now())\n            AND EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.cutover_id\n                        AND status = 'UNKNOWN' AND owner ->> 'host' = NEW.host)\n            AND NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE status IN ('CLAIMED', 'RUNNING')\n                            AND owner ->> 'host' = NEW.host AND lease_expires_at > clock_timestamp())) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a host is declared dead now, where an attempt was lost and none runs' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="fc4d972d4bf83ba8d86d74fe16f0909fdf3e1e96",
                                    operation="INSERT",
                                    pgid="pgtrigger_where_nothing_runs_3a896",
                                    table="checklists_hostdeath",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{host.declared_dead}',\n                   jsonb_build_object('host', NEW.host), NEW.confirmed_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a host is declared dead without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="06b3d4478c40c7dbc06656f90396afb2e8f30a15",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_204ba",
                                    table="checklists_hostdeath",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ItemPreview",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("QUEUED", "Queued"),
                                    ("RUNNING", "Running"),
                                    ("DONE", "Done"),
                                    ("FAILED", "Failed"),
                                    ("LOST", "Lost"),
                                ],
                                default="QUEUED",
                                max_length=8,
                            ),
                        ),
                        ("requested_at", models.DateTimeField()),
                        ("woken_at", models.DateTimeField(null=True)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("shown", models.JSONField(default=dict)),
                        ("problem", models.JSONField(default=dict)),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="previews",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="previews",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "-requested_at"],
                        "indexes": [models.Index(fields=["cutover", "-requested_at"], name="latest_preview")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("status__in", ["QUEUED", "RUNNING"])),
                                fields=("item",),
                                name="one_live_preview",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("status__in", ["QUEUED", "RUNNING"]),
                                    ("ended_at__isnull", False),
                                    _connector="XOR",
                                ),
                                name="ended_preview_has_a_time",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="52904fb95a868ddeec9c6204d83cbcc68b21ffce",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_9c993",
                                    table="checklists_itempreview",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="ended_preview_is_final",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (OLD."ended_at" IS NOT NULL)',
                                    func="RAISE EXCEPTION 'the preview % has ended', OLD.id;",
                                    hash="2616a79fd9331c88ba95b15af8a92359373a8ee6",
                                    operation="UPDATE",
                                    pgid="pgtrigger_ended_preview_is_final_f4ac5",
                                    table="checklists_itempreview",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="asked_by_a_lead",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ((NEW.requested_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND NEW.status = 'QUEUED' AND NEW.started_at IS NULL\n            AND NEW.shown = '{}' AND NEW.problem = '{}' AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN')\n            AND EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.requested_by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[]))\n            AND EXISTS (SELECT 1 FROM checklists_item WHERE id = NEW.item_id AND kind = 'action'\n                        AND cutover_id = NEW.cutover_id AND superseded_at IS NULL)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a lead asks for a preview, now, and it begins queued' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="b291a0f8fda40ea9f7f22dd15429d33c6ec30436",
                                    operation="INSERT",
                                    pgid="pgtrigger_asked_by_a_lead_29430",
                                    table="checklists_itempreview",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="moves_on",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (NEW.status = ANY((CASE OLD.status WHEN 'QUEUED' THEN '{QUEUED, RUNNING, LOST}' WHEN 'RUNNING' THEN '{RUNNING, DONE, FAILED, LOST}' END)::text[])\n            AND CASE WHEN NEW.status = OLD.status\n                THEN (NEW.started_at, NEW.ended_at, NEW.shown, NEW.problem)\n                     IS NOT DISTINCT FROM (OLD.started_at, OLD.ended_at, OLD.shown, OLD.problem)\n                WHEN NEW.status = 'RUNNING'\n                THEN (NEW.started_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND (NEW.shown, NEW.problem) = (OLD.shown, OLD.problem)\n                ELSE (NEW.ended_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') END) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a preview moves on one step at a time, now' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="1a014fddadd89393e4d223db686ef80a949b13a2",
                                    operation="UPDATE",
                                    pgid="pgtrigger_moves_on_4947e",
                                    table="checklists_itempreview",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.item_id, NEW.requested_by_id, NEW.requested_at) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.item_id, OLD.requested_by_id, OLD.requested_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="87f8cbde5486279e5a1dd289a0a14c895a85ce51",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_879ea",
                                    table="checklists_itempreview",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReleasedVariable",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "name",
                            models.CharField(
                                max_length=200,
                                unique=True,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "\\A[A-Z][A-Z0-9_]*\\Z",
                                        "Write it as runbooks do: capital letters, digits and _.",
                                    ),
                                    checklists.models.released_variable.refuse_own_variable,
                                ],
                            ),
                        ),
                        (
                            "may_be_shown",
                            models.BooleanField(
                                default=False,
                                help_text="Its value is no secret: it may stand in logs, previews and commands.",
                                verbose_name="may be shown",
                            ),
                        ),
                        ("reason", models.CharField(blank=True, help_text="What it is for.", max_length=300)),
                        (
                            "released_at",
                            models.DateTimeField(default=django.utils.timezone.now, editable=False),
                        ),
                        (
                            "released_by",
                            models.ForeignKey(
                                blank=True,
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="StatusLink",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("label", models.CharField(max_length=100)),
                        ("digest", models.CharField(max_length=64, unique=True)),
                        ("nonce", models.UUIDField(default=uuid.uuid4, unique=True)),
                        ("made_at", models.DateTimeField()),
                        ("ends_at", models.DateTimeField()),
                        ("revoked_at", models.DateTimeField(null=True)),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="status_links",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "made_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "revoked_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("ends_at__gt", models.F("made_at"))),
                                name="status_link_ends_after_it_begins",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("revoked_at", None), ("revoked_by", None)),
                                    models.Q(("revoked_at__isnull", False), ("revoked_by__isnull", False)),
                                    _connector="OR",
                                ),
                                name="a_revocation_has_a_person",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.label, NEW.digest, NEW.nonce, NEW.made_by_id, NEW.made_at, NEW.ends_at) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.label, OLD.digest, OLD.nonce, OLD.made_by_id, OLD.made_at, OLD.ends_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="bd17a591b30f3edfd8dfb5aa3a57a093967a5e51",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_1d12f",
                                    table="checklists_statuslink",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="384b7eed661243b6e30fbdfefec37e8a3bde377e",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_164dc",
                                    table="checklists_statuslink",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="made_by_who_may",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ((NEW.made_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') AND NEW.revoked_at IS NULL AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN')\n            AND NEW.ends_at <= NEW.made_at + interval '14 days'\n            AND (EXISTS (SELECT 1 FROM auth_user WHERE id = NEW.made_by_id AND is_active AND is_superuser) OR EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.made_by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[])))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a lead or an admin makes and revokes a link, now' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="29fb0a7772b0ce2a1a952051867ad433609af745",
                                    operation="INSERT",
                                    pgid="pgtrigger_made_by_who_may_861a8",
                                    table="checklists_statuslink",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="revoked_by_who_may",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (OLD.revoked_at IS NULL AND (NEW.revoked_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n            AND (EXISTS (SELECT 1 FROM auth_user WHERE id = NEW.revoked_by_id AND is_active AND is_superuser) OR EXISTS (\n                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                WHERE member.cutover_id = NEW.cutover_id AND member.person_id = NEW.revoked_by_id AND u.is_active\n                  AND member.part = ANY(('{LEAD}')::text[])))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a lead or an admin makes and revokes a link, now' USING ERRCODE = 'CU020';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="8d45230521f6df3620094b240ccaf1f4d19dd218",
                                    operation="UPDATE",
                                    pgid="pgtrigger_revoked_by_who_may_c2fa5",
                                    table="checklists_statuslink",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{status_link.created}', jsonb_build_object('link', NEW.id), NEW.made_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a link is made without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="c4d23aa43a4323350a2ae100f7f999d579481a3e",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_3d014",
                                    table="checklists_statuslink",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="revoked_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{status_link.revoked}', jsonb_build_object('link', NEW.id), NEW.revoked_by_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a link is revoked without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="c28b5898dc61d170742b26d366ccf73d5c2d47cc",
                                    operation="UPDATE",
                                    pgid="pgtrigger_revoked_with_its_entry_f3245",
                                    table="checklists_statuslink",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GateLook",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("seen", models.JSONField(default=dict)),
                        ("before_at", models.DateTimeField(null=True)),
                        ("before", models.JSONField(default=dict)),
                        (
                            "gate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="checklists.item",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("gate", "person"), name="looks_of_a_person_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SimulatedForecast",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        (
                            "direction",
                            models.CharField(
                                choices=[("FORWARD", "Forward"), ("ROLLBACK", "Rollback")], max_length=8
                            ),
                        ),
                        ("revision", models.CharField(max_length=60)),
                        ("seed", models.BigIntegerField()),
                        ("runs", models.PositiveIntegerField()),
                        ("moments", models.JSONField(default=dict)),
                        (
                            "cutover",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="simulated",
                                to="checklists.cutover",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Item",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveSmallIntegerField()),
                        ("key", models.SlugField(max_length=80)),
                        ("number", models.CharField(max_length=12)),
                        ("title", models.CharField(max_length=200)),
                        ("how", models.TextField(blank=True)),
                        ("original", models.TextField(blank=True)),
                        (
                            "kind",
                            models.CharField(
                                choices=[("manual", "Manual"), ("action", "Action"), ("gate", "Gate")],
                                max_length=8,
                            ),
                        ),
                        ("owner", models.SlugField(max_length=40)),
                        ("owner_title", models.CharField(blank=True, max_length=100)),
                        (
                            "needs",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=80),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("planned", models.DurationField(null=True)),
                        ("optional", models.BooleanField(default=False)),
                        ("action", models.CharField(blank=True, max_length=60)),
                        ("params", models.JSONField(blank=True, default=dict)),
                        ("fresh_for", models.DurationField(null=True)),
                        ("deadline", models.DurationField(null=True)),
                        ("undo", models.SlugField(blank=True, max_length=80)),
                        ("irreversible", models.TextField(blank=True)),
                        ("type_target", models.BooleanField(default=False)),
                        (
                            "seats",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=40),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("quorum", models.PositiveSmallIntegerField(default=0)),
                        ("done_at", models.DateTimeField(null=True)),
                        ("skipped_at", models.DateTimeField(null=True)),
                        ("skip_reason", models.TextField(blank=True)),
                        (
                            "claimed_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "done_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "skipped_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "phase",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="checklists.phase",
                            ),
                        ),
                        (
                            "goes_with",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=80),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("opens", models.TextField(blank=True, default="")),
                        (
                            "runbook_sha256",
                            models.CharField(
                                help_text="The text of the runbook that defined it.", max_length=64
                            ),
                        ),
                        ("superseded_at", models.DateTimeField(null=True)),
                        (
                            "requires",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("note", "a note"),
                                        ("file", "a file"),
                                        ("second_person", "a second person who confirms it"),
                                    ],
                                    max_length=16,
                                ),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("claimed_at", models.DateTimeField(null=True)),
                        ("ends_window", models.BooleanField(default=False)),
                        ("service_restored", models.BooleanField(default=False)),
                    ],
                    options={
                        "ordering": ["cutover", "phase__position", "position"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("done_at", None), ("done_by", None)),
                                    models.Q(("done_at__isnull", False), ("done_by__isnull", False)),
                                    _connector="OR",
                                ),
                                name="tick_has_person_and_time",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("skip_reason", ""), ("skipped_at", None), ("skipped_by", None)),
                                    models.Q(
                                        ("skipped_at__isnull", False),
                                        ("skipped_by__isnull", False),
                                        models.Q(("skip_reason", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="skip_has_person_time_and_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("done_at", None), ("kind", "manual"), _connector="OR"),
                                name="only_manual_items_are_ticked",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("done_at", None), ("skipped_at", None), _connector="OR"),
                                name="not_both_ticked_and_skipped",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("kind", "gate"), _negated=True),
                                    ("skipped_at", None),
                                    _connector="OR",
                                ),
                                name="gates_are_not_skipped",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("superseded_at", None)),
                                fields=("cutover", "key"),
                                name="item_key_once",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="tick_has_what_the_item_requires",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."done_at" IS NOT NULL AND OLD."done_at" IS NULL)',
                                    declare="DECLARE given checklists_tick%ROWTYPE;",
                                    func="\n            IF NEW.requires = '{}' THEN\n                RETURN NEW;\n            END IF;\n            SELECT * INTO given FROM checklists_tick WHERE item_id = NEW.id ORDER BY id DESC LIMIT 1;\n            IF given.by_id IS DISTINCT FROM NEW.done_by_id THEN\n                RAISE EXCEPTION 'item % is not ticked without what it requires', NEW.key;\n            END IF;\n            IF 'note' = ANY(NEW.requires) AND given.note = '' THEN\n                RAISE EXCEPTION 'item % requires a note', NEW.key;\n            END IF;\n            IF 'file' = ANY(NEW.requires)\n               AND NOT EXISTS (SELECT 1 FROM checklists_tickfile WHERE tick_id = given.id) THEN\n                RAISE EXCEPTION 'item % requires a file', NEW.key;\n            END IF;\n            IF 'second_person' = ANY(NEW.requires)\n               AND NOT EXISTS (SELECT 1 FROM checklists_changerequest\n                               WHERE tick_id = given.id AND decision = 'CONFIRMED') THEN\n                RAISE EXCEPTION 'item % requires a second person', NEW.key;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="608abee3889347e607b476474d36e39db449c2e2",
                                    operation="UPDATE",
                                    pgid="pgtrigger_tick_has_what_the_item_requires_6edc1",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="definition_is_written_once",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF ROW(NEW.cutover_id, NEW.phase_id, NEW.key, NEW.number, NEW.title, NEW.how, NEW.original, NEW.kind, NEW.owner, NEW.needs, NEW.planned, NEW.optional, NEW.action, NEW.params, NEW.fresh_for, NEW.deadline, NEW.undo, NEW.irreversible, NEW.goes_with, NEW.type_target, NEW.requires, NEW.seats, NEW.quorum, NEW.opens, NEW.runbook_sha256) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.phase_id, OLD.key, OLD.number, OLD.title, OLD.how, OLD.original, OLD.kind, OLD.owner, OLD.needs, OLD.planned, OLD.optional, OLD.action, OLD.params, OLD.fresh_for, OLD.deadline, OLD.undo, OLD.irreversible, OLD.goes_with, OLD.type_target, OLD.requires, OLD.seats, OLD.quorum, OLD.opens, OLD.runbook_sha256) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="a229f00781d9f4c2d527370612317d422be522b9",
                                    operation="UPDATE",
                                    pgid="pgtrigger_definition_is_written_once_1835f",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="settled_by_a_lead",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE given checklists_tick%ROWTYPE;",
                                    func="\n            IF OLD.superseded_at IS NOT NULL AND NEW.superseded_at IS DISTINCT FROM OLD.superseded_at THEN\n                RAISE EXCEPTION 'item % was replaced by an amendment', OLD.key;\n            END IF;\n            IF NEW.done_at IS NOT NULL\n               AND (NEW.done_at, NEW.done_by_id) IS DISTINCT FROM (OLD.done_at, OLD.done_by_id) THEN\n                SELECT * INTO given FROM checklists_tick WHERE item_id = NEW.id ORDER BY id DESC LIMIT 1;\n                IF OLD.done_at IS NOT NULL OR NOT (NEW.done_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                   OR given.by_id IS DISTINCT FROM NEW.done_by_id THEN\n                    RAISE EXCEPTION 'item % is not ticked without a tick of that person, now', OLD.key;\n                END IF;\n            END IF;\n            IF NEW.skipped_at IS NOT NULL AND (NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason)\n                   IS DISTINCT FROM (OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason) THEN\n                IF OLD.skipped_at IS NOT NULL OR NOT (NEW.skipped_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                   OR NOT EXISTS (SELECT 1 FROM checklists_member WHERE cutover_id = NEW.cutover_id\n                                  AND person_id = NEW.skipped_by_id AND part = 'LEAD') THEN\n                    RAISE EXCEPTION 'item % is skipped by a lead, now', OLD.key;\n                END IF;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="0fed7df51a92ac5ddff129db34758ad6e2e4e098",
                                    operation="UPDATE",
                                    pgid="pgtrigger_settled_by_a_lead_afc25",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="never_deleted",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                                    hash="81e74b8a1ba7d0958544760283fd1cf858fe9b35",
                                    operation="DELETE",
                                    pgid="pgtrigger_never_deleted_deca5",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="irreversible_ticks_are_named",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition='WHEN (NEW."done_at" IS NOT NULL AND OLD."done_at" IS NULL AND NOT (NEW."irreversible" = \'\'))',
                                    func="\n            IF EXISTS (\n                SELECT 1 FROM checklists_item i\n                JOIN checklists_phase p ON p.id = i.phase_id\n                JOIN checklists_cutover c ON c.id = i.cutover_id\n                WHERE i.id = NEW.id AND c.kind = 'PRODUCTION' AND NOT EXISTS (\n    WITH RECURSIVE before(id, key, kind, needs, quorum) AS (\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM checklists_item n\n        WHERE n.cutover_id = i.cutover_id AND n.superseded_at IS NULL AND n.key = ANY(i.needs)\n        UNION\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM before b\n        JOIN checklists_item n ON n.cutover_id = i.cutover_id AND n.superseded_at IS NULL\n             AND n.key = ANY(b.needs)\n        WHERE b.kind <> 'gate')\n    SELECT 1 FROM before gate JOIN checklists_gatepass pass ON pass.gate_id = gate.id\n    WHERE gate.kind = 'gate' AND pass.digest = checklists_passed_on(gate.id) AND gate.quorum <= (\n        SELECT count(DISTINCT s.person_id) FROM checklists_signoff s\n        WHERE s.gate_id = gate.id AND s.digest = pass.digest AND s.decision = 'GO'\n          AND i.key = ANY(s.accepted_irreversible))\n    UNION ALL\n    SELECT 1 WHERE p.direction = 'ROLLBACK' AND NOT EXISTS (SELECT 1 FROM before WHERE kind = 'gate')\n)) THEN\n                RAISE EXCEPTION 'item % cannot be taken back, and no passed gate names it', NEW.key\n                    USING ERRCODE = 'CU013';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="0040977f73eb98f6d5b96f99754d4c5e75f73b48",
                                    operation="UPDATE",
                                    pgid="pgtrigger_irreversible_ticks_are_named_fdc76",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="begins_undone",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF (num_nonnulls(NEW.done_at, NEW.skipped_at, NEW.superseded_at) = 0\n            AND EXISTS (SELECT 1 FROM checklists_phase\n                        WHERE id = NEW.phase_id AND cutover_id = NEW.cutover_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an item begins undone' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="d5c5c217b37fe4639de0da4988d646153233b2c9",
                                    operation="INSERT",
                                    pgid="pgtrigger_begins_undone_7803b",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changes_while_open",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (NEW IS DISTINCT FROM OLD)",
                                    func="\n            IF (OLD.superseded_at IS NULL\n            AND (NEW.superseded_at IS NULL OR (NEW.superseded_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds'))\n            AND (NEW.claimed_at IS NOT DISTINCT FROM OLD.claimed_at\n                 OR NEW.claimed_at IS NULL AND NEW.claimed_by_id IS NULL OR (NEW.claimed_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')\n                    AND NEW.claimed_by_id IS DISTINCT FROM OLD.claimed_by_id)\n            AND (EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id AND status = 'OPEN') OR NEW.claimed_by_id IS NULL AND\n                 ROW(NEW.position, NEW.owner_title, NEW.service_restored, NEW.ends_window, NEW.superseded_at, NEW.claimed_at, NEW.done_at, NEW.done_by_id, NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason) IS NOT DISTINCT FROM ROW(OLD.position, OLD.owner_title, OLD.service_restored, OLD.ends_window, OLD.superseded_at, OLD.claimed_at, OLD.done_at, OLD.done_by_id, OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason))) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an item changes now, in an open cutover, until an amendment replaces it' USING ERRCODE = 'CU021';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="222d329228b4c3c41c142c8a43354b704d8c846d",
                                    operation="UPDATE",
                                    pgid="pgtrigger_changes_while_open_4315b",
                                    table="checklists_item",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changes_with_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.done_at, NEW.done_by_id, NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason, NEW.claimed_by_id) IS DISTINCT FROM ROW(OLD.done_at, OLD.done_by_id, OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason, OLD.claimed_by_id))",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (\n            ((NEW.done_at, NEW.done_by_id) IS NOT DISTINCT FROM (OLD.done_at, OLD.done_by_id)\n             OR CASE WHEN NEW.done_at IS NULL THEN checklists_recorded(NEW.cutover_id, '{item.unticked}', jsonb_build_object('item', NEW.key), NULL, '{LEAD}') ELSE checklists_recorded(NEW.cutover_id, '{item.ticked}', jsonb_build_object('item', NEW.key), NEW.done_by_id)\n                 OR checklists_recorded(NEW.cutover_id, '{item.confirmed}',\n                    jsonb_build_object('item', NEW.key) || jsonb_build_object('requested_by', (SELECT username FROM auth_user WHERE id = NEW.done_by_id))) END)\n            AND ((NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason)\n                 IS NOT DISTINCT FROM (OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason)\n             OR CASE WHEN NEW.skipped_at IS NULL THEN checklists_recorded(NEW.cutover_id, '{item.unskipped}', jsonb_build_object('item', NEW.key), NULL, '{LEAD}') ELSE checklists_recorded(NEW.cutover_id, '{item.skipped}', jsonb_build_object('item', NEW.key) || jsonb_build_object('reason', NEW.skip_reason),\n                    NEW.skipped_by_id) END)\n            AND (NEW.claimed_by_id IS NOT DISTINCT FROM OLD.claimed_by_id\n             OR CASE WHEN NEW.claimed_by_id IS NULL THEN checklists_recorded(NEW.cutover_id, '{item.released}', jsonb_build_object('item', NEW.key), NULL, '{LEAD}')\n                 OR checklists_recorded(NEW.cutover_id, '{member.removed}',\n                    jsonb_build_object('released', jsonb_build_array(NEW.key))) ELSE checklists_recorded(NEW.cutover_id, '{item.claimed}', jsonb_build_object('item', NEW.key), NEW.claimed_by_id)\n                 OR checklists_recorded(NEW.cutover_id, '{item.handed_over}',\n                    jsonb_build_object('item', NEW.key) || jsonb_build_object('to', (SELECT username FROM auth_user WHERE id = NEW.claimed_by_id)), NULL, '{LEAD}') END)\n    ) IS NOT TRUE THEN\n                RAISE EXCEPTION 'an item is ticked, skipped or claimed without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="b4fdbbc8ebb1e549c4587c2fc729bc4dcbad01ec",
                                    operation="UPDATE",
                                    pgid="pgtrigger_changes_with_its_entry_ac468",
                                    table="checklists_item",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="comes_with_the_runbook",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{cutover.opened, runbook.amended}', '{}')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a definition comes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="58834a68daefedfa91bf36ee1b8c3cfbaf6f3a9d",
                                    operation="INSERT",
                                    pgid="pgtrigger_comes_with_the_runbook_95465",
                                    table="checklists_item",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="changes_with_the_runbook",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    condition="WHEN (ROW(NEW.position, NEW.owner_title, NEW.service_restored, NEW.ends_window, NEW.superseded_at) IS DISTINCT FROM ROW(OLD.position, OLD.owner_title, OLD.service_restored, OLD.ends_window, OLD.superseded_at))",
                                    constraint="CONSTRAINT",
                                    func="\n            IF (checklists_recorded(NEW.cutover_id, '{runbook.amended}', '{}')) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a definition changes without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="473cecf736453fc967405d73b8c6acbe5e131ae6",
                                    operation="UPDATE",
                                    pgid="pgtrigger_changes_with_the_runbook_76ab6",
                                    table="checklists_item",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Member",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "part",
                            models.CharField(
                                choices=[
                                    ("LEAD", "Migration lead"),
                                    ("APPROVER", "Approver"),
                                    ("STAKEHOLDER", "Stakeholder"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "seats",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=40),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "roles",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SlugField(max_length=40),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "cutover",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="members",
                                to="checklists.cutover",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="memberships",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["cutover", "person"],
                        "constraints": [
                            models.UniqueConstraint(fields=("cutover", "person"), name="one_part_a_person"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("part", "APPROVER"), ("seats", []), ("part", "LEAD"), _connector="OR"
                                ),
                                name="stakeholders_fill_no_seat",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="leaves_with_its_change",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_memberchange\n                WHERE cutover_id = OLD.cutover_id AND person_id = OLD.person_id\n                  AND after = '{}' AND at >= now() - interval '30 seconds') THEN\n                RAISE EXCEPTION 'a person is removed with an entry only';\n            END IF;\n            RETURN OLD;\n        ",
                                    hash="fb86386f81ca05d3d7cb89ec1a17d577a90591d3",
                                    operation="DELETE",
                                    pgid="pgtrigger_leaves_with_its_change_c647a",
                                    table="checklists_member",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_change",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE change checklists_memberchange%ROWTYPE;",
                                    func="\n            IF TG_OP = 'UPDATE'\n               AND (NEW.cutover_id, NEW.person_id) IS DISTINCT FROM (OLD.cutover_id, OLD.person_id) THEN\n                RAISE EXCEPTION 'a part in a cutover is not given to somebody else';\n            END IF;\n            SELECT * INTO change FROM checklists_memberchange\n            WHERE cutover_id = NEW.cutover_id AND person_id = NEW.person_id ORDER BY id DESC LIMIT 1;\n            IF change.at IS NULL OR change.at < now() - interval '30 seconds'\n               OR change.after ->> 'part' IS DISTINCT FROM NEW.part\n               OR change.after -> 'seats' IS DISTINCT FROM to_jsonb(NEW.seats)\n               OR change.after -> 'roles' IS DISTINCT FROM to_jsonb(NEW.roles) THEN\n                RAISE EXCEPTION 'part, seats and roles change with their entry only';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="805e67484f877b54771c2fdd142c1f2ddbef805c",
                                    operation="INSERT OR UPDATE",
                                    pgid="pgtrigger_has_its_change_31962",
                                    table="checklists_member",
                                    when="BEFORE",
                                ),
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NoGoAnswer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "ending",
                            models.CharField(
                                choices=[("WITHDRAWN", "Withdrawn"), ("ANSWERED", "Answered")], max_length=10
                            ),
                        ),
                        ("seat", models.SlugField(blank=True, max_length=40)),
                        ("text", models.TextField()),
                        ("at", models.DateTimeField()),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "no_go",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="answer",
                                to="checklists.signoff",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("text", ""), _negated=True),
                                name="ending_of_a_no_go_has_a_text",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("ending", "WITHDRAWN"), ("seat", "")),
                                    models.Q(("ending", "ANSWERED"), models.Q(("seat", ""), _negated=True)),
                                    _connector="OR",
                                ),
                                name="an_answer_comes_from_a_seat",
                            ),
                        ],
                        "triggers": [
                            pgtrigger.compiler.Trigger(
                                name="append_only",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                                    hash="c81203c4db5c4eab78a596974526052ecc00f333",
                                    operation="UPDATE OR DELETE",
                                    pgid="pgtrigger_append_only_583a9",
                                    table="checklists_nogoanswer",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="no_truncate",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
                                    hash="d779b0efac45f7dd764c7d6d0d32466fd3c11bb3",
                                    level="STATEMENT",
                                    operation="TRUNCATE",
                                    pgid="pgtrigger_no_truncate_26e5f",
                                    table="checklists_nogoanswer",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="ends_a_no_go_rightly",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    declare="DECLARE dissent checklists_signoff%ROWTYPE; decided checklists_item%ROWTYPE;",
                                    func="\n            SELECT * INTO dissent FROM checklists_signoff WHERE id = NEW.no_go_id;\n            SELECT now.* INTO decided FROM checklists_item given\n              JOIN checklists_item now ON now.cutover_id = given.cutover_id AND now.key = given.key\n              WHERE given.id = dissent.gate_id AND now.superseded_at IS NULL FOR UPDATE OF now;\n            IF dissent.decision IS DISTINCT FROM 'NO_GO' OR decided.id IS NULL THEN\n                RAISE EXCEPTION 'only a no-go at a gate of now is ended' USING ERRCODE = 'CU007';\n            END IF;\n            IF NEW.ending = 'WITHDRAWN' THEN\n                IF NEW.by_id <> dissent.person_id THEN\n                    RAISE EXCEPTION 'a no-go is withdrawn by the person who gave it' USING ERRCODE = 'CU007';\n                END IF;\n                RETURN NEW;\n            END IF;\n            IF NEW.by_id = dissent.person_id OR NOT EXISTS (\n                    SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                    WHERE member.cutover_id = decided.cutover_id\n                      AND member.person_id = NEW.by_id AND u.is_active\n                      AND member.part <> 'LEAD' AND NEW.seat <> dissent.seat\n                      AND NEW.seat = ANY(member.seats) AND NEW.seat = ANY(decided.seats)) THEN\n                RAISE EXCEPTION 'a no-go is answered by the holder of another seat who is no lead'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = decided.id AND acts.person_id = NEW.by_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = decided.id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = decided.id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.person_id = NEW.by_id)\n               OR EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = decided.id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.by_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = decided.id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'a no-go is not answered by a person who acted on the evidence'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF char_length(btrim(regexp_replace(NEW.text, E'[[:space:]\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufeff]+', ' ', 'g'))) < 20 THEN\n                RAISE EXCEPTION 'an answer to a no-go has at least 20 characters'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="e56e52545ac5c7f0c399a41a5b54a08cce83b4cc",
                                    operation="INSERT",
                                    pgid="pgtrigger_ends_a_no_go_rightly_763b4",
                                    table="checklists_nogoanswer",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="written_now",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    func="\n            IF NOT (NEW.at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') THEN\n                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                                    hash="895c80b6b8d7b7ae96b58e9c6e1c8cc49704608e",
                                    operation="INSERT",
                                    pgid="pgtrigger_written_now_3cb16",
                                    table="checklists_nogoanswer",
                                    when="BEFORE",
                                ),
                            ),
                            pgtrigger.compiler.Trigger(
                                name="has_its_entry",
                                sql=pgtrigger.compiler.UpsertTriggerSql(
                                    constraint="CONSTRAINT",
                                    func="\n            IF ((\n        SELECT checklists_recorded(gate.cutover_id, ARRAY['gate.no_go_' || lower(NEW.ending)],\n                   jsonb_build_object('gate', gate.key, 'text', NEW.text, 'seat', NEW.seat), NEW.by_id)\n        FROM checklists_signoff no_go JOIN checklists_item gate ON gate.id = no_go.gate_id\n        WHERE no_go.id = NEW.no_go_id)) IS NOT TRUE THEN\n                RAISE EXCEPTION 'a no-go is ended without an entry of the record' USING ERRCODE = 'CU017';\n            END IF;\n            RETURN NULL;\n        ",
                                    hash="92ba8ac842d1f17bdd4765f0fcb1f2075ff30ec7",
                                    operation="INSERT",
                                    pgid="pgtrigger_has_its_entry_c5b73",
                                    table="checklists_nogoanswer",
                                    timing="DEFERRABLE INITIALLY DEFERRED",
                                    when="AFTER",
                                ),
                            ),
                        ],
                    },
                ),
            ],
        ),
        *(migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS),
    ]
