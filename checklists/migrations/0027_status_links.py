"""Links by which people without an account see the page for everyone."""

# ruff: noqa: E501

import uuid

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checklists", "0026_times_of_the_night"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StatusLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("label", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("nonce", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("made_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "cutover",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="status_links",
                        to="checklists.cutover",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("made_at"))),
                        name="status_link_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("revoked_at", None), ("revoked_by", None)),
                            models.Q(("revoked_at__isnull", False), ("revoked_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_revocation_has_a_person",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
                name="definition_is_written_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n            IF ROW(NEW.cutover_id, NEW.label, NEW.digest, NEW.nonce, NEW.made_by_id, NEW.made_at, NEW.ends_at) IS DISTINCT FROM ROW(OLD.cutover_id, OLD.label, OLD.digest, OLD.nonce, OLD.made_by_id, OLD.made_at, OLD.ends_at) THEN\n                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;\n            END IF;\n            RETURN NEW;\n        ",
                    hash="bd17a591b30f3edfd8dfb5aa3a57a093967a5e51",
                    operation="UPDATE",
                    pgid="pgtrigger_definition_is_written_once_1d12f",
                    table="checklists_statuslink",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statuslink",
            trigger=pgtrigger.compiler.Trigger(
                name="never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="384b7eed661243b6e30fbdfefec37e8a3bde377e",
                    operation="DELETE",
                    pgid="pgtrigger_never_deleted_164dc",
                    table="checklists_statuslink",
                    when="BEFORE",
                ),
            ),
        ),
    ]
