"""Verifications of before become rows, so that one that failed revokes “verified” of an earlier one."""

from django.db import migrations

#: In the order in which they were made: the trigger lets the latest decide.
KEEP = """
    INSERT INTO checklists_backupverification (backup_id, attempt_id, equal, at, seconds, reason)
    SELECT b.id, e.attempt_id, (e.facts -> 'verified' ->> 'equal')::boolean, e.observed_at,
           (e.facts -> 'verified' ->> 'seconds')::float8,
           coalesce(e.facts -> 'verified' -> 'problems' ->> 0, '')
    FROM checklists_evidence e
    JOIN checklists_attempt a ON a.id = e.attempt_id
    JOIN checklists_backup b ON b.cutover_id = a.cutover_id AND b.sha256 = e.facts -> 'verified' ->> 'sha256'
    WHERE jsonb_typeof(e.facts -> 'verified' -> 'equal') = 'boolean'
      AND (e.facts -> 'verified' ->> 'seconds' IS NOT NULL OR NOT (e.facts -> 'verified' ->> 'equal')::boolean)
      AND NOT EXISTS (SELECT 1 FROM checklists_backupverification v WHERE v.attempt_id = e.attempt_id)
    ORDER BY e.observed_at, e.id
"""


def keep_verifications(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(KEEP)


class Migration(migrations.Migration):
    dependencies = [("checklists", "0010_backup_verifications")]

    operations = [migrations.RunPython(keep_verifications, migrations.RunPython.noop)]
