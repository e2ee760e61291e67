"""The database computes to what a signature is bound, and refuses every other digest (docs/adr/0036).

It also demands of an attempt what a real one leaves. Evidence of before gets whether its action is a check.
"""

import django.contrib.postgres.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


#: As they were when this migration was written; `models/gate_functions.py` has them as they are now.
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
LANGUAGE sql STABLE AS $body$
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
    WHERE tick.item_id = of_item ORDER BY tick.id DESC LIMIT 1
$body$
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
LANGUAGE sql STABLE AS $body$
    SELECT attempt.id
    FROM checklists_attempt attempt
    JOIN checklists_item item ON item.id = attempt.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
    WHERE attempt.item_id = of_item
      AND (NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD') OR attempt.status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'UNKNOWN'))
    ORDER BY attempt.number DESC LIMIT 1
$body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_undone(of_item bigint) RETURNS boolean
LANGUAGE sql STABLE AS $body$
    WITH succeeded AS (
        SELECT DISTINCT ON (item.id) item.id, attempt.queued_at
        FROM checklists_item asked
        JOIN checklists_item item ON item.cutover_id = asked.cutover_id AND item.superseded_at IS NULL
             AND (item.id = asked.id OR item.key = asked.undo)
        JOIN checklists_phase phase ON phase.id = item.phase_id
        JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        JOIN checklists_attempt attempt ON attempt.item_id = item.id
        WHERE asked.id = of_item AND asked.undo <> '' AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD')
          AND (attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE')
        ORDER BY item.id, attempt.number DESC)
    SELECT EXISTS (SELECT 1 FROM succeeded done JOIN succeeded undo ON undo.id <> done.id
                   WHERE done.id = of_item AND undo.queued_at > done.queued_at)
$body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_later(of_cutover bigint, of_items bigint[])
RETURNS TABLE (item_id bigint, kind text, source text, at timestamptz, agrees boolean)
LANGUAGE sql STABLE AS $body$
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
    ORDER BY one.item_id, one.agrees, one.place, one.at DESC
$body$
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
LANGUAGE sql STABLE AS $body$
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
    FROM asked ORDER BY 1
$body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_gate_content(of_gate bigint) RETURNS jsonb
LANGUAGE sql STABLE AS $body$
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
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,
                   gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL
            WHERE gate.id = of_gate AND item.kind <> 'gate'
              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)
                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,
                   behind.phase
            FROM behind
            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL
            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)
              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
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
    WHERE defined.id = of_gate
$body$
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_passed_on(of_gate bigint) RETURNS text
LANGUAGE sql STABLE AS $body$
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
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,
                   gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL
            WHERE gate.id = of_gate AND item.kind <> 'gate'
              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)
                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))
            UNION
            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,
                   behind.phase
            FROM behind
            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL
            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)
              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
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
    ORDER BY pass.digest_version DESC, pass.at DESC LIMIT 1
$body$
""",
)
#: The checks of that day.
CHECKS = (
    'backup.verify',
    'bullmq.added',
    'bullmq.watch',
    'deploy.wait',
    'dualrun.watch',
    'http.check',
    'http.smoke',
    'image.check',
    'image.published',
    'login.canary',
    'monitoring.check',
    'oauth.signin',
    'oauth.smoke',
    'ownership.list',
    'pages.check',
    'parity.compare',
    'payments.journey',
    'payments.smoke',
    'preflight.check',
    'prisma.align_rehearse',
    'prisma.diff',
    'prisma.drift',
    'prisma.present',
    'prisma.sanity',
    'prisma.status',
    'redis.check',
    'rows.present',
    'secrets.ledger',
    'secrets.revoked',
    'sql.check',
    'webhooks.check',
    'writers.check',
)
MARK_CHECKS = """
    ALTER TABLE checklists_evidence DISABLE TRIGGER USER;
    UPDATE checklists_evidence SET judges = true FROM checklists_attempt attempt
    WHERE attempt.id = attempt_id AND attempt.action IN ({});
    ALTER TABLE checklists_evidence ENABLE TRIGGER USER;
