"""Secrets of authenticator apps and recovery codes, encrypted in the database."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from integrations.credentials import Credentials

PREFIX = "fernet:"
SECRET_FIELDS = ("secret", "seed", "migrated_codes")


def encrypt_secret(text: str) -> str:
    """The secret as it is stored, under the newest key. Raises `Problem` when there are no keys."""
    return PREFIX + Credentials().encrypt(text.encode()).decode()


def decrypt_secret(stored: str) -> str:
    """The secret; one without the prefix was stored in clear text by an earlier version.

    Raises `Problem` when none of the keys decrypts it.
    """
    if not stored.startswith(PREFIX):
        return stored
    return Credentials().decrypt(stored.removeprefix(PREFIX).encode()).decode()


@transaction.atomic
def reencrypt_second_factors() -> int:
    """Encrypts every stored secret under the newest key, also those in clear text; gives how many changed.

    Raises `Problem` when one cannot be decrypted; then none is changed.
    """
    changed = 0
    for authenticator in Authenticator.objects.select_for_update().order_by("pk"):
        data = {
            name: _reencrypt(value) if name in SECRET_FIELDS else value
            for name, value in authenticator.data.items()
        }
        if data != authenticator.data:
            authenticator.data = data
            authenticator.save(update_fields=["data"])
            changed += 1
    return changed


def _reencrypt(value: Any) -> Any:
    if isinstance(value, list):
        return [_reencrypt(each) for each in value]
    if value.startswith(PREFIX):
        token = value.removeprefix(PREFIX).encode()
        if Credentials().is_under_newest_key(token):
            return value
    return encrypt_secret(decrypt_secret(value))
