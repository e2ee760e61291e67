"""A gate keeps the runbook's sentence about what a pass allows. Cutovers that are open already have none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checklists", "0005_rows_of_earlier_comparisons")]

    operations = [
        migrations.AddField("item", "opens", models.TextField(blank=True, default="")),
    ]
