"""Messages of a server without values of rows: people who may not see personal values read them too."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

#: The messages of these name tables, files, states and limits, never values: lost connections,
#: read-only transactions, roles, conflicts, resources, locks, cancels, files, old snapshots; a missing
#: privilege; a corrupt page.
WITHOUT_VALUES = ("08", "25", "28", "40", "53", "55", "57", "58", "72", "42501", "XX001", "XX002")
#: Functions raise these with any text, and may put values into it without quotes.
FREE_TEXT = ("P0", "38", "39")
#: These messages name bytes of a character, and encodings in quotes.
BYTE_SEQUENCES = ("22P05", "22021")

GAP = "…"
#: Greedy, up to the last quote: a value may itself contain quotes.
QUOTED = re.compile(r"""["“”„«»‹›'‘’‚].*["“”„«»‹›'‘’‚]""", re.DOTALL)
NUMBER = re.compile(r"(?<![\w(,.])-?\d+(?:[.,]\d+)*(?!\w)")  # but not the length in varchar(20)
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+(?: 0x[0-9a-fA-F]+)*")


def safe_message(error: psycopg.Error) -> str:
    """The server's message without anything that may be a value; the SQLSTATE is added where it was cut.

    Detail, hint and context are left out, because all three may contain values.
    """
    message = error.diag.message_primary or str(error).partition("\n")[0]
    state = error.sqlstate or ""
    # With a position in the query, a name in quotes is one of the query and not a value.
    names_only = state.startswith("42") and error.diag.statement_position
    if names_only or state.startswith(WITHOUT_VALUES):
        return message
    if state.startswith(FREE_TEXT):
        return f"a function of the database raised an error, whose words may hold values (SQLSTATE {state})"
    masked = HEXADECIMAL.sub(GAP, message)
    if state not in BYTE_SEQUENCES:
        masked = NUMBER.sub(GAP, QUOTED.sub(GAP, masked))
    return masked if masked == message else f"{masked} (SQLSTATE {state or 'unknown'})"


def name_grant(error: psycopg.Error) -> str:
    """What to grant where a privilege is missing, to be put behind the message; empty for other errors."""
    if not isinstance(error, errors.InsufficientPrivilege) or HIDES_ROWS in str(error):
        return ""
    found = DENIED.search(error.diag.message_primary or "")
    grant = f"{GRANTS[found[1]]} {found[2]}" if found and found[1] in GRANTS else "SELECT"
    return f"; grant {grant} to the role that compares"


def explain_read_failure(error: psycopg.Error) -> str:
    """Why a table could not be read, and what helps."""
    reason = next((text for kind, text in REASONS.items() if isinstance(error, kind)), OTHER_REASON)
    if HIDES_ROWS in str(error):
        reason = HIDDEN_ROWS
    if isinstance(error, errors.FeatureNotSupported) and "recovery" in str(error):
        reason = UNLOGGED_ON_STANDBY
    return ". ".join([reason.format(safe_message(error)) + name_grant(error), *notes_of(error)])


def notes_of(error: BaseException) -> list[str]:
    """What a connection noted about an error (`BaseException.add_note`), as who holds a lock."""
    return list(getattr(error, "__notes__", ()))


#: What a message says is denied → what to grant.
GRANTS = {
    "table": "SELECT on table",
    "view": "SELECT on table",
    "materialized view": "SELECT on table",
    "foreign table": "SELECT on table",
    "sequence": "SELECT on sequence",
    "large object": "SELECT on large object",
    "schema": "USAGE on schema",
    "function": "EXECUTE on function",
    "foreign server": "USAGE on foreign server",
}
DENIED = re.compile(r"^permission denied for ([a-z ]+?) (\S.*)$")
HIDES_ROWS = "row-level security"  # of a message: the right is there, and a policy leaves rows out
HIDDEN_ROWS = "it could not be read: {}; compare with a role that has BYPASSRLS, or owns the table"
UNLOGGED_ON_STANDBY = (
    "it could not be read: {}; a standby has no rows of unlogged tables: compare the primary"
)
OTHER_REASON = "it could not be read: {}"
#: The first entry that fits applies.
REASONS: dict[type[psycopg.Error], str] = {
    errors.CharacterNotInRepertoire: "not all rows that differ could be counted or named: {}; the bytes of a"
    " key are no UTF-8 (in SQL_ASCII they may be anything)",
    errors.LockNotAvailable: "it could not be read: another session holds a lock on it (a migration?)",
    errors.UndefinedColumn: "it changed while the comparison ran: {}; compare again",
    errors.UndefinedTable: "it changed while the comparison ran: {}; compare again",
    errors.SnapshotTooOld: "its rows of then are gone: {}; raise old_snapshot_threshold there, or"
    " compare at a quieter time",
    errors.QueryCanceled: "it was stopped: {}; where it was too slow, allow statements more time",
}
