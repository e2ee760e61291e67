"""The rules of gates look items up by key and are planned once a session: 500 items took half a second."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


#: As they were when this migration was written; `models/gate_functions.py` has them as they are now.
FUNCTIONS = (
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
)


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0024_evidence_in_the_database'),
    ]

    operations = [
        *(migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS),
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
            model_name='gatepass',
            trigger=pgtrigger.compiler.Trigger(name='quorum', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE needed integer; given integer; against integer;', func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            needed := (\n        SELECT greatest(1, CASE WHEN cutover.kind = 'REHEARSAL'\n                                THEN least(coalesce(cutover.rehearsal_quorum, item.quorum), item.quorum)\n                                ELSE item.quorum END)\n        FROM checklists_item item JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n        WHERE item.id = NEW.gate_id);\n            SELECT count(*) INTO given FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted;\n            SELECT count(*) INTO against FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_gos;\n            IF against > 0 OR given < needed THEN\n                RAISE EXCEPTION 'gate refused: % of % people said go, % said no-go', given, needed, against\n                    USING ERRCODE = 'CU005';\n            END IF;\n            RETURN NEW;\n        ", hash='6f80ff27430f580e61bd73011db56827757e0a8e', operation='INSERT', pgid='pgtrigger_quorum_f996d', table='checklists_gatepass', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nogoanswer',
            trigger=pgtrigger.compiler.Trigger(name='ends_a_no_go_rightly', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE dissent checklists_signoff%ROWTYPE; decided checklists_item%ROWTYPE;', func="\n            SELECT * INTO dissent FROM checklists_signoff WHERE id = NEW.no_go_id;\n            SELECT now.* INTO decided FROM checklists_item given\n              JOIN checklists_item now ON now.cutover_id = given.cutover_id AND now.key = given.key\n              WHERE given.id = dissent.gate_id AND now.superseded_at IS NULL FOR UPDATE OF now;\n            IF dissent.decision IS DISTINCT FROM 'NO_GO' OR decided.id IS NULL THEN\n                RAISE EXCEPTION 'only a no-go at a gate of now is ended' USING ERRCODE = 'CU007';\n            END IF;\n            IF NEW.ending = 'WITHDRAWN' THEN\n                IF NEW.by_id <> dissent.person_id THEN\n                    RAISE EXCEPTION 'a no-go is withdrawn by the person who gave it' USING ERRCODE = 'CU007';\n                END IF;\n                RETURN NEW;\n            END IF;\n            IF NEW.by_id = dissent.person_id OR NOT EXISTS (\n                    SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id\n                    WHERE member.cutover_id = decided.cutover_id\n                      AND member.person_id = NEW.by_id AND u.is_active\n                      AND member.part <> 'LEAD' AND NEW.seat <> dissent.seat\n                      AND NEW.seat = ANY(member.seats) AND NEW.seat = ANY(decided.seats)) THEN\n                RAISE EXCEPTION 'a no-go is answered by the holder of another seat who is no lead'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = decided.id AND acts.person_id = NEW.by_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = decided.id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = decided.id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.person_id = NEW.by_id)\n               OR EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = decided.id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.by_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = decided.id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'a no-go is not answered by a person who acted on the evidence'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            IF char_length(btrim(regexp_replace(NEW.text, E'[[:space:]\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufeff]+', ' ', 'g'))) < 20 THEN\n                RAISE EXCEPTION 'an answer to a no-go has at least 20 characters'\n                    USING ERRCODE = 'CU007';\n            END IF;\n            RETURN NEW;\n        ", hash='e56e52545ac5c7f0c399a41a5b54a08cce83b4cc', operation='INSERT', pgid='pgtrigger_ends_a_no_go_rightly_763b4', table='checklists_nogoanswer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signoff',
            trigger=pgtrigger.compiler.Trigger(name='four_eyes', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;\n            PERFORM 1 FROM auth_user WHERE id = NEW.person_id AND is_active FOR SHARE;\n            IF NOT FOUND THEN\n                RAISE EXCEPTION 'sign-off refused: the person is not active' USING ERRCODE = 'CU001';\n            END IF;\n            IF NOT EXISTS (SELECT 1 FROM checklists_member m\n                           JOIN checklists_item i ON i.cutover_id = m.cutover_id\n                           WHERE i.id = NEW.gate_id AND m.person_id = NEW.person_id\n                             AND NEW.seat = ANY(m.seats) AND NEW.seat = ANY(i.seats)) THEN\n                RAISE EXCEPTION 'sign-off refused: the person does not fill this seat'\n                    USING ERRCODE = 'CU002';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                       WHERE acts.gate_id = NEW.gate_id AND acts.person_id = NEW.person_id)\n               OR EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person acted on this evidence' USING ERRCODE = 'CU003';\n            END IF;\n            IF EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = NEW.person_id AND NEW.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat was given by a person who acted on this evidence'\n                    USING ERRCODE = 'CU009';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go\n                       WHERE no_go.person_id = NEW.person_id) THEN\n                RAISE EXCEPTION 'sign-off refused: the person''s no-go stands' USING ERRCODE = 'CU006';\n            END IF;\n            IF EXISTS (SELECT 1 FROM (\n        SELECT latest.person_id, latest.seat FROM (\n            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps\n            FROM checklists_signoff WHERE gate_id = NEW.gate_id ORDER BY person_id, id DESC) latest\n        JOIN auth_user person ON person.id = latest.person_id AND person.is_active\n        JOIN checklists_item gate ON gate.id = latest.gate_id\n        JOIN checklists_member member ON member.cutover_id = gate.cutover_id\n             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)\n        WHERE latest.decision = 'GO' AND latest.digest = NEW.digest\n          AND NOT EXISTS (SELECT 1 FROM (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts\n                          WHERE acts.gate_id = NEW.gate_id AND acts.person_id = latest.person_id)\n          AND NOT EXISTS (SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap\n                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)\n          AND NOT EXISTS (\n        SELECT 1 FROM (\n            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id\n            FROM checklists_memberchange given\n            JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.cutover_id = given.cutover_id\n            WHERE given.person_id = latest.person_id AND latest.seat = ANY(given.seats_gained)\n            ORDER BY given.id DESC LIMIT 1) latest\n        JOIN (\n    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb\n    FROM checklists_gateevidence asked\n    JOIN checklists_item item ON item.id = asked.item_id\n    JOIN checklists_phase phase ON phase.id = item.phase_id\n    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id\n    CROSS JOIN LATERAL (\n        SELECT who.person_id, who.verb\n        FROM checklists_attempt attempt\n        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),\n                                   (attempt.cancel_requested_by_id, 'cancelled'),\n                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)\n        WHERE attempt.item_id = item.id\n          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                   AND attempt.direction = 'FORWARD')\n        UNION\n        SELECT who.person_id, who.verb\n        FROM checklists_tick tick\n        LEFT JOIN checklists_changerequest request\n               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'\n        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),\n                                   (tick.on_behalf_of_id, 'did'),\n                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)\n        WHERE tick.item_id = item.id\n        UNION\n        SELECT item.done_by_id, 'ticked'\n        UNION\n        SELECT item.skipped_by_id, 'skipped'\n    ) act\n    WHERE act.person_id IS NOT NULL\n) acts ON acts.gate_id = NEW.gate_id\n             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)\n        WHERE latest.is_later)\n    ) counted\n                       WHERE (counted.seat = NEW.seat AND counted.person_id <> NEW.person_id)\n                          OR (counted.seat <> NEW.seat AND counted.person_id = NEW.person_id))\n               OR EXISTS (SELECT 1 FROM (\n        SELECT no_go.id, no_go.person_id, no_go.seat\n        FROM checklists_item gate\n        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key\n        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'\n        WHERE gate.id = NEW.gate_id\n          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)\n          AND NOT (no_go.digest_version = 1 AND EXISTS (\n                SELECT 1 FROM checklists_signoff later\n                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id\n                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))\n    ) no_go WHERE no_go.seat = NEW.seat) THEN\n                RAISE EXCEPTION 'sign-off refused: the seat is taken, or the person has another'\n                    USING ERRCODE = 'CU004';\n            END IF;\n            IF NEW.decision = 'GO' AND EXISTS (\n                    SELECT 1 FROM (\n        WITH RECURSIVE behind AS (\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase\n            FROM checklists_item gate\n            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id\n            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item\n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate' AND item.superseded_at IS NULL\n              AND item.cutover_id = gate.cutover_id\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id\n            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE gate.id = NEW.gate_id AND item.kind <> 'gate'\n              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)\n            UNION\n            SELECT item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase\n            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)\n            CROSS JOIN LATERAL (\n                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id\n                AND key = need.key AND superseded_at IS NULL OFFSET 0) item\n            \n            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)\n        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)\n        )\n        SELECT behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason\n        FROM behind\n        WHERE behind.skipped_by_id IS NOT NULL\n        UNION\n        SELECT behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind\n        CROSS JOIN LATERAL (\n            SELECT attempt.* FROM checklists_attempt attempt\n            JOIN checklists_item of_item ON of_item.id = attempt.item_id\n            JOIN checklists_phase phase ON phase.id = of_item.phase_id\n            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id\n            WHERE attempt.item_id = behind.id\n              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'\n                       AND attempt.direction = 'FORWARD')\n            ORDER BY attempt.number DESC LIMIT 1\n        ) latest\n        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'\n          AND latest.reconciled_by_id IS NOT NULL\n    ) gap WHERE gap.key <> ALL(NEW.accepted_gaps)) THEN\n                RAISE EXCEPTION 'sign-off refused: a go accepts every skip by name' USING ERRCODE = 'CU008';\n            END IF;\n            RETURN NEW;\n        ", hash='289b3ac4615728118fe1a2b36e823edd26d1ae3b', operation='INSERT', pgid='pgtrigger_four_eyes_d724b', table='checklists_signoff', when='BEFORE')),
        ),
    ]
