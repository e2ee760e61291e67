"""SQL functions that say whether evidence still holds: what was observed of its subject after it.

Triggers and board ask the same functions. A changed text needs a migration that creates it anew; a test
compares the text with the database.
"""

from __future__ import annotations

#: An attempt that counts in the present direction. One that was made for the rollback before the rollback
#: was ordered settles nothing any more: what was counted then counted while the new stack still wrote.
COUNTS = """NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                 AND attempt.direction = 'FORWARD')"""

#: The evidence of the items: of each the newest that is right. The moment ``until`` is when a pass of a gate
#: that relies on it was first used; what is observed after that contradicts nothing, because the cutover
#: itself changes what checks see.
_KNOWN = f"""
    known AS (
        SELECT DISTINCT ON (found.item_id) found.item_id, found.id, found.attempt_id, found.observed_at,
               found.confirms, attempt.action, attempt.params, found.judges
        FROM checklists_item item
        JOIN checklists_phase phase ON phase.id = item.phase_id
        JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        JOIN checklists_evidence found ON found.item_id = item.id AND found.ok
        JOIN checklists_attempt attempt ON attempt.id = found.attempt_id
        WHERE item.cutover_id = of_cutover AND (of_items IS NULL OR item.id = ANY(of_items)) AND {COUNTS}
        ORDER BY found.item_id, found.observed_at DESC, found.id DESC),
    used AS (
        SELECT known.item_id, min(pass.used_at) AS until
        FROM known
        JOIN checklists_gateevidence asked ON asked.item_id = known.item_id
        JOIN checklists_gatepass pass ON pass.gate_id = asked.gate_id AND pass.used_at > known.observed_at
        GROUP BY known.item_id)
"""  # noqa: S608  # the part is a constant

#: What other items said about the same thing: by the same check, or about a topic that the evidence confirms.
#: Of each question (action and parameters) the latest answer counts: a later yes to an easier question takes
#: no earlier no back.
_CHECKS = """
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
"""

#: The latest run of the preflight after the one that is the evidence. A new green result contradicts nothing.
_PREFLIGHTS = """
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
"""

#: Evidence that verified a backup whose latest verification, by whichever item, failed. It counts whether or
#: not a gate was passed since: the cutover does not change its backup.
_VERIFICATIONS = """
    verifications AS (
        SELECT known.item_id, latest.id, latest.at
        FROM known
        JOIN checklists_backupverification mine ON mine.attempt_id = known.attempt_id AND mine.equal
        CROSS JOIN LATERAL (
            SELECT later.* FROM checklists_backupverification later
            WHERE later.backup_id = mine.backup_id ORDER BY later.id DESC LIMIT 1) latest
        WHERE NOT latest.equal)
"""

#: (item_id, kind, source, at, agrees): of each item the weightiest later observation. One that says
#: otherwise weighs more than one that agrees; ``source`` is the key of the row that holds it.
LATER = f"""
CREATE OR REPLACE FUNCTION checklists_later(of_cutover bigint, of_items bigint[])
RETURNS TABLE (item_id bigint, kind text, source text, at timestamptz, agrees boolean)
LANGUAGE plpgsql STABLE AS $body$
#variable_conflict use_column
BEGIN RETURN QUERY
    WITH {_KNOWN}, {_CHECKS}, {_PREFLIGHTS}, {_VERIFICATIONS}
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
"""  # noqa: S608  # the parts are constants
