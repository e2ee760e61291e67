"""Examples of comparisons that were made before rows had a table of their own become such rows."""

from django.db import migrations


def keep_rows(apps, schema_editor):
    result, row = (apps.get_model("checklists", name) for name in ("ParityResult", "RowDifference"))
    known = row.objects.values("attempt")
    attempts = result.objects.exclude(attempt__in=known).values_list("attempt", flat=True).distinct()
    for attempt in list(attempts.order_by("attempt")):
        told = (
            (one.table, example)
            for one in result.objects.filter(attempt=attempt).order_by("equal", "-differing", "table")
            for example in one.examples
            if isinstance(example, dict) and example.get("kind") in ("changed", "missing", "extra")
        )
        row.objects.bulk_create(_row(row, attempt, n, *one) for n, one in enumerate(told, 1))


def _row(model, attempt, number, table, example):
    key = [[name, value] for name, value in example.get("key", {}).items()]
    columns = [[name, *pair] for name, pair in example.get("columns", {}).items()]
    texts = [str(value) for _, *values in key + columns for value in values if value]
    return model(
        attempt_id=attempt, number=number, table=table, kind=example["kind"], key=key, columns=columns,
        names=[name for name, *_ in columns] if example["kind"] == "changed" else [], text="\n".join(texts),
    )


class Migration(migrations.Migration):
    dependencies = [("checklists", "0004_comparisons_while_they_run")]

    operations = [migrations.RunPython(keep_rows, migrations.RunPython.noop)]
