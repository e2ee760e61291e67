"""Business rules in SQL: questions of a runbook's own that must have the same answer on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import postgres, sql
from psycopg.pq.abc import PGresult

from integrations.parity.refusals import refusal
from integrations.parity.snapshot import Snapshot

MOST = 100  # rows of an answer that are compared; a rule is a question, not a dump
SHOWN = 20  # rows told of it
LONGEST = 200  # characters told of a value

NUMERIC, WITH_ZONE = postgres.types["numeric"].oid, postgres.types["timestamptz"].oid

Answer = list[list[str | None]]


@dataclass(frozen=True)
class SqlRule:
    """A question by its name; ``sql`` is one SELECT."""

    name: str
    sql: str

    def as_facts(self) -> dict[str, str]:
        """JSON values, in the form that `read_checks` reads."""
        return {"name": self.name, "sql": self.sql}


def read_checks(given: Iterable[Any]) -> tuple[SqlRule, ...]:
    """Rules from the runbook's list of ``{name, sql}``; raises ValueError naming the entry."""
    found: list[SqlRule] = []
    for number, one in enumerate(given, 1):
        if not isinstance(one, Mapping) or set(one) != {"name", "sql"}:
            raise ValueError(
                f"check {number} must look like {{name: members without a household, sql: SELECT …}}"
            )
        if not all(isinstance(one[part], str) and one[part].strip() for part in ("name", "sql")):
            raise ValueError(f"check {number}: name and sql are texts")
        if one["name"] in {rule.name for rule in found}:
            raise ValueError(f"check {number}: there is another one named “{one['name']}”")
        found.append(SqlRule(one["name"], one["sql"].strip().rstrip(";")))
    return tuple(found)


def ask_check(snapshot: Snapshot, rule: SqlRule) -> Answer | str:
    """The answer's rows as texts, sorted; or, in words, why there is none.

    The rule stands inside a SELECT and goes through the extended protocol, which takes one statement:
    neither a second one nor one that ends the read-only transaction can be smuggled in.
    """
    question = sql.SQL("SELECT * FROM (\n{}\n) AS answer LIMIT {}").format(
        sql.SQL(rule.sql), sql.Literal(MOST + 1)
    )
    try:
        with snapshot.attempt():
            found = snapshot.connection.execute(question, prepare=True).pgresult
    except psycopg.Error as error:
        return refusal(error)
    assert found is not None
    if found.ntuples > MOST:
        return f"it answers more than {MOST} rows: let it count or group"
    return sorted(([_text(found, *cell) for cell in row] for row in _cells(found)), key=repr)


def _cells(found: PGresult) -> Iterator[list[tuple[int, int]]]:
    for row in range(found.ntuples):
        yield [(row, column) for column in range(found.nfields)]


def _text(found: PGresult, row: int, column: int) -> str | None:
    """As the server wrote it: Python has no infinite date. What means the same is written the same."""
    value = found.get_value(row, column)
    if value is None:
        return None
    text, kind = value.decode(), found.ftype(column)
    if kind == NUMERIC and "." in text:
        return text.rstrip("0").rstrip(".")
    return text.removesuffix("+00") if kind == WITH_ZONE else text  # the session is pinned to UTC


def compare_check(rule: SqlRule, source: Answer | str, target: Answer | str) -> dict[str, Any]:
    """JSON facts: ``{name, sql, equal, source, target}``, and ``reason`` where a side has no answer.

    Of each answer so many rows as a page can show, those first that the other has not, ``cut`` when
    there are more.
    """
    sides = {"source": source, "target": target}
    facts: dict[str, Any] = {**rule.as_facts(), "equal": source == target}
    reasons = [f"{side}: {answer}" for side, answer in sides.items() if isinstance(answer, str)]
    if reasons:
        facts |= {"equal": False, "reason": "; ".join(reasons)}
    facts["source"], facts["target"] = _shown(source, target), _shown(target, source)
    if any(len(answer) > SHOWN for answer in sides.values() if not isinstance(answer, str)):
        facts["cut"] = True
    return facts


def _shown(answer: Answer | str, other: Answer | str) -> Answer | None:
    if isinstance(answer, str):
        return None
    rows = answer if isinstance(other, str) else sorted(answer, key=lambda row: row in other)
    return [[_shortened(value) for value in row] for row in rows[:SHOWN]]


def _shortened(value: str | None) -> str | None:
    """What is cut says so: two values that differ further on would look alike."""
    if value is None or len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}… ({len(value)} characters)"
