"""Business rules in SQL: queries of a runbook that must have the same answer on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import postgres, sql
from psycopg.pq.abc import PGresult

from integrations.parity.server.server_errors import name_grant, safe_message
from integrations.parity.server.snapshot import Snapshot

MAX_ROWS = 100  # of an answer that is compared; a rule should count or group
MAX_SHOWN_ROWS = 20
MAX_SHOWN_LENGTH = 200  # characters of a value

NUMERIC, WITH_ZONE = postgres.types["numeric"].oid, postgres.types["timestamptz"].oid

Answer = list[list[str | None]]


@dataclass(frozen=True)
class SqlRule:
    """A query with a name; ``sql`` is one SELECT."""

    name: str
    sql: str

    def as_facts(self) -> dict[str, str]:
        """JSON values that `parse_sql_rules` reads."""
        return {"name": self.name, "sql": self.sql}


def parse_sql_rules(given: Iterable[Any]) -> tuple[SqlRule, ...]:
    """Rules from a list of ``{name, sql}``; raises ValueError that names the entry."""
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


def query_sql_rule(snapshot: Snapshot, rule: SqlRule) -> Answer | str:
    """The rows of the answer as texts, sorted; or, in words, why there is no answer."""
    # The rule stands inside a SELECT, and because of the parameter it goes by the extended protocol, which
    # accepts a single statement: a rule can neither add a second statement nor end the read-only transaction.
    query = sql.SQL("SELECT * FROM (\n{}\n) AS answer LIMIT %s").format(sql.SQL(rule.sql.replace("%", "%%")))
    try:
        with snapshot.savepoint():
            found = snapshot.connection.execute(query, [MAX_ROWS + 1]).pgresult
    except psycopg.Error as error:
        return safe_message(error) + name_grant(error)
    assert found is not None
    if found.ntuples > MAX_ROWS:
        return f"it answers more than {MAX_ROWS} rows: let it count or group"
    return sorted(([_text_of(found, *place) for place in row] for row in _places(found)), key=repr)


def _places(found: PGresult) -> Iterator[list[tuple[int, int]]]:
    for row in range(found.ntuples):
        yield [(row, column) for column in range(found.nfields)]


def _text_of(found: PGresult, row: int, column: int) -> str | None:
    """The value as the server wrote it, so that values that mean the same have the same text.

    Python's own types would not do: its dates have no infinity.
    """
    value = found.get_value(row, column)
    if value is None:
        return None
    text, kind = value.decode(), found.ftype(column)
    if kind == NUMERIC and "." in text:
        return text.rstrip("0").rstrip(".")
    return text.removesuffix("+00") if kind == WITH_ZONE else text  # the session is pinned to UTC


def compare_sql_rule(rule: SqlRule, source: Answer | str, target: Answer | str) -> dict[str, Any]:
    """JSON facts: ``{name, sql, equal, source, target}``, with ``reason`` where a side has no answer.

    Of each answer the first rows are in it, those first that the other side does not have; ``cut`` says
    that there are more.
    """
    sides = {"source": source, "target": target}
    facts: dict[str, Any] = {**rule.as_facts(), "equal": source == target}
    reasons = [f"{side}: {answer}" for side, answer in sides.items() if isinstance(answer, str)]
    if reasons:
        facts |= {"equal": False, "reason": "; ".join(reasons)}
    facts["source"], facts["target"] = _shown_rows(source, target), _shown_rows(target, source)
    if any(len(answer) > MAX_SHOWN_ROWS for answer in sides.values() if not isinstance(answer, str)):
        facts["cut"] = True
    return facts


def _shown_rows(answer: Answer | str, other: Answer | str) -> Answer | None:
    if isinstance(answer, str):
        return None
    rows = answer if isinstance(other, str) else sorted(answer, key=lambda row: row in other)
    return [[_cut(value) for value in row] for row in rows[:MAX_SHOWN_ROWS]]


def _cut(value: str | None) -> str | None:
    """A cut value says its length: two values that differ further on would look the same."""
    if value is None or len(value) <= MAX_SHOWN_LENGTH:
        return value
    return f"{value[:MAX_SHOWN_LENGTH]}… ({len(value)} characters)"
