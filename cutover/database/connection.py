"""Lets Django's connection be the owner's for the duration of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

#: What decides who a connection is; the name of the database stays (tests have their own).
IDENTITY = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")

NO_OWNER = (
    "DATABASE_OWNER_URL is not set. The tables belong to an owner role, as which only this command connects; "
    "the panel itself connects as the role of DATABASE_URL, which owns nothing.\n"
    "Set DATABASE_OWNER_URL to the same database with the owner's name and password, for this command only. "
    "docs/how-to/production.md says how to make both roles, docs/how-to/upgrade.md how to convert a panel "
    "that had one."
)


@contextmanager
def as_owner() -> Iterator[None]:
    """Django's connection is the owner role's. Raises `CommandError` when the settings name no owner."""
    owner = settings.DATABASE_OWNER
    if owner is None:
        raise CommandError(NO_OWNER)
    usual = {name: connection.settings_dict.get(name) for name in IDENTITY}
    connection.close()
    connection.settings_dict.update({name: owner.get(name, "") for name in IDENTITY})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(usual)
