"""Amendments: several definitions of an item, and changes that a second person confirms."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0006_item_opens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangeRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('amendment', 'Amend the runbook')], max_length=20)),
                ('summary', models.CharField(max_length=300)),
                ('reason', models.TextField()),
                ('payload', models.JSONField(default=dict)),
                ('requested_at', models.DateTimeField()),
                ('decision', models.CharField(blank=True, choices=[('CONFIRMED', 'Confirmed'), ('DECLINED', 'Declined'), ('WITHDRAWN', 'Withdrawn')], max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['cutover', 'requested_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='item',
            name='item_key_once',
        ),
        migrations.AddField(
            model_name='item',
            name='runbook_sha256',
            field=models.CharField(default='', help_text='The text of the runbook that defined it.', max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='item',
            name='superseded_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name='item',
            constraint=models.UniqueConstraint(condition=models.Q(('superseded_at', None)), fields=('cutover', 'key'), name='item_key_once'),
        ),
        # Every item so far was defined by the runbook with which its cutover was opened.
        migrations.RunSQL(
            """UPDATE checklists_item i SET runbook_sha256 = r.sha256
               FROM checklists_cutover c JOIN checklists_runbook r ON r.id = c.runbook_id
               WHERE c.id = i.cutover_id""",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name='changerequest',
            name='cutover',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_requests', to='checklists.cutover'),
        ),
        migrations.AddField(
            model_name='changerequest',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changerequest',
            name='requested_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('decision', '')), fields=('cutover', 'kind'), name='one_open_request_of_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', '')), models.Q(models.Q(('decision', ''), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='decision_has_person_and_time'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decision', 'CONFIRMED'), _negated=True), models.Q(('decided_by', models.F('requested_by')), _negated=True), _connector='OR'), name='a_second_person_confirms'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='ebffd622ada392562885fc396e1d8fd248669345', operation='DELETE', pgid='pgtrigger_never_deleted_ea2a5', table='checklists_changerequest', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.decision <> ''\n               OR (NEW.cutover_id, NEW.kind, NEW.summary, NEW.reason, NEW.payload, NEW.requested_by_id,\n                   NEW.requested_at)\n                  IS DISTINCT FROM (OLD.cutover_id, OLD.kind, OLD.summary, OLD.reason, OLD.payload,\n                   OLD.requested_by_id, OLD.requested_at) THEN\n                RAISE EXCEPTION 'a requested change is not edited';\n            END IF;\n            RETURN NEW;\n        ", hash='c9b4d92eb58683020fe65ace9faa3fa3bf790869', operation='UPDATE', pgid='pgtrigger_decided_once_1377d', table='checklists_changerequest', when='BEFORE')),
        ),
    ]
