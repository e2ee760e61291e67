"""Runs of the preflight and their results."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checklists', '0008_ticks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PreflightRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('LOST', 'Lost')], default='QUEUED', max_length=8)),
                ('source', models.CharField(choices=[('PERSON', 'a person'), ('SCHEDULE', 'the schedule'), ('COMMAND', 'a command'), ('ITEM', 'an item')], max_length=8)),
                ('requested_at', models.DateTimeField()),
                ('woken_at', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('fence', models.BigIntegerField(default=0)),
                ('owner', models.JSONField(default=dict)),
                ('lease_expires_at', models.DateTimeField(null=True)),
                ('checks_done', models.PositiveSmallIntegerField(default=0)),
                ('checks_total', models.PositiveSmallIntegerField(default=0)),
                ('progress_at', models.DateTimeField(null=True)),
                ('note', models.TextField(blank=True, help_text='Why it failed or was lost, and what to do.')),
                ('digest', models.CharField(blank=True, help_text='Of identities and verdicts.', max_length=64)),
                ('attempt', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='preflight_run', to='checklists.attempt')),
                ('cutover', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='preflight_runs', to='checklists.cutover')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['cutover', '-requested_at'],
            },
        ),
        migrations.CreateModel(
            name='PreflightResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(max_length=16)),
                ('check_key', models.CharField(max_length=80)),
                ('title', models.CharField(max_length=200)),
                ('subject', models.TextField()),
                ('verdict', models.CharField(choices=[('red', 'Red'), ('unknown', 'Unknown'), ('amber', 'Amber'), ('green', 'Green')], max_length=8)),
                ('asked', models.TextField()),
                ('seen', models.TextField()),
                ('change', models.TextField(blank=True)),
                ('systems', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None)),
                ('items', django.contrib.postgres.fields.ArrayField(base_field=models.SlugField(max_length=80), default=list, size=None)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='checklists.preflightrun')),
            ],
            options={
                'ordering': ['run', 'check_key', 'subject'],
            },
        ),
        migrations.AddConstraint(
            model_name='preflightrun',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=('cutover',), name='one_live_preflight'),
        ),
        migrations.AddConstraint(
            model_name='preflightrun',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['QUEUED', 'RUNNING']), ('ended_at__isnull', False), _connector='XOR'), name='ended_preflight_has_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='preflightrun',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e443d339ceb5129d4964b6de1f90f8e16c0a6981', operation='DELETE', pgid='pgtrigger_never_deleted_ab724', table='checklists_preflightrun', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='preflightrun',
            trigger=pgtrigger.compiler.Trigger(name='ended_run_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'the preflight run % has ended', OLD.id;", hash='b701160784bce40221778e1a154e1c48e9042979', operation='UPDATE', pgid='pgtrigger_ended_run_is_final_256bc', table='checklists_preflightrun', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='preflightresult',
            constraint=models.UniqueConstraint(fields=('run', 'identity'), name='a_result_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='preflightresult',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='fc9c2a715bceab5bee152c5800492dc0ecb354cc', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f4363', table='checklists_preflightresult', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='preflightresult',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;", hash='b15dbf2465e03b09a2fb7e598917fd9a9af5391d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c92d9', table='checklists_preflightresult', when='BEFORE')),
        ),
    ]
