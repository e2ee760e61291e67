"""Prisma's error codes in words: what happened, what it means, and which item of the runbook helps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from integrations.errors import Problem, Unreachable

CODE = re.compile(r"\b(P\d{4})\b")
#: With a driver adapter Prisma prints some errors without their code; the words are the same ones.
UNNUMBERED = {
    "P1000": re.compile(r"Authentication failed against database server"),
    "P1001": re.compile(r"Can't reach database server"),
    "P1003": re.compile(r"Database `[^`]*` does not exist"),
    "P3018": re.compile(r"apply_migration.*with migration_name=", re.DOTALL),
}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
NAMED = re.compile(
    r"""Migration name: (\S+)|with migration_name="([^"]+)"|[Tt]he `([^`]+)` migration"""
    r"|migration `?(\d{14}_\w+)`?"
)
#: The database's own words: of the native engine, and of one with a driver adapter.
SAID = re.compile(
    r"(?:Database error:\s*\n|external connector error\s*\n\s*(?:Error querying the database: )?)"
    r"(.+?)(?:\n\s*\n|\n\s+0: |\Z)",
    re.DOTALL,
)
LONGEST = 600  # characters of Prisma's own words in a sentence


@dataclass(frozen=True)
class Words:
    """Three sentences for one code; ``{name}`` is the migration that Prisma names."""

    what: str
    means: str
    next: str
    unreachable: bool = False


CODES = {
    "P1000": Words(
        "The database refused the login (P1000).",
        "User or password in the database address are wrong. Nothing was changed.",
        "Correct the DATABASE_URL of this system and start the item again.",
        unreachable=True,
    ),
    "P1001": Words(
        "The database did not answer (P1001).",
        "Its server is down, its host or port is wrong, or the network is closed. Nothing was changed.",
        "Check that the server runs and can be reached from the worker, then start the item again.",
        unreachable=True,
    ),
    "P1002": Words(
        "The database answered too late (P1002).",
        "Mostly another session holds Prisma's migration lock (72707369): a deploy that still runs, or "
        "the connection that a killed one left behind. Nothing was changed.",
        "Look who holds it (the Status item says so), wait for it or end that session, then start again.",
        unreachable=True,
    ),
    "P1003": Words(
        "The database in the address does not exist (P1003).",
        "The server answers, but has no database of that name. Nothing was changed.",
        "Correct the database name in the address of this system and start the item again.",
        unreachable=True,
    ),
    "P1010": Words(
        "The database user may not do this (P1010).",
        "It lacks a privilege on the database or the schema.",
        "Use the role that owns the tables (the migrator) in the address of this system.",
    ),
    "P1012": Words(
        "Prisma does not accept its schema file (P1012).",
        "The file has a mistake, or was written for another version of Prisma. Nothing was changed.",
        "Correct the schema in the project, or use the Prisma version that it was written for.",
    ),
    "P3005": Words(
        "Prisma refuses a database that is not empty and has no migration table (P3005).",
        "It stopped before it changed anything. The tables are there already, so the first migration "
        "has to be marked as applied.",
        "Run the Baseline item (prisma.baseline) first, then this one again.",
    ),
    "P3008": Words(
        "The migration is recorded as applied already (P3008).",
        "Nothing was changed, and nothing is missing.",
        "Go on with the Deploy item.",
    ),
    "P3009": Words(
        "An earlier migration {name}failed, and Prisma applies nothing new on top of it (P3009).",
        "Nothing was changed now. The row of that migration in _prisma_migrations has no end.",
        "Look with the Status item what it left. If nothing of it is there: "
        "{take_back}, correct the cause, and start this item again. "
        "If all of it is there: `prisma migrate resolve --applied {target}`.",
    ),
    "P3017": Words(
        "The migration {name}is not in the project (P3017).",
        "The name is written wrong, or the project is of another release. Nothing was changed.",
        "Compare the name with the folders in prisma/migrations.",
    ),
    "P3018": Words(
        "A migration {name}failed in the database (P3018).",
        "The migrations before it are applied, and Prisma refuses all others until this one is resolved. Its "
        "native engine runs a file as one transaction and keeps nothing of this one; a driver adapter may "
        "run each statement by itself and keep those before the failing one: look with the Drift item.",
        "Read the database's error, correct its cause, then {take_back} "
        "and start this item again; or go back with the item that restores the backup.",
    ),
}


def code_of(output: str) -> str:
    """The error code that the output holds or speaks of, or an empty string."""
    found = CODE.search(output)
    if found:
        return found[1]
    return next((code for code, words in UNNUMBERED.items() if words.search(output)), "")


def take_back(migration: str, *, way: str) -> str:
    """How a person marks a failed migration as rolled back.

    With a driver adapter ``resolve --rolled-back`` asks for the native engine (seen in 6.19.3), so the
    statement that it would run is given instead.
    """
    if way == "native":
        return f"`prisma migrate resolve --rolled-back {migration}`"
    return (
        "`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL "  # noqa: S608 - words
        f"AND migration_name = '{migration}';`"
    )


def explain(output: str, *, command: str, exit_code: int, way: str = "native") -> Problem:
    """The problem that a failed command's output tells of, in words, without any secret.

    ``output`` has to be masked already; the database's own error is kept in it, cut to length.
    """
    output = ESCAPES.sub("", output)
    words = CODES.get(code_of(output))
    if words is None:
        return _unknown(output, command, exit_code)
    name = migration_named(output)
    filled = {
        "name": f"({name}) " if name else "",
        "target": name or "NAME",
        "take_back": take_back(name or "NAME", way=way),
    }
    what = words.what.format(**filled)
    detail = _database_error(output)
    kind = Unreachable if words.unreachable else Problem
    return kind(
        f"{what} {detail}".strip(), means=words.means.format(**filled), next=words.next.format(**filled)
    )


def migration_named(output: str) -> str:
    """The migration that Prisma's error speaks of, or an empty string."""
    found = NAMED.search(output)
    return next((group for group in found.groups() if group), "") if found else ""


def _database_error(output: str) -> str:
    found = SAID.search(output)
    return f"The database says: {' '.join(found[1].split())[:LONGEST].rstrip(' :.')}." if found else ""


def _unknown(output: str, command: str, exit_code: int) -> Problem:
    if "RuntimeError: unreachable" in output or "panicked" in output:
        return Problem(
            f"Prisma's own engine crashed during “{command}”.",
            means="It met something in this database that it does not know (PostgreSQL 18's NOT NULL "
            "constraints do that to Prisma 6). It only reads at that point: nothing was changed.",
            next="Use a Prisma version that knows this PostgreSQL, or the cure in prisma.config.ts.",
        )
    if re.search(r"env: .?node.?: No such file|node: (command )?not found", output):
        return Problem(
            "Node.js is not installed where the worker runs.",
            means="Prisma is a Node.js program: none of its items can run. Nothing was changed.",
            next="Install Node.js 20 or later (Debian: apt-get install nodejs npm).",
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(Error|.*ERR_|.*error:)", line)] or lines[-3:]
    said = " ".join(errors)[:LONGEST] or "nothing"
    code = code_of(output)
    return Problem(
        f"“{command}” ended with code {exit_code}{f' ({code})' if code else ''}. It said: {said}",
        means="Prisma did not do what was asked of it.",
        next="Read the log of this attempt; the Status item shows what is in the database now.",
    )
