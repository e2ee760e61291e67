"""Why a server did not answer, in words that hold no value of a row: who only watches reads them, too."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

#: What the server says of these has names of tables and files, states and limits in it, never values:
#: lost connections, read-only, roles, conflicts, resources, locks, cancels, files, old snapshots; a
#: privilege; a corrupt page.
PLAIN = ("08", "25", "28", "40", "53", "55", "57", "58", "72", "42501", "XX001", "XX002")
#: Functions raise these with any words, and put values into them without quotes.
ANYTHING = ("P0", "38", "39")
#: Bytes of a character are told, and in quotes the names of encodings.
BYTES = ("22P05", "22021")

GAP = "…"
QUOTED = re.compile(r"""["“”„«»‹›'‘’‚].*["“”„«»‹›'‘’‚]""", re.DOTALL)  # to the last: a value may hold quotes
NUMBER = re.compile(r"(?<![\w(,.])-?\d+(?:[.,]\d+)*(?!\w)")  # not those of a type, as in varchar(20)
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+(?: 0x[0-9a-fA-F]+)*")


def refusal(error: psycopg.Error) -> str:
    """What the server said, without what may be a value of a row: then its SQLSTATE tells the rest.

    Detail, hint and context are never in it; values stand in all three.
    """
    said, state = error.diag.message_primary or str(error).partition("\n")[0], error.sqlstate or ""
    names = state.startswith("42") and error.diag.statement_position  # of the question, not of a row
    if names or state.startswith(PLAIN):
        return said
    if state.startswith(ANYTHING):
        return f"a function of the database raised an error, whose words may hold values (SQLSTATE {state})"
    bare = HEXADECIMAL.sub(GAP, said)
    if state not in BYTES:
        bare = NUMBER.sub(GAP, QUOTED.sub(GAP, bare))
    return bare if bare == said else f"{bare} (SQLSTATE {state or 'unknown'})"


def why_unread(error: psycopg.Error) -> str:
    """Why a table could not be read, and what helps."""
    known = next((text for kind, text in REASONS.items() if isinstance(error, kind)), UNKNOWN)
    return known.format(refusal(error))


UNKNOWN = "it could not be read: {}"
#: the first that fits
REASONS: dict[type[psycopg.Error], str] = {
    errors.InsufficientPrivilege: "it could not be read: {}; grant SELECT to the role that compares",
    errors.LockNotAvailable: "it could not be read: another session holds a lock on it (a migration?)",
    errors.UndefinedColumn: "it changed while the comparison ran: {}; compare again",
    errors.UndefinedTable: "it changed while the comparison ran: {}; compare again",
    errors.SnapshotTooOld: "its rows of then are gone: {}; raise old_snapshot_threshold there, or"
    " compare at a quieter time",
    errors.QueryCanceled: "it was stopped: {}; where it was too slow, allow statements more time",
}
