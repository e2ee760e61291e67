"""Whether a stack's database login can write now, and whether anything of that stack holds a session."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors

from integrations.clients import freeze, postgres
from integrations.errors import Problem

#: what PostgreSQL says when it refuses a write for good; a lock or a time limit is no refusal
REFUSALS = (errors.ReadOnlySqlTransaction.sqlstate, errors.InsufficientPrivilege.sqlstate)
# our own sessions of that login are named “cutover…”, and are nobody's program
SESSIONS = """
select coalesce((select rolcanlogin from pg_roles where rolname = %(role)s), false),
  (select count(*) from pg_stat_activity where usename = %(role)s and datname = current_database()
   and application_name !~ '^cutover')
"""


@dataclass(frozen=True)
class Ability:
    """``may``: whether a write of the login would be taken, None when that cannot be told; ``why``: what was
    seen; ``sessions``: how many others are open under it, None when nobody could look."""

    may: bool | None
    why: str
    sessions: int | None


def ability(url: str, beside: str, attempt: str) -> Ability:
    """Tries a write with the login of ``url`` and takes it back; ``beside`` is another login to the same
    database, which looks where the first gets no connection. Raises nothing of the database's."""
    role = postgres.settings(url).get("user", "")
    try:
        with postgres.in_words(url):
            proof = freeze.try_write(url, attempt)
    except Problem as problem:
        return _kept_out(role, beside, attempt, problem.means or problem.what)
    found = _look(url, role, attempt)
    sessions = found[1] if found else None
    if proof.accepted:
        return Ability(True, "a test write of its login was accepted (and rolled back)", sessions)
    said = f"{proof.sqlstate} {proof.message}".strip()
    if proof.sqlstate in REFUSALS:
        return Ability(False, f"its login is refused: {said}", sessions)
    return Ability(None, f"a test write of its login failed, which is no refusal: {said}", sessions)


def _kept_out(role: str, beside: str, attempt: str, why: str) -> Ability:
    """A login that we cannot use: locked for everybody, or only wrong or full where we are."""
    found = _look(beside, role, attempt)
    if found is None or found[0]:
        return Ability(
            None, f"its login gets no connection here, which proves nothing of its own: {why}", None
        )
    if found[1]:
        left = f"{found[1]} session(s) that it opened before are still there"
        return Ability(True, f"its login is locked, but {left}", found[1])
    return Ability(False, f"its login gets no connection: {why}", 0)


def _look(url: str, role: str, attempt: str) -> tuple[bool, int] | None:
    """Whether the role may log in, and its sessions; None when this login cannot look."""
    try:
        with postgres.connect(url, attempt=attempt, readonly=True) as connection:
            row = connection.execute(SESSIONS, {"role": role}).fetchone()
    except (Problem, psycopg.Error):
        return None
    return (bool(row[0]), int(row[1])) if row else None
