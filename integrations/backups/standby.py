"""Refuses to take a reference copy from a standby, which is behind its primary."""

from __future__ import annotations

from integrations.clients import postgres
from integrations.errors import Problem
from integrations.parity.server.standby import Connection, read_standby


def refuse_standby(connection: Connection, url: str, what: str) -> None:
    """Raises `Problem` when the connection leads to a standby. ``what`` is a noun: “backup”."""
    standby = read_standby(connection)
    if standby is None:
        return
    primary = f"the primary, {standby.primary}" if standby.primary else "the primary"
    raise Problem(
        f"{postgres.address(url)} is {standby.description}.",
        means=f"A {what} of it would lack what it has not replayed of its primary. None was taken.",
        next=f"Give the system the address of {primary} (SELECT pg_is_in_recovery() is false there).",
    )
