"""Ticks of manual items: what was handed in, on whose behalf, and the second person who confirms."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0007_amendments'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Tick',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('note', models.TextField(blank=True)),
                ('on_behalf_of_name', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'ordering': ['item', 'id'],
            },
        ),
        migrations.CreateModel(
            name='TickFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('media_type', models.CharField(max_length=60)),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('content', models.BinaryField()),
            ],
            options={
                'ordering': ['tick', 'id'],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='changerequest',
            name='decided_once',
        ),
        migrations.RemoveConstraint(
            model_name='changerequest',
            name='one_open_request_of_a_kind',
        ),
        migrations.AddField(
            model_name='changerequest',
            name='item',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='change_requests', to='checklists.item'),
        ),
        migrations.AddField(
            model_name='changerequest',
            name='on_behalf_of',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='item',
            name='requires',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('note', 'a note'), ('file', 'a file'), ('second_person', 'a second person who confirms it')], max_length=16), blank=True, default=list, size=None),
        ),
        migrations.AlterField(
            model_name='changerequest',
            name='kind',
            field=models.CharField(choices=[('amendment', 'Amend the runbook'), ('tick', 'Confirm a manual item')], max_length=20),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changerequest',
            trigger=pgtrigger.compiler.Trigger(name='decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF OLD.decision <> ''\n               OR (NEW.cutover_id, NEW.kind, NEW.summary, NEW.reason, NEW.payload, NEW.requested_by_id,\n                   NEW.requested_at, NEW.item_id, NEW.tick_id, NEW.on_behalf_of_id)\n                  IS DISTINCT FROM (OLD.cutover_id, OLD.kind, OLD.summary, OLD.reason, OLD.payload,\n                   OLD.requested_by_id, OLD.requested_at, OLD.item_id, OLD.tick_id,\n                   OLD.on_behalf_of_id) THEN\n                RAISE EXCEPTION 'a requested change is not edited';\n            END IF;\n            RETURN NEW;\n        ", hash='dbf53acd698b85387da333f80ac109cccd5636a6', operation='UPDATE', pgid='pgtrigger_decided_once_1377d', table='checklists_changerequest', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='item',
            trigger=pgtrigger.compiler.Trigger(name='tick_has_what_the_item_requires', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."done_at" IS NOT NULL AND OLD."done_at" IS NULL)', declare='DECLARE given checklists_tick%ROWTYPE;', func="\n            IF NEW.requires = '{}' THEN\n                RETURN NEW;\n            END IF;\n            SELECT * INTO given FROM checklists_tick WHERE item_id = NEW.id ORDER BY id DESC LIMIT 1;\n            IF given.by_id IS DISTINCT FROM NEW.done_by_id THEN\n                RAISE EXCEPTION 'item % is not ticked without what it requires', NEW.key;\n            END IF;\n            IF 'note' = ANY(NEW.requires) AND given.note = '' THEN\n                RAISE EXCEPTION 'item % requires a note', NEW.key;\n            END IF;\n            IF 'file' = ANY(NEW.requires)\n               AND NOT EXISTS (SELECT 1 FROM checklists_tickfile WHERE tick_id = given.id) THEN\n                RAISE EXCEPTION 'item % requires a file', NEW.key;\n            END IF;\n            IF 'second_person' = ANY(NEW.requires)\n               AND NOT EXISTS (SELECT 1 FROM checklists_changerequest\n                               WHERE tick_id = given.id AND decision = 'CONFIRMED') THEN\n                RAISE EXCEPTION 'item % requires a second person', NEW.key;\n            END IF;\n            RETURN NEW;\n        ", hash='608abee3889347e607b476474d36e39db449c2e2', operation='UPDATE', pgid='pgtrigger_tick_has_what_the_item_requires_6edc1', table='checklists_item', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='tick',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='tick',
            name='item',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ticks', to='checklists.item'),
        ),
        migrations.AddField(
            model_name='tick',
            name='on_behalf_of',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changerequest',
            name='tick',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='request', to='checklists.tick'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('decision', ''), ('item', None)), fields=('cutover', 'kind'), name='one_open_request_of_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('decision', '')), fields=('item', 'kind'), name='one_open_request_about_an_item'),
        ),
        migrations.AddConstraint(
            model_name='changerequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decision', 'CONFIRMED'), _negated=True), ('on_behalf_of', None), models.Q(('decided_by', models.F('on_behalf_of')), _negated=True), _connector='OR'), name='who_did_it_does_not_confirm'),
        ),
        migrations.AddField(
            model_name='tickfile',
            name='tick',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='checklists.tick'),
        ),
        migrations.AddConstraint(
            model_name='tick',
            constraint=models.CheckConstraint(condition=models.Q(('on_behalf_of', None), ('on_behalf_of_name', ''), _connector='OR'), name='on_behalf_of_one'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tick',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6095cb50753677d13059737b6d72e0f532321cc0', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3843a', table='checklists_tick', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tick',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;", hash='9b2e288cb55b95a8e0be8808a159ca07f057516e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_847cb', table='checklists_tick', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tickfile',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3ce6c1a14bf1af605da1256559eea3f97de7a3fa', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_94bf5', table='checklists_tickfile', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tickfile',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;", hash='9b0e1bb0d5c4ee0f9176f0d423fad0ad1660b3ed', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c57ae', table='checklists_tickfile', when='BEFORE')),
        ),
    ]
