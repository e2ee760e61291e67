"""The addresses among the settings: one that a sign in its password has torn is refused before its use."""

from __future__ import annotations

import re

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from integrations.torn_address import is_torn_address

ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def refuse_wrong_addresses(env: Env) -> None:
    """Raises ImproperlyConfigured. No part of the address is repeated: any may belong to the password."""
    for name in ADDRESSES:
        if is_torn_address(env.str(name, default="")):
            raise ImproperlyConfigured(
                f"{name} cannot be read: often a sign in the password is not percent-encoded. "
                "In a password, write @ as %40, / as %2F, # as %23 and ? as %3F."
            )
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        database = env.str(name, default="")
        if database and not re.fullmatch(r"postgres(ql)?://[^/]*/[^/?]+(\?.*)?", database):
            raise ImproperlyConfigured(
                f"{name} must be the address of a PostgreSQL database: "
                "postgresql://user:password@host:5432/cutover"
            )
