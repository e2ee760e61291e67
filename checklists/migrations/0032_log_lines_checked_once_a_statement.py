"""Lines of the log are held to their attempt once a statement: no lookup for each line, no index of its own.

It reads no row: an index and a constraint are dropped, a trigger is made, and the key of an attempt, to which
lines point, is one of the columns that never change. Going back makes index and constraint again.
"""

# ruff: noqa: E501  # the bodies of triggers are written by a program, each in one line

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checklists", "0031_tables_in_one_step"),
    ]

    operations = [
        migrations.AlterField(
            model_name="logline",
            name="attempt",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="checklists.attempt",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="logline",
            trigger=pgtrigger.compiler.Trigger(
                name="lines_have_their_attempt",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF EXISTS (SELECT 1 FROM (SELECT DISTINCT attempt_id FROM added) line\n                       WHERE NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE id = line.attempt_id)) THEN\n                RAISE EXCEPTION 'a line of the log belongs to an attempt that does not exist'\n                    USING ERRCODE = 'foreign_key_violation';\n            END IF;\n            RETURN NULL;\n        ",
                    hash="a6616d278beed2a75f6a42a1df592eb1d8e62684",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_lines_have_their_attempt_ea55b",
                    referencing="REFERENCING NEW TABLE AS added ",
                    table="checklists_logline",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="attempt",
            name="definition_is_written_once",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attempt",
            trigger=pgtrigger.compiler.Trigger(
                name="definition_is_written_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF ROW(NEW.id, NEW.cutover_id, NEW.item_id, NEW.number, NEW.action, NEW.effect, NEW.params, NEW.resource, NEW.epoch, NEW.direction, NEW.requested_by_id, NEW.deadline, NEW.queued_at) IS DISTINCT FROM ROW(OLD.id, OLD.cutover_id, OLD.item_id, OLD.number, OLD.action, OLD.effect, OLD.params, OLD.resource, OLD.epoch, OLD.direction, OLD.requested_by_id, OLD.deadline, OLD.queued_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                    hash="62dfad632b30e2b433bc6c18f90248ab89a342fb",
                    operation="UPDATE",
                    pgid="pgtrigger_definition_is_written_once_4352b",
                    table="checklists_attempt",
                    when="BEFORE",
                ),
            ),
        ),
    ]
