"""Write access of a stack's database login: whether it can write now, and who has sessions under it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors

from integrations.clients import postgres
from integrations.clients.lock_waits import LockNotFree
from integrations.errors import Problem
from integrations.writes import write_proof

LOCK_WAIT = 5.0  # seconds that a test write waits for a lock
#: A write that gets one of these is refused. A lock or a time limit is no refusal.
REFUSALS = (errors.ReadOnlySqlTransaction.sqlstate, errors.InsufficientPrivilege.sqlstate)
# The panel's own sessions of that login are named “cutover…” and do not count.
SESSIONS = """
select coalesce((select rolcanlogin from pg_roles where rolname = %(role)s), false),
  (select count(*) from pg_stat_activity where usename = %(role)s and datname = current_database()
   and application_name !~ '^cutover')
"""


@dataclass(frozen=True)
class WriteAccess:
    """What was observed of a login.

    ``can_write`` is None when it is not known. ``sessions`` is the number of other sessions under the login,
    None when it is not known.
    """

    can_write: bool | None
    reason: str
    sessions: int | None


def probe_write_access(url: str, other_url: str, attempt: str) -> WriteAccess:
    """Tries a write with the login of ``url`` and rolls it back.

    ``other_url`` is another login to the same database; it looks where the first gets no connection. What
    the database refuses becomes the result and is not raised.
    """
    role = postgres.connection_settings(url).get("user", "")
    try:
        with postgres.explain_errors(url):
            proof = write_proof.try_write(url, attempt, lock_wait=LOCK_WAIT)
    except LockNotFree as problem:
        found = _read_sessions(url, role, attempt)
        return WriteAccess(None, problem.what, found[1] if found else None)
    except Problem as problem:
        return _explain_refused_login(role, other_url, attempt, problem.means or problem.what)
    found = _read_sessions(url, role, attempt)
    sessions = found[1] if found else None
    if proof.accepted:
        return WriteAccess(True, "a test write of its login was accepted (and rolled back)", sessions)
    answer = proof.message
    if proof.sqlstate in REFUSALS:
        return WriteAccess(False, f"its login is refused: {answer}", sessions)
    return WriteAccess(None, f"a test write of its login failed, which is no refusal: {answer}", sessions)


def _explain_refused_login(role: str, other_url: str, attempt: str, reason: str) -> WriteAccess:
    """Tells a login that is locked for everybody from one that only we cannot use, e.g. a wrong password."""
    found = _read_sessions(other_url, role, attempt)
    if found is None or found[0]:
        return WriteAccess(
            None, f"its login gets no connection here, which proves nothing of its own: {reason}", None
        )
    if found[1]:
        left = f"{found[1]} session(s) that it opened before are still there"
        return WriteAccess(True, f"its login is locked, but {left}", found[1])
    return WriteAccess(False, f"its login gets no connection: {reason}", 0)


def _read_sessions(url: str, role: str, attempt: str) -> tuple[bool, int] | None:
    """Returns whether the role may log in and how many sessions it has; None when this login cannot tell."""
    try:
        with postgres.connect(url, attempt=attempt, readonly=True) as connection:
            row = connection.execute(SESSIONS, {"role": role}).fetchone()
    except (Problem, psycopg.Error):
        return None
    return (bool(row[0]), int(row[1])) if row else None