""".format(', '.join(f"'{check}'" for check in CHECKS))


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0023_logs_for_stakeholders'),
    ]

    operations = [
        migrations.AddField(
            model_name='evidence',
            name='confirms',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='evidence',
            name='denies',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='evidence',
            name='judges',
            field=models.BooleanField(default=False),
        ),
        *(migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS),
        migrations.RunSQL(MARK_CHECKS, migrations.RunSQL.noop),
        pgtrigger.migrations.RemoveTrigger(
            model_name='attempt',
            name='legal_moves',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='attempt',
            name='irreversible_work_is_named',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='gatepass',
            name='quorum',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='nogoanswer',
            name='ends_a_no_go_rightly',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='signoff',
            name='four_eyes',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='legal_moves', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (('QUEUED', 'CANCELLED'), ('QUEUED', 'CLAIMED'), ('CLAIMED', 'CANCELLED'), ('CLAIMED', 'ERRORED'), ('CLAIMED', 'QUEUED'), ('CLAIMED', 'RUNNING'), ('RUNNING', 'CANCELLED'), ('RUNNING', 'ERRORED'), ('RUNNING', 'FAILED'), ('RUNNING', 'SUCCEEDED'), ('RUNNING', 'TIMED_OUT'), ('RUNNING', 'UNKNOWN'), ('UNKNOWN', 'RECONCILED')) THEN\n                RAISE EXCEPTION 'attempt % cannot move from % to %', OLD.id, OLD.status, NEW.status;\n            END IF;\n            IF OLD.status IN ('CANCELLED', 'ERRORED', 'FAILED', 'RECONCILED', 'SUCCEEDED', 'TIMED_OUT') AND NEW IS DISTINCT FROM OLD THEN\n                RAISE EXCEPTION 'attempt % has ended', OLD.id;\n            END IF;\n            IF NEW.fence <> OLD.fence AND NOT (NEW.status = 'CLAIMED' AND NEW.fence > OLD.fence) THEN\n                RAISE EXCEPTION 'the fence of attempt % changes with a claim only', OLD.id;\n            END IF;\n            IF OLD.effect_started_at IS NOT NULL\n               AND NEW.effect_started_at IS DISTINCT FROM OLD.effect_started_at THEN\n                RAISE EXCEPTION 'the effect of attempt % has begun once', OLD.id;\n            END IF;\n            RETURN NEW;\n        ", hash='734747455fa2d211a3387c1d25c6b8dae794f9e4', operation='UPDATE', pgid='pgtrigger_legal_moves_b7e68', table='checklists_attempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='under_its_lease', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.status IS DISTINCT FROM NEW.status)', func="\n            IF NEW.status = 'CLAIMED' AND (\n                    NEW.fence <= OLD.fence OR NEW.fence <> currval('checklists_fence') OR NEW.owner = '{}'\n                    OR (NEW.claimed_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE OR NEW.lease_expires_at IS NULL) THEN\n                RAISE EXCEPTION 'attempt % is claimed with a new fence, an owner and a lease', OLD.id;\n            END IF;\n            IF NEW.status = 'RUNNING' AND (\n                    (NEW.effect_started_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE OR OLD.cancel_requested_at IS NOT NULL\n                    OR coalesce(OLD.lease_expires_at, '-infinity') <= clock_timestamp()) THEN\n                RAISE EXCEPTION 'the effect of attempt % begins now, under its lease', OLD.id;\n            END IF;\n            IF NEW.status IN ('CANCELLED', 'ERRORED', 'FAILED', 'RECONCILED', 'SUCCEEDED', 'TIMED_OUT') <> (NEW.ended_at IS NOT NULL)\n               OR (NEW.ended_at IS NOT NULL AND NOT (NEW.ended_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds')) THEN\n                RAISE EXCEPTION 'the end of attempt % is dated now', OLD.id;\n            END IF;\n            RETURN NEW;\n        ", hash='d9f26d3bcf0522c4603ebe1e58724bad5ec629ff', operation='UPDATE', pgid='pgtrigger_under_its_lease_0069e', table='checklists_attempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='reconciled_on_a_finding', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.status = 'UNKNOWN' AND NEW.status = 'RECONCILED')", declare='DECLARE kind text;', func="\n            SELECT cutover.kind INTO kind FROM checklists_cutover cutover WHERE cutover.id = NEW.cutover_id;\n            IF coalesce(OLD.finding ->> 'dead', '') = '' OR OLD.finding ->> 'seen' = 'STILL_RUNNING'\n               OR NEW.finding IS DISTINCT FROM OLD.finding OR (NEW.reconciled_at BETWEEN now() - interval '30 seconds' AND clock_timestamp() + interval '30 seconds') IS NOT TRUE THEN\n                RAISE EXCEPTION 'attempt % is reconciled on a finding after proof of death', NEW.id;\n            END IF;\n            IF NEW.reconciled_by_id IS NULL AND NOT (\n                    NEW.effect = 'PURE' OR (NEW.effect = 'IDEMPOTENT' AND kind = 'REHEARSAL')) THEN\n                RAISE EXCEPTION 'a person decides what attempt % did', NEW.id;\n            END IF;\n            IF NEW.reconciled_by_id = NEW.requested_by_id AND NEW.effect = 'AT_MOST_ONCE'\n               AND kind = 'PRODUCTION' THEN\n                RAISE EXCEPTION 'somebody else than its starter decides what attempt % did', NEW.id;\n            END IF;\n            RETURN NEW;\n        ", hash='ae16e5fe91fcc998f77cccad168196027f83edbb', operation='UPDATE', pgid='pgtrigger_reconciled_on_a_finding_b0055', table='checklists_attempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='leaves_its_entry', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status <> 'CLAIMED')", constraint='CONSTRAINT', declare='DECLARE kinds text[];', func="\n            kinds := CASE NEW.status WHEN 'RUNNING' THEN ARRAY['attempt.began'] WHEN 'QUEUED' THEN ARRAY['attempt.requeued'] WHEN 'UNKNOWN' THEN ARRAY['attempt.lost'] WHEN 'RECONCILED' THEN ARRAY['attempt.reconciled'] WHEN 'CANCELLED' THEN ARRAY['attempt.ended', 'attempt.cancelled', 'attempt.requeued'] ELSE ARRAY['attempt.ended'] END;\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_auditentry entry\n                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()\n                  AND (entry.kind = ANY(kinds) AND entry.payload ->> 'attempt' = NEW.id::text\n                       AND coalesce(entry.payload ->> 'status', NEW.status) = NEW.status\n                       OR NEW.status = 'CANCELLED' AND entry.kind = 'rollback.ordered')\n                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head\n                                   WHERE head.cutover_id = NEW.cutover_id)) THEN\n                RAISE EXCEPTION 'attempt % is % without an entry of the record', NEW.id, NEW.status;\n            END IF;\n            IF (NEW.status IN ('SUCCEEDED', 'FAILED') OR NEW.reconciliation = 'DONE')\n               AND NOT EXISTS (SELECT 1 FROM checklists_evidence WHERE attempt_id = NEW.id) THEN\n                RAISE EXCEPTION 'attempt % is % without evidence', NEW.id, NEW.status;\n            END IF;\n            RETURN NULL;\n        ", hash='0c6fc42ca4162b391127d65c73e69d4ee13e686a', operation='UPDATE', pgid='pgtrigger_leaves_its_entry_ffbfd', table='checklists_attempt', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='is_started_with_its_entry', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', func="\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_auditentry entry\n                JOIN auth_user starter ON starter.username = entry.actor\n                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()\n                  AND entry.kind = 'attempt.started' AND entry.payload ->> 'attempt' = NEW.id::text\n                  AND starter.id = NEW.requested_by_id\n                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head\n                                   WHERE head.cutover_id = NEW.cutover_id)) THEN\n                RAISE EXCEPTION 'attempt % is started without an entry of the record', NEW.id;\n            END IF;\n            RETURN NULL;\n        ", hash='bcc39ccd5cc09c11b8725d412402c2a10d503d2b', operation='INSERT', pgid='pgtrigger_is_started_with_its_entry_0b5db', table='checklists_attempt', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='attempt',
            trigger=pgtrigger.compiler.Trigger(name='irreversible_work_is_named', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."status" = \'RUNNING\')', func="\n            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN\n                RETURN NEW;\n            END IF;\n            IF EXISTS (\n                SELECT 1 FROM checklists_item i\n                JOIN checklists_phase p ON p.id = i.phase_id\n                JOIN checklists_cutover c ON c.id = i.cutover_id\n                WHERE i.id = NEW.item_id AND c.kind = 'PRODUCTION' AND i.irreversible <> ''\n                  AND NOT EXISTS (\n    WITH RECURSIVE before(id, key, kind, needs, quorum) AS (\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM checklists_item n\n        WHERE n.cutover_id = i.cutover_id AND n.superseded_at IS NULL AND n.key = ANY(i.needs)\n        UNION\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM before b\n        JOIN checklists_item n ON n.cutover_id = i.cutover_id AND n.superseded_at IS NULL\n             AND n.key = ANY(b.needs)\n        WHERE b.kind <> 'gate')\n    SELECT 1 FROM before gate JOIN checklists_gatepass pass ON pass.gate_id = gate.id\n    WHERE gate.kind = 'gate' AND pass.digest = checklists_passed_on(gate.id) AND gate.quorum <= (\n        SELECT count(DISTINCT s.person_id) FROM checklists_signoff s\n        WHERE s.gate_id = gate.id AND s.digest = pass.digest AND s.decision = 'GO'\n          AND i.key = ANY(s.accepted_irreversible))\n    UNION ALL\n    SELECT 1 WHERE p.direction = 'ROLLBACK' AND NOT EXISTS (SELECT 1 FROM before WHERE kind = 'gate')\n)) THEN\n                RAISE EXCEPTION 'attempt % cannot be taken back, and no passed gate names it', NEW.id\n                    USING ERRCODE = 'CU013';\n            END IF;\n            RETURN NEW;\n        ", hash='1f86cee8da0e4c32b58fc679e9d7e3f5491c864e', operation='INSERT OR UPDATE', pgid='pgtrigger_irreversible_work_is_named_25364', table='checklists_attempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='evidence',
            trigger=pgtrigger.compiler.Trigger(name='comes_with_the_verdict', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF NOT EXISTS (\n                SELECT 1 FROM checklists_attempt attempt\n                WHERE attempt.id = NEW.attempt_id AND attempt.item_id = NEW.item_id\n                  AND attempt.ended_at = NEW.observed_at AND attempt.ended_at >= now()\n                  AND CASE WHEN NEW.ok THEN attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE'\n                           ELSE attempt.status = 'FAILED' END) THEN\n                RAISE EXCEPTION 'evidence is written together with the verdict of its attempt';\n            END IF;\n            RETURN NEW;\n        ", hash='5046f27ed1c2a78d2a855d87931a66aff9749b00', operation='INSERT', pgid='pgtrigger_comes_with_the_verdict_c884b', table='checklists_evidence', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatepass',
            trigger=pgtrigger.compiler.Trigger(name='quorum', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE needed integer; given integer; against integer;', func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            needed := (\n        SELECT greatest(1, CASE WHEN cutover.kind = 'REHEARSAL'\n                                THEN least(coalesce(cutover.rehearsal_quorum, item.quorum), item.quorum)\n                                ELSE item.quorum END)\n        FROM checklists_item item JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n        WHERE item.id = NEW.gate_id);\n            SELECT count(*) INTO given FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)\n                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   behind.phase\n            FROM behind\n            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL\n            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted;\n            SELECT count(*) INTO against FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_gos;\n            IF against > 0 OR given < needed THEN\n                RAISE EXCEPTION 'gate refused: % of % people said go, % said no-go', given, needed, against\n                    USING ERRCODE = 'CU005';\n            END IF;\n            RETURN NEW;\n        ", hash='4059fb30410949fe61bcaf70e51a17889832a62c', operation='INSERT', pgid='pgtrigger_quorum_f996d', table='checklists_gatepass', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatepass',
            trigger=pgtrigger.compiler.Trigger(name='rests_on_the_evidence', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF NEW.digest_version <> 2 OR NEW.digest <> checklists_digest(\n                    checklists_gate_content(NEW.gate_id)) THEN\n                RAISE EXCEPTION 'sign-off refused: the evidence of the gate has another digest'\n                    USING ERRCODE = 'CU014';\n            END IF;\n            IF EXISTS (SELECT 1 FROM checklists_gate_facts(NEW.gate_id) fact\n                       WHERE fact.content ->> 'state' NOT IN ('DONE', 'SKIPPED', 'NOT_NEEDED')) THEN\n                RAISE EXCEPTION 'sign-off refused: evidence is missing, or no longer holds'\n                    USING ERRCODE = 'CU015';\n            END IF;\n RETURN NEW;", hash='cfc4000b83fa9e1d13450b21bfb6507ea88fa81e', operation='INSERT', pgid='pgtrigger_rests_on_the_evidence_8e277', table='checklists_gatepass', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='item',
            trigger=pgtrigger.compiler.Trigger(name='irreversible_ticks_are_named', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."done_at" IS NOT NULL AND OLD."done_at" IS NULL AND NOT (NEW."irreversible" = \'\'))', func="\n            IF EXISTS (\n                SELECT 1 FROM checklists_item i\n                JOIN checklists_phase p ON p.id = i.phase_id\n                JOIN checklists_cutover c ON c.id = i.cutover_id\n                WHERE i.id = NEW.id AND c.kind = 'PRODUCTION' AND NOT EXISTS (\n    WITH RECURSIVE before(id, key, kind, needs, quorum) AS (\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM checklists_item n\n        WHERE n.cutover_id = i.cutover_id AND n.superseded_at IS NULL AND n.key = ANY(i.needs)\n        UNION\n        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM before b\n        JOIN checklists_item n ON n.cutover_id = i.cutover_id AND n.superseded_at IS NULL\n             AND n.key = ANY(b.needs)\n        WHERE b.kind <> 'gate')\n    SELECT 1 FROM before gate JOIN checklists_gatepass pass ON pass.gate_id = gate.id\n    WHERE gate.kind = 'gate' AND pass.digest = checklists_passed_on(gate.id) AND gate.quorum <= (\n        SELECT count(DISTINCT s.person_id) FROM checklists_signoff s\n        WHERE s.gate_id = gate.id AND s.digest = pass.digest AND s.decision = 'GO'\n          AND i.key = ANY(s.accepted_irreversible))\n    UNION ALL\n    SELECT 1 WHERE p.direction = 'ROLLBACK' AND NOT EXISTS (SELECT 1 FROM before WHERE kind = 'gate')\n)) THEN\n                RAISE EXCEPTION 'item % cannot be taken back, and no passed gate names it', NEW.key\n                    USING ERRCODE = 'CU013';\n            END IF;\n            RETURN NEW;\n        ", hash='0040977f73eb98f6d5b96f99754d4c5e75f73b48', operation='UPDATE', pgid='pgtrigger_irreversible_ticks_are_named_fdc76', table='checklists_item', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nogoanswer',
            trigger=pgtrigger.compiler.Trigger(name='ends_a_no_go_rightly', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE dissent checklists_signoff%ROWTYPE; decided checklists_item%ROWTYPE;', func="\n            SELECT * INTO dissent FROM checklists_signoff WHERE id = NEW.no_go_id;\n            SELECT now.* INTO decided FROM checklists_item given\n              JOIN checklists_item now ON now.cutover_id = given.cutover_id AND now.key = given.key\n              WHERE given.id = dissent.gate_id AND now.superseded_at IS NULL FOR UPDATE OF now;\n            IF dissent.decision IS DISTINCT FROM 'NO_GO' OR decided.id IS NULL THEN\n                RAISE EXCEPTION 'only a no-go at a gate of now is ended' USING ERRCODE = 'CU007';\n            END IF;\n            IF NEW.ending = 'WITHDRAWN' THEN\n                IF NEW.by_id <> dissent.person_id THEN\n                    RAISE EXCEPTION 'a no-go is withdrawn by the person who gave it' USING ERRCODE = 'CU007';\n                END IF;\n                RETURN NEW;\n            END IF;\n            IF NEW.by_id = dissent.person_id OR NOT EXISTS (\n                    SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                    WHERE member.cutover_id = decided.cutover_id\n                      AND member.person_id = NEW.by_id AND u.is_active\n                      AND member.part <> 'LEAD' AND NEW.seat <> dissent.seat\n                      AND NEW.seat = ANY(member.seats) AND NEW.seat = ANY(decided.seats)) THEN\n                RAISE EXCEPTION 'a no-go is answered by the holder of another seat who is no lead'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = decided.id AND acts.person_id = NEW.by_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL\n            WHERE gate.id = decided.id AND item.kind <> 'gate'\n              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)\n                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   behind.phase\n            FROM behind\n            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL\n            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.person_id = NEW.by_id)\n               OR EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = decided.id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.by_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = decided.id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'a no-go is not answered by a person who acted on the evidence'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF char_length(btrim(regexp_replace(NEW.text, E'[[:space:]\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufeff]+', ' ', 'g'))) < 20 THEN\n                RAISE EXCEPTION 'an answer to a no-go has at least 20 characters'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            RETURN NEW;\n        ", hash='8a32f2dbd0e93e5fb8efdcfb1bd797eb0e02e5b1', operation='INSERT', pgid='pgtrigger_ends_a_no_go_rightly_763b4', table='checklists_nogoanswer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signoff',
            trigger=pgtrigger.compiler.Trigger(name='four_eyes', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            PERFORM 1 FROM auth_user WHERE id = NEW.person_id AND is_active FOR SHARE;\n            IF NOT FOUND THEN\n                RAISE EXCEPTION 'sign-off refused: the person is not active' USING ERRCODE = 'CU001';\n            END IF;\n            IF NOT EXISTS (SELECT 1 FROM checklists_member m\n                           JOIN checklists_item i ON i.cutover_id = m.cutover_id\n                           WHERE i.id = NEW.gate_id AND m.person_id = NEW.person_id\n                             AND NEW.seat = ANY(m.seats) AND NEW.seat = ANY(i.seats)) THEN\n                RAISE EXCEPTION 'sign-off refused: the person does not fill this seat'\n                    USING ERRCODE = 'CU002';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = NEW.gate_id AND acts.person_id = NEW.person_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)\n                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   behind.phase\n            FROM behind\n            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL\n            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person acted on this evidence' USING ERRCODE = 'CU003';\n            END IF;\n            IF EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.person_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat was given by a person who acted on this evidence'\n                    USING ERRCODE = 'CU009';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go\n                       WHERE no_go.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person''s no-go stands' USING ERRCODE = 'CU006';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)\n                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   behind.phase\n            FROM behind\n            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL\n            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted\n                       WHERE (counted.seat = NEW.seat AND counted.person_id <> NEW.person_id)\n                          OR (counted.seat <> NEW.seat AND counted.person_id = NEW.person_id))\n               OR EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go WHERE no_go.seat = NEW.seat) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat is taken, or the person has another'\n                    USING ERRCODE = 'CU004';\n            END IF;\n            IF NEW.decision = 'GO' AND EXISTS (\n                    SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_item item ON item.cutover_id = gate.cutover_id AND item.superseded_at IS NULL\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (item.id IN (SELECT item_id FROM checklists_gateevidence WHERE gate_id = gate.id)\n                   OR item.key = ANY(gate.needs) AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id))\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id,\n                   behind.phase\n            FROM behind\n            JOIN checklists_item item ON item.cutover_id = behind.cutover_id AND item.superseded_at IS NULL\n            WHERE item.kind <> 'gate' AND item.key = ANY(behind.needs)\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.key <> ALL(NEW.accepted_gaps)) THEN\n                RAISE EXCEPTION 'sign-off refused: a go accepts every skip by name' USING ERRCODE = 'CU008';\n            END IF;\n            RETURN NEW;\n        ", hash='aa1c0b4a6ac6935a55a366bfd34286a8acced60f', operation='INSERT', pgid='pgtrigger_four_eyes_d724b', table='checklists_signoff', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signoff',
            trigger=pgtrigger.compiler.Trigger(name='rests_on_the_evidence', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE named jsonb; found jsonb; attempts uuid[];', func="\n            IF NEW.digest_version <> 2 OR NEW.digest <> checklists_digest(\n                    checklists_gate_content(NEW.gate_id)) THEN\n                RAISE EXCEPTION 'sign-off refused: the evidence of the gate has another digest'\n                    USING ERRCODE = 'CU014';\n            END IF;\n            IF EXISTS (SELECT 1 FROM checklists_gate_facts(NEW.gate_id) fact\n                       WHERE fact.content ->> 'state' NOT IN ('DONE', 'SKIPPED', 'NOT_NEEDED')) THEN\n                RAISE EXCEPTION 'sign-off refused: evidence is missing, or no longer holds'\n                    USING ERRCODE = 'CU015';\n            END IF;\n\n            SELECT coalesce(jsonb_agg(jsonb_build_array(\n                       line -> 'item', line -> 'attempt', line -> 'content') ORDER BY place), '[]')\n              INTO named FROM jsonb_array_elements(NEW.evidence) WITH ORDINALITY AS one(line, place);\n            SELECT coalesce(jsonb_agg(jsonb_build_array(\n                       fact.content -> 'item', fact.attempt_id, fact.content) ORDER BY fact.place), '[]'),\n                   coalesce(array_agg(fact.attempt_id ORDER BY fact.place)\n                            FILTER (WHERE fact.attempt_id IS NOT NULL), '{}')\n              INTO found, attempts FROM checklists_gate_facts(NEW.gate_id) fact;\n            IF named <> found OR NEW.attempts <> attempts THEN\n                RAISE EXCEPTION 'sign-off refused: it names other evidence than the newest of each item'\n                    USING ERRCODE = 'CU016';\n            END IF;\n            RETURN NEW;\n        ", hash='8f1aefbb581ca3aaa718484a9b868866dd7040cd', operation='INSERT', pgid='pgtrigger_rests_on_the_evidence_a4edc', table='checklists_signoff', when='BEFORE')),
        ),
    ]
