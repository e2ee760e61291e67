"""Proves by a lock that a session of the CLI is in the very database that the panel is connected to.

A project with a driver adapter connects by code of its own: what the CLI prints about its datasource says
nothing about it. So the panel holds an advisory lock with a random number, and the CLI runs a statement that
looks for this lock. Only sessions in the same database of the same server can see it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from integrations.clients import postgres
from integrations.errors import Problem

LARGEST_KEY = 2**31
#: The statement only reads, and ends with an error, so that the CLI prints what it found.
STATEMENT = """DO $$
DECLARE found boolean;
BEGIN
  SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {first} AND objid = {second}
    AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) INTO found;
  RAISE EXCEPTION 'session-proof found=% at=%:%/% lock_timeout=% schema=%.', found,
    coalesce(host(inet_server_addr()), 'local'), coalesce(inet_server_port(), 0), current_database(),
    current_setting('lock_timeout'), coalesce(current_schema(), 'none');
END $$
"""
ANSWER = re.compile(
    r"session-proof found=(?P<found>\w+) at=(?P<at>\S+) lock_timeout=(?P<lock_timeout>\S+) "
    r"schema=(?P<schema>[^\n]*?)\.(?:\s|$)"
)


@dataclass(frozen=True)
class SessionProof:
    """The statement that the CLI has to run, and what to make of its answer."""

    statement: str
    url: str
    schema: str  # the one that names without a schema mean, in the panel's session

    def is_answered(self, output: str) -> bool:
        """Whether the statement was executed."""
        return ANSWER.search(output) is not None

    def refuse_other_database(self, output: str, *, config: str) -> None:
        """Raises `Problem` unless the output proves that the CLI's session saw the lock."""
        answer = ANSWER.search(output)
        if answer and answer["found"] in {"t", "true"} and answer["schema"] == self.schema:
            return
        place = f"{answer['at']}, schema {answer['schema']}" if answer else "an unknown database"
        raise Problem(
            f"Prisma works in {place}, and the panel checked {postgres.address(self.url)}, "
            f"schema {self.schema}.",
            means=f"The driver adapter in {config} takes its address from elsewhere. Nothing was changed.",
            next="Let the adapter take its address from DATABASE_URL, which the panel sets; or correct "
            "database: of the system.",
        )

    def refuse_endless_waits(self, output: str, *, config: str) -> None:
        """Raises `Problem` when the CLI's session would wait for a lock without limit."""
        answer = ANSWER.search(output)
        if answer and answer["lock_timeout"] != "0":
            return
        raise Problem(
            "Prisma's sessions have no lock_timeout.",
            means=f"The driver adapter in {config} leaves out the options of DATABASE_URL. A migration that "
            "waits for a lock would make everybody else wait, without end. Nothing was changed.",
            next="Give the adapter the whole address (connectionString: process.env.DATABASE_URL), or ALTER "
            "ROLE … SET lock_timeout = '8s' for the role that migrates.",
        )


@contextmanager
def hold_session_proof(url: str, attempt: str) -> Iterator[SessionProof]:
    """Holds the lock while the block runs."""
    first, second = secrets.randbelow(LARGEST_KEY), secrets.randbelow(LARGEST_KEY)
    with postgres.connect(url, attempt=attempt, readonly=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s::int, %s::int)", [first, second])
        row = conn.execute("SELECT current_schema()").fetchone()
        schema = str(row[0]) if row and row[0] else "none"
        yield SessionProof(STATEMENT.format(first=first, second=second), url, schema)
