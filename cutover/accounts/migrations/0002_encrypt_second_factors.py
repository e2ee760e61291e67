"""Encrypts the second-factor secrets that earlier versions stored in clear text."""

from django.db import migrations

from checklists.services.second_factors import decrypt_secret, encrypt_secret

FIELDS = ("secret", "seed", "migrated_codes")


def encrypt(apps, schema_editor):
    for row in apps.get_model("mfa", "Authenticator").objects.order_by("pk"):
        for name in FIELDS:
            if isinstance(row.data.get(name), str):
                row.data[name] = encrypt_secret(decrypt_secret(row.data[name]))
            elif isinstance(row.data.get(name), list):
                row.data[name] = [encrypt_secret(decrypt_secret(each)) for each in row.data[name]]
        row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(encrypt, migrations.RunPython.noop)]
