"""What it means that a server ended a session or its snapshot."""

from __future__ import annotations

from typing import Any

import psycopg

from integrations.parity.errors import ServerUnreachable


class RecoveryConflict(ServerUnreachable):
    """A hot standby ended the snapshot because it conflicted with changes of the primary."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The standby {address} ended the snapshot that was compared, to keep up with its primary.",
            means="The primary removed row versions, or locked tables, that the snapshot still needed"
            " (recovery conflict, SQLSTATE 40001); what was being read has no result.",
            next="Compare with the primary; or, on the standby, raise max_standby_streaming_delay (and"
            " max_standby_archive_delay) to the length of a comparison, or turn hot_standby_feedback on.",
        )


def ends_session(error: psycopg.Error, connection: psycopg.Connection[tuple[Any, ...]]) -> bool:
    """Whether the session is over with this error.

    The server says FATAL before it closes the connection, which may look open until somebody uses it again.
    """
    return connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def explain_lost_connection(
    error: psycopg.Error, connection: psycopg.Connection[tuple[Any, ...]], address: str
) -> Exception:
    """The error to raise instead: a timeout stays as it is, because the caller knows the table."""
    if isinstance(error, psycopg.errors.SerializationFailure):  # a reader meets it on standbys only
        return RecoveryConflict(address)
    if not ends_session(error, connection):
        return error
    return ServerUnreachable(
        f"The connection to {address} was lost during the comparison.",
        means="Nothing was changed there; what was being read has no result yet.",
        next="See whether that server is up, then compare again.",
    )
