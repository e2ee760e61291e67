"""What the review says of random scripts is compared with what PostgreSQL does with them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from integrations.sql_review import ChangeClass, ReviewedStatement, RowImpact, review_script
from integrations.sql_review.assessment import LOCKS
from tests.integrations.sql_review.generated_scripts import Writer

SCHEMAS, SCRIPTS = 8, 15  # in the suite, each schema with so many scripts; a long run tries ten times as many
MODES = {f"{lock.title().replace(' ', '')}Lock": lock for lock in LOCKS if lock}


@dataclass
class Truth:
    """What PostgreSQL did with one statement."""

    sqlstate: str = ""
    message: str = ""
    rows: int = -1
    locks: dict[str, str] = field(default_factory=dict)
    rewritten: set[str] = field(default_factory=set)


def files_of(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    rows = conn.execute(
        "SELECT c.oid, c.relname, pg_relation_filenode(c.oid) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
    ).fetchall()
    return {oid: (name, node) for oid, name, node in rows}


def locks_of(conn: psycopg.Connection[Any], tables: dict[int, str]) -> dict[str, str]:
    rows = conn.execute(
        "SELECT relation::int8, mode FROM pg_locks "
        "WHERE pid = pg_backend_pid() AND granted AND relation = ANY(%s)",
        [list(tables)],
    ).fetchall()
    found: dict[str, str] = {}
    for oid, mode in rows:
        name = tables[oid]
        found[name] = max(found.get(name, ""), MODES[mode], key=LOCKS.index)
    return found


def carry_out(conn: psycopg.Connection[Any], script: list[str]) -> list[Truth]:
    """Executes a script as one transaction up to its first failure, and takes everything back."""
    found: list[Truth] = []
    tables = {oid: name for oid, (name, _) in files_of(conn).items()}
    try:
        with conn.transaction(force_rollback=True):
            for sql in script:
                before = files_of(conn)
                truth = Truth()
                found.append(truth)
                cursor = conn.execute(sql.encode())
                truth.rows = cursor.rowcount
                after = files_of(conn)
                truth.locks = locks_of(conn, tables)
                truth.rewritten = {
                    after[oid][0]
                    for oid, (_, node) in before.items()
                    if oid in after and after[oid][1] != node
                }
    except psycopg.Error as error:
        found[-1].sqlstate, found[-1].message = error.sqlstate or "?", str(error).strip()
    return found


def is_warned(statement: ReviewedStatement) -> bool:
    """Whether the review says that the statement fails, or may fail."""
    if statement.fails or ChangeClass.NOT_UNDERSTOOD in statement.classes:
        return True
    if ChangeClass.CAN_FAIL not in statement.classes:
        return False
    checks = [check for check in statement.checks if check.impact is RowImpact.FAILS]
    return not checks or any(check.count is None or check.count for check in checks)


def find_faults(review: list[ReviewedStatement], truths: list[Truth], script: list[str]) -> list[str]:
    """What the review said wrongly: false greens, wrong counts, weaker locks, rewrites that it missed."""
    found, held = [], dict[str, str]()
    for statement, truth, sql in zip(review, truths, script, strict=False):
        if truth.sqlstate == "25001" and len(script) == 1:
            break  # alone it is in no transaction, but here it is in one that is taken back
        if truth.sqlstate:
            if not is_warned(statement):
                found.append(
                    f"no warning: {sql}: {truth.sqlstate} {truth.message} — said {statement.summarize()}"
                )
            break
        found += [f"{what}: {sql}: {statement.summarize()}" for what in _wrong(statement, truth, sql, held)]
    return found


def _wrong(statement: ReviewedStatement, truth: Truth, sql: str, held: dict[str, str]) -> list[str]:
    found = []
    counted = [
        c
        for c in statement.checks
        if c.impact is RowImpact.CHANGED and c.description.partition(" that it ")[1]
    ]
    if sql.startswith(("UPDATE", "DELETE", "INSERT")) and counted and counted[0].count is not None:
        count, bound = counted[0].count, counted[0].is_upper_bound
        if truth.rows > count or (truth.rows != count and not bound):
            found.append(f"counted {count}, were {truth.rows}")
    for table, lock in truth.locks.items():
        said = statement.locks.get(table, "")
        held[table] = max(held.get(table, ""), said, key=LOCKS.index)
        if LOCKS.index(lock) >= LOCKS.index("SHARE UPDATE EXCLUSIVE") and LOCKS.index(
            held[table]
        ) < LOCKS.index(lock):
            found.append(f"lock of {table} is {lock}, said {said or 'none'}")
            held[table] = lock
    missed = (
        truth.rewritten and ChangeClass.REWRITES not in statement.classes and not sql.startswith("TRUNCATE")
    )
    if missed:
        found.append(f"rewrote {truth.rewritten}")
    return found


def has_false_alarm(review: list[ReviewedStatement], truths: list[Truth]) -> bool:
    """Whether a statement that succeeded was said to fail for certain."""
    return any(s.fails and not t.sqlstate for s, t in zip(review, truths, strict=False))


@dataclass
class Tally:
    """What a series of scripts has shown."""

    statements: int = 0
    false_alarms: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, conn: psycopg.Connection[Any], script: list[str], where: str) -> None:
        """Reviews a script, carries it out, and compares the two."""
        review = list(review_script(";\n".join(script), conn))
        truths = carry_out(conn, script)
        self.statements += len(truths)
        self.false_alarms += has_false_alarm(review, truths)
        self.faults += [
            f"{where}: {one}\n  in: {'; '.join(script)}" for one in find_faults(review, truths, script)
        ]


def read_seed(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The seed, and the number of schemas to try: the suite's, or those of a round of a long run."""
    long = request.config.getoption("--property-round")
    return (zlib.crc32(str(long).encode()) if long else 1), SCHEMAS * (10 if long else 1)


@pytest.mark.property
@pytest.mark.timeout(3000)
def test_the_review_says_what_postgresql_does(
    new_database: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    """Without a fault, and with false alarms below one in a hundred statements."""
    seed, schemas = read_seed(request)
    tally = Tally()
    for number in range(seed, seed + schemas):
        writer = Writer(number)
        with psycopg.connect(new_database(), autocommit=True) as conn:
            conn.execute(writer.schema().encode())
            for _ in range(SCRIPTS):
                tally.add(conn, writer.script(), f"schema {number}")
    print(f"{tally.statements} statements, {tally.false_alarms} false alarms")
    assert not tally.faults, "\n".join(tally.faults[:40]) + f"\n{len(tally.faults)} faults"
    assert tally.false_alarms * 100 < tally.statements
