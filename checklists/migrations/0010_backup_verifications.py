"""Verifications of backups, of which the latest decides whether a backup counts as verified."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0009_preflight'),
    ]

    operations = [
        migrations.CreateModel(
            name='BackupVerification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('equal', models.BooleanField()),
                ('at', models.DateTimeField()),
                ('seconds', models.FloatField(null=True)),
                ('reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AlterModelOptions(
            name='backup',
            options={'ordering': ['-pk']},
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='backup',
            trigger=pgtrigger.compiler.Trigger(name='new_ones_are_not_verified', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF NEW.verified_by_id IS NOT NULL OR NEW.verified_at IS NOT NULL\n                   OR NEW.restore_seconds IS NOT NULL THEN\n                    RAISE EXCEPTION 'a backup is verified by its verifications only';\n                END IF;\n                RETURN NEW;\n            ", hash='d18c49e72d41b980cbe2ae71f3ffc8bdd9c05669', operation='INSERT', pgid='pgtrigger_new_ones_are_not_verified_c2e4a', table='checklists_backup', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='backup',
            trigger=pgtrigger.compiler.Trigger(name='only_verifications_verify', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF pg_trigger_depth() < 2\n                   AND (NEW.verified_by_id, NEW.verified_at, NEW.restore_seconds)\n                       IS DISTINCT FROM (OLD.verified_by_id, OLD.verified_at, OLD.restore_seconds) THEN\n                    RAISE EXCEPTION 'a backup is verified by its verifications only';\n                END IF;\n                RETURN NEW;\n            ", hash='55badf29e10aaa5aae84bf2cc20019104cb5087b', operation='UPDATE', pgid='pgtrigger_only_verifications_verify_ede5c', table='checklists_backup', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='backupverification',
            name='attempt',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='verification', to='checklists.attempt'),
        ),
        migrations.AddField(
            model_name='backupverification',
            name='backup',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='verifications', to='checklists.backup'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='backupverification',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='775896c282d61e0a389eb868233895513ab0eaaf', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1228b', table='checklists_backupverification', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='backupverification',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;", hash='800dea16d70ff5612b26dfac54e5fb078db25d06', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_a33ac', table='checklists_backupverification', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='backupverification',
            trigger=pgtrigger.compiler.Trigger(name='latest_verification_decides', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            PERFORM 1 FROM checklists_backup WHERE id = NEW.backup_id FOR UPDATE;\n            UPDATE checklists_backup\n            SET verified_by_id = CASE WHEN NEW.equal THEN NEW.attempt_id END,\n                verified_at = CASE WHEN NEW.equal THEN NEW.at END,\n                restore_seconds = CASE WHEN NEW.equal THEN NEW.seconds END\n            WHERE id = NEW.backup_id AND NOT EXISTS (\n                SELECT 1 FROM checklists_backupverification later\n                WHERE later.backup_id = NEW.backup_id AND later.id > NEW.id);\n            RETURN NULL;\n        ', hash='f6004f6da1a75287db34a2e0c9e041b497cb6ea1', operation='INSERT', pgid='pgtrigger_latest_verification_decides_cf249', table='checklists_backupverification', when='AFTER')),
        ),
    ]
