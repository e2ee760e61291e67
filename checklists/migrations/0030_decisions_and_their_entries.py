"""Every decision leaves its entry in the record, and rows begin and change one step at a time (ADR 45)."""

# ruff: noqa: E501

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

RECORDED = """
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checklists", "0029_simulated_forecast"),
    ]

    operations = [
        migrations.RunSQL(
            RECORDED,
            "DROP FUNCTION checklists_recorded(bigint, text[], jsonb, bigint, text[])",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="cutover",
            name="definition_is_written_once",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="member",
            name="has_its_change",
        ),
        migrations.AlterField(
            model_name="note",
            name="at",
            field=models.DateTimeField(),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attempt",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attempt",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attempt",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attempt",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backup",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backup",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backupverification",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="changerequest",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="changerequest",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="changerequest",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="changerequest",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="cutover",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="cutover",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="cutover",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="cutover",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gateevidence",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatepass",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatepass",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatepass",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hostdeath",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hostdeath",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="item",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="item",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="item",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="item",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="item",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="itempreview",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="itempreview",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="itempreview",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="member",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="memberchange",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="memberchange",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="memberchange",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="nogoanswer",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="nogoanswer",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="note",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="parityresult",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="phase",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="phase",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightresult",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="preflightrun",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="runbook",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signoff",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tick",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tick",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="tickfile",
            trigger=pgtrigger.compiler.Trigger(
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
        ),
    ]
