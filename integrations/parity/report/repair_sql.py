"""SQL that would make rows of the target like those of the source. It is only shown, never run.

Values are texts that are cast back to the type of their column. They were written under the settings of a
snapshot (UTC, ISO, C), so the statements must run under these settings too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from integrations.parity.model.plan import TablePlan
from integrations.parity.result import DifferingRow
from integrations.parity.server.column_types import text_of
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.shown_values import MAX_VALUE_LENGTH

MAX_STATEMENTS = 100

COLUMN_KINDS = """
select a.attname::text, a.attgenerated <> '', a.attidentity = 'a' from pg_attribute a
 where a.attrelid = {table}::regclass and a.attnum > 0 and not a.attisdropped
"""


@dataclass(frozen=True)
class TargetColumns:
    """Columns of the target that are generated, and whether it has an identity that must be overridden."""

    generated: frozenset[str]
    overriding: bool

    @classmethod
    def read(cls, snapshot: Snapshot, plan: TablePlan) -> TargetColumns:
        """Reads the catalog of the target."""
        place = sql.Identifier(plan.target.schema, plan.target.name).as_string(snapshot.connection)
        rows = snapshot.fetch_rows(sql.SQL(COLUMN_KINDS).format(table=sql.Literal(place)))
        return cls(frozenset(name for name, generated, _ in rows if generated), any(row[2] for row in rows))


def build_repair(snapshot: Snapshot, plan: TablePlan, examples: Iterable[DifferingRow]) -> list[str]:
    """One statement per row, at most `MAX_STATEMENTS`; a comment where only part of a value is known.

    ``snapshot`` is that of the target. Rows that only the target has are deleted; whether that is wanted, a
    person has to decide.
    """
    if plan.target.is_view:
        return []  # rows of a view are repaired in its tables
    columns = TargetColumns.read(snapshot, plan)
    if plan.has_expressions:
        why = "the table is compared through SQL of its own, which tells the values of its columns no more"
        return [_comment(row, why).as_string(snapshot.connection) for row in examples][:MAX_STATEMENTS]
    rows = [example for example, _ in zip(examples, range(MAX_STATEMENTS), strict=False)]
    return [_statement(plan, example, columns).as_string(snapshot.connection) for example in rows]


def _statement(plan: TablePlan, example: DifferingRow, columns: TargetColumns) -> sql.Composable:
    before = {
        name: pair[0]
        for name, pair in example.columns.items()
        if _stored(plan, name) not in columns.generated
    }
    after = {name: pair[1] for name, pair in example.columns.items()}
    written = {} if example.kind == "extra" else before
    read = {} if example.kind == "missing" or _unique(plan) else after
    cut = [name for values in (written, read) for name, text in values.items() if _is_cut(text)]
    if cut:
        return _comment(
            example,
            f"values of {', '.join(dict.fromkeys(cut))} are longer than {MAX_VALUE_LENGTH} characters",
        )
    if example.kind == "missing":
        return _insert(plan, before, columns)
    where = _where(plan, example, after)
    if example.kind == "extra":
        return sql.SQL("DELETE FROM {} WHERE {};").format(plan.target.from_clause, where)
    if not before:
        return _comment(example, "only generated columns differ: they follow the others")
    return _update(plan, before, where)


def _is_cut(text: str | None) -> bool:
    return text is not None and len(text) > MAX_VALUE_LENGTH and text.endswith(" characters)")


def _unique(plan: TablePlan) -> bool:
    """Whether the target keeps the key unique; it may be unique only in the source."""
    return bool(plan.key) and plan.key == plan.target.key


def _comment(example: DifferingRow, why: str) -> sql.Composable:
    named = ", ".join(f"{name} = {value}" for name, value in example.key.items())
    said = f"{named or 'a row'}: {why}; copy it from the source"
    return sql.SQL("-- {}").format(sql.SQL(" ".join(said.splitlines())))


def _table(plan: TablePlan) -> sql.Composable:
    return sql.Identifier(plan.target.schema, plan.target.name)


def _value(plan: TablePlan, name: str, text: str | None) -> sql.Composable:
    if text is None:
        return sql.SQL("NULL")
    column = plan.target.column(name)
    assert column is not None
    return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(column.type))


def _stored(plan: TablePlan, name: str) -> str:
    """The name of a column in the target, where the source may have another one for it."""
    column = plan.target.column(name)
    return column.stored or name if column else name


def _identifier(plan: TablePlan, name: str) -> sql.Identifier:
    return sql.Identifier(_stored(plan, name))


def _insert(plan: TablePlan, values: Mapping[str, str | None], columns: TargetColumns) -> sql.Composable:
    if not values:
        return sql.SQL("INSERT INTO {} DEFAULT VALUES;").format(_table(plan))
    return sql.SQL("INSERT INTO {} ({}) {}VALUES ({});").format(
        _table(plan),
        sql.SQL(", ").join(_identifier(plan, name) for name in values),
        sql.SQL("OVERRIDING SYSTEM VALUE " if columns.overriding else ""),
        sql.SQL(", ").join(_value(plan, name, text) for name, text in values.items()),
    )


def _update(plan: TablePlan, values: Mapping[str, str | None], where: sql.Composable) -> sql.Composable:
    changes = [
        sql.SQL("{} = {}").format(_identifier(plan, name), _value(plan, name, text))
        for name, text in values.items()
    ]
    return sql.SQL("UPDATE {} SET {} WHERE {};").format(
        plan.target.from_clause, sql.SQL(", ").join(changes), where
    )


def _where(plan: TablePlan, example: DifferingRow, values: Mapping[str, str | None]) -> sql.Composable:
    """By the key; where the target has no unique key, exactly one of the rows with the same values."""
    by_key = list(_matches(plan, example))
    if _unique(plan):
        return sql.SQL(" AND ").join(by_key)
    same = [
        sql.SQL("{} IS NOT DISTINCT FROM {}").format(_text(plan, name), sql.Literal(text))
        for name, text in values.items()
    ]
    return sql.SQL("(tableoid, ctid) = (SELECT tableoid, ctid FROM {} WHERE {} LIMIT 1)").format(
        plan.target.from_clause, sql.SQL(" AND ").join([*by_key, *same] or [sql.SQL("true")])
    )


def _text(plan: TablePlan, name: str) -> sql.Composable:
    """A column of the target as text. The cast is easier to read, but a user's type may have another one."""
    column = plan.target.column(name)
    own = column is not None and column.output in ("concat", "enum_out")
    return text_of(_identifier(plan, name), "concat" if own else "")


def _matches(plan: TablePlan, example: DifferingRow) -> Iterator[sql.Composable]:
    for name, text in example.key.items():
        if text is None:
            yield sql.SQL("{} IS NULL").format(_identifier(plan, name))
        else:
            yield sql.SQL("{} = {}").format(_identifier(plan, name), _value(plan, name, text))
