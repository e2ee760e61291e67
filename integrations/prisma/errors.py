"""Explains Prisma's errors: what it said, what that means, and which item of the runbook helps."""

from __future__ import annotations

import re

from integrations.errors import Problem, Unreachable
from integrations.prisma.cli_messages import ESCAPES, find_sqlstate, read_message
from integrations.prisma.error_explanations import (
    ADVICE_BY_STATE,
    EXPLANATIONS,
    EXPLANATIONS_BY_TEXT,
    POOLER,
    ErrorExplanation,
)

__all__ = [
    "ESCAPES",
    "MigrationProblem",
    "explain_failure",
    "find_error_code",
    "find_migration_name",
    "format_rollback_command",
]

CODE = re.compile(r"\b(P\d{4})\b")
#: With a driver adapter Prisma prints some errors without their code, but with the same message.
PATTERNS_WITHOUT_CODE = {
    "P1000": re.compile(r"Authentication failed against database server"),
    "P1001": re.compile(r"Can't reach database server"),
    "P1003": re.compile(r"Database `[^`]*` does not exist"),
    "P3018": re.compile(r"apply_migration.*with migration_name=", re.DOTALL),
}
MIGRATION_NAME = re.compile(
    r"""Migration name: (\S+)|with migration_name="([^"]+)"|[Tt]he `([^`]+)` migration"""
    r"|migration `?(\d{14}_\w+)`?"
)
#: A variable that schema or configuration names and that is not set, and the line where it does.
MISSING_VARIABLE = re.compile(
    r"Environment variable not found: (\w+)|Missing required environment variable: (\w+)"
)
SCHEMA_LINE = re.compile(r"-->\s+(\S+?):(\d+)")


def find_error_code(output: str) -> str:
    """Returns the error code that the output has or means; empty for none."""
    found = CODE.search(output)
    if found:
        return found[1]
    return next((code for code, pattern in PATTERNS_WITHOUT_CODE.items() if pattern.search(output)), "")


def format_rollback_command(migration: str, *, engine: str) -> str:
    """Returns the command by which a person marks a failed migration as rolled back.

    With a driver adapter ``resolve --rolled-back`` requires the native engine (seen in 6.19.3), so the
    statement that it would run is returned instead.
    """
    if engine == "native":
        return f"`prisma migrate resolve --rolled-back {migration}`"
    return (
        "`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL "  # noqa: S608 - words
        f"AND migration_name = '{migration}';`"
    )


def explain_failure(output: str, *, command: str, exit_code: int, engine: str = "native") -> Problem:
    """Returns the problem that a failed command's output reports.

    ``output`` has to be masked already: the database's own message becomes part of the text, cut to length.
    ``engine`` is ``native`` or ``adapter``.
    """
    output = ESCAPES.sub("", output)
    if missing := MISSING_VARIABLE.search(output):
        return _explain_missing_variable(next(filter(None, missing.groups())), output)
    by_code = None if re.search(POOLER, output) else EXPLANATIONS.get(find_error_code(output))
    explanation = by_code or _find_by_text(output)
    if explanation is None:
        return _explain_unknown(output, command, exit_code)
    return _explain_known(explanation, output, engine)


class MigrationProblem(Problem):
    """A migration that failed in the database; ``advice`` helps against its cause ("": not known)."""

    def __init__(self, what: str, *, means: str = "", next: str = "", advice: str = "") -> None:
        super().__init__(what, means=means, next=next)
        self.advice = advice


def _find_by_text(output: str) -> ErrorExplanation | None:
    return next((known for text, known in EXPLANATIONS_BY_TEXT if re.search(text, output)), None)


def _explain_known(explanation: ErrorExplanation, output: str, engine: str) -> Problem:
    name = find_migration_name(output)
    values = {
        "name": f"({name}) " if name else "",
        "target": name or "NAME",
        "rollback": format_rollback_command(name or "NAME", engine=engine),
    }
    said = f" Prisma says: {message}." if (message := read_message(output)) else ""
    what, means = f"{explanation.what.format(**values)}{said}", explanation.means.format(**values)
    state = find_sqlstate(output)
    if explanation is EXPLANATIONS["P3018"]:
        advice = next((text for states, text in ADVICE_BY_STATE if state.startswith(states)), "")
        advice = advice.format(**values) if state else ""
        return MigrationProblem(
            what, means=means, next=advice or explanation.next.format(**values), advice=advice
        )
    kind = Unreachable if explanation.unreachable else Problem
    return kind(what, means=means, next=explanation.next.format(**values))


def _explain_missing_variable(name: str, output: str) -> Problem:
    place = SCHEMA_LINE.search(output)
    where = f" ({place[1]}, line {place[2]})" if place else ""
    return Problem(
        f"Prisma needs the variable {name}, which is not set{where}.",
        means="The panel sets the variables of the datasource's addresses only. Nothing was changed.",
        next=f"Set {name} in the project's .env. With a prisma.config file the CLI reads no .env by itself: "
        "import dotenv/config there.",
    )


def find_migration_name(output: str) -> str:
    """Returns the migration that Prisma's error names; empty for none."""
    found = MIGRATION_NAME.search(output)
    return next((group for group in found.groups() if group), "") if found else ""


def _explain_unknown(output: str, command: str, exit_code: int) -> Problem:
    if "RuntimeError: unreachable" in output or "panicked" in output:
        return Problem(
            f"Prisma's own engine crashed during “{command}”. It said: {read_message(output) or 'nothing'}.",
            means="It met something in this database that it does not know (PostgreSQL 18's NOT NULL "
            "constraints do that to Prisma 6). What a deploy applied before is not known from this.",
            next="Look with the Status item. Use a Prisma version that knows this PostgreSQL, or the cure in "
            "prisma.config.ts.",
        )
    if re.search(r"env: .?node.?: No such file|node: (command )?not found", output):
        return Problem(
            "Node.js is not installed where the worker runs.",
            means="Prisma is a Node.js program: none of its items can run. Nothing was changed.",
            next="Install Node.js 20 or later (Debian: apt-get install nodejs npm).",
        )
    if "datasource.url property is required" in output:
        return Problem(
            "The project's prisma.config has no address of the database: the datasource.url property is "
            "required, Prisma says.",
            means="Prisma 7 takes the address from there alone. Nothing was changed.",
            next='Add datasource: { url: env("DATABASE_URL") } to it; the panel sets that variable.',
        )
    said = read_message(output) or "nothing"
    code = find_error_code(output)
    return Problem(
        f"“{command}” ended with code {exit_code}{f' ({code})' if code else ''}. It said: {said}",
        means="Prisma did not carry out the command.",
        next="Read the log of this attempt; the Status item shows what is in the database now.",
    )
