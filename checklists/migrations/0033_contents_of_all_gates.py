"""What signatures at gates are bound to is computed for all gates of a cutover at once."""

# ruff: noqa: E501, W293  # bodies of functions as the database has them

from django.db import migrations

#: As they were when this migration was written; `models/gate_functions.py` has them as they are now.
FUNCTIONS = (
    r"""
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
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_gate_facts(of_gate bigint)
RETURNS TABLE (place bigint, item_id bigint, attempt_id uuid, content jsonb)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    SELECT fact.place, fact.item_id, checklists_latest_attempt(fact.item_id), fact.content
    FROM checklists_facts_of_gates(ARRAY[of_gate]) fact ORDER BY 1;
END $body$
""",
    r"""
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
        FROM (
        WITH RECURSIVE behind AS (
            SELECT gate.id AS gate_id, item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id
            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item
            WHERE gate.id = ANY(of_gates) AND item.kind <> 'gate' AND item.superseded_at IS NULL
              AND item.cutover_id = gate.cutover_id
            UNION
            SELECT gate.id AS gate_id, item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, gate.phase_id
            FROM checklists_item gate CROSS JOIN LATERAL unnest(gate.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = gate.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE gate.id = ANY(of_gates) AND item.kind <> 'gate'
              AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = gate.phase_id)
            UNION
            SELECT behind.gate_id, item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id, behind.phase
            FROM behind CROSS JOIN LATERAL unnest(behind.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = behind.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            
            WHERE item.kind <> 'gate' AND (SELECT direction FROM checklists_phase WHERE id = item.phase_id)
        = (SELECT direction FROM checklists_phase WHERE id = behind.phase)
        )
        SELECT behind.gate_id, behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason
        FROM behind
        WHERE behind.skipped_by_id IS NOT NULL
        UNION
        SELECT behind.gate_id, behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind
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
""",
    r"""
CREATE OR REPLACE FUNCTION checklists_gate_content(of_gate bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $body$
BEGIN RETURN (SELECT found.content FROM checklists_gate_contents(ARRAY[of_gate]) found);
END $body$
""",
)


class Migration(migrations.Migration):
    """New texts of functions, and two new functions."""

    dependencies = [("checklists", "0032_log_lines_checked_once_a_statement")]

    operations = [migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS]
