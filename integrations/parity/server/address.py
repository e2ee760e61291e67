"""Reads the address of a database; what cannot be read is refused without any part of it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo

from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import is_torn_by_password


def read_address(url: str) -> dict[str, Any]:
    """The settings in a PostgreSQL URL by libpq's names. Raises `ParityError`."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise ParityError("The address of the database cannot be read: it is no PostgreSQL URL.") from None
    if is_torn_by_password(url):
        raise ParityError(
            "The address of the database cannot be read: often a sign in the password is not "
            "percent-encoded.",
            next="In a password, write @ as %40, / as %2F, # as %23 and ? as %3F.",
        )
    return parts
