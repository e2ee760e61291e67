"""Business rules in SQL: questions of a runbook's own that must have the same answer on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.snapshot import Snapshot

MOST = 100  # rows of an answer that are compared; a rule is a question, not a dump

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
            rows = snapshot.connection.execute(question, prepare=True).fetchall()
    except psycopg.Error as error:
        return error.diag.message_primary or str(error)
    if len(rows) > MOST:
        return f"it answers more than {MOST} rows: let it count or group"
    return sorted(([_text(value) for value in row] for row in rows), key=repr)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return (
        json.dumps(value, sort_keys=True, ensure_ascii=False)
        if isinstance(value, dict | list)
        else str(value)
    )


def compare_check(rule: SqlRule, source: Answer | str, target: Answer | str) -> dict[str, Any]:
    """JSON facts: ``{name, sql, equal, source, target}``, and ``reason`` where a side has no answer."""
    facts: dict[str, Any] = {**rule.as_facts(), "equal": source == target, "source": source, "target": target}
    reasons = [
        f"{side}: {answer}"
        for side, answer in (("source", source), ("target", target))
        if isinstance(answer, str)
    ]
    if not reasons:
        return facts
    answers = {side: None if isinstance(facts[side], str) else facts[side] for side in ("source", "target")}
    return {**facts, **answers, "equal": False, "reason": "; ".join(reasons)}
