"""The one sequence that fence numbers come from."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("checklists", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE checklists_fence AS bigint", "DROP SEQUENCE checklists_fence"
        )
    ]
