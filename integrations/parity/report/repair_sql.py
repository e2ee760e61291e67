"""SQL that would make rows of the target like those of the source. It is shown; nothing here runs it.

Texts of values are cast back to the column's type: they were written under the pinned settings of a
snapshot (UTC, ISO, C), under which the statements want to be run, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from integrations.parity.plan import TablePlan
from integrations.parity.questions import CUT
from integrations.parity.result import Example
from integrations.parity.snapshot import Snapshot

MOST = 100  # rows for which SQL is shown

HOW_WRITTEN = """
select a.attname::text, a.attgenerated <> '', a.attidentity = 'a' from pg_attribute a
 where a.attrelid = {table}::regclass and a.attnum > 0 and not a.attisdropped
"""


@dataclass(frozen=True)
class Writing:
    """Which columns of the target nobody can write, and whether identities must be overridden."""

    generated: frozenset[str]
    overriding: bool

    @classmethod
    def of(cls, snapshot: Snapshot, plan: TablePlan) -> Writing:
        """As the target's catalog says it."""
        place = sql.Identifier(plan.target.schema, plan.target.name).as_string(snapshot.connection)
        rows = snapshot.rows(sql.SQL(HOW_WRITTEN).format(table=sql.Literal(place)))
        return cls(frozenset(name for name, generated, _ in rows if generated), any(row[2] for row in rows))


def repair(snapshot: Snapshot, plan: TablePlan, examples: Iterable[Example]) -> list[str]:
    """One statement a row, of at most `MOST` rows; a comment where a value was cut and is not known whole.

    ``snapshot`` is the target's. Rows that only the target has are deleted, so that it is as the source
    was: whether that is wanted is for a person to say.
    """
    if plan.target.is_view:
        return []  # what a view answers is repaired in its tables
    writing = Writing.of(snapshot, plan)
    rows = [example for example, _ in zip(examples, range(MOST), strict=False)]
    return [_statement(plan, example, writing).as_string(snapshot.connection) for example in rows]


def _statement(plan: TablePlan, example: Example, writing: Writing) -> sql.Composable:
    before = {name: pair[0] for name, pair in example.columns.items() if name not in writing.generated}
    after = {name: pair[1] for name, pair in example.columns.items()}
    written = {} if example.kind == "extra" else before
    read = {} if example.kind == "missing" or _unique(plan) else after
    cut = [name for values in (written, read) for name, text in values.items() if _is_cut(text)]
    if cut:
        return _comment(
            example, f"values of {', '.join(dict.fromkeys(cut))} are longer than {CUT} characters"
        )
    if example.kind == "missing":
        return _insert(plan, before, writing)
    where = _where(plan, example, after)
    if example.kind == "extra":
        return sql.SQL("DELETE FROM {} WHERE {};").format(plan.target.source, where)
    if not before:
        return _comment(example, "only generated columns differ: they follow the others")
    return _update(plan, before, where)


def _is_cut(text: str | None) -> bool:
    return text is not None and len(text) > CUT and text.endswith(" characters)")


def _unique(plan: TablePlan) -> bool:
    """Whether the target itself keeps the key unique; the source may be the only one that does."""
    return bool(plan.key) and plan.key == plan.target.key


def _comment(example: Example, why: str) -> sql.Composable:
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


def _insert(plan: TablePlan, values: Mapping[str, str | None], writing: Writing) -> sql.Composable:
    if not values:
        return sql.SQL("INSERT INTO {} DEFAULT VALUES;").format(_table(plan))
    return sql.SQL("INSERT INTO {} ({}) {}VALUES ({});").format(
        _table(plan), sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL("OVERRIDING SYSTEM VALUE " if writing.overriding else ""),
        sql.SQL(", ").join(_value(plan, name, text) for name, text in values.items()),
    )  # fmt: skip


def _update(plan: TablePlan, values: Mapping[str, str | None], where: sql.Composable) -> sql.Composable:
    changes = [
        sql.SQL("{} = {}").format(sql.Identifier(name), _value(plan, name, text))
        for name, text in values.items()
    ]
    return sql.SQL("UPDATE {} SET {} WHERE {};").format(
        plan.target.source, sql.SQL(", ").join(changes), where
    )


def _where(plan: TablePlan, example: Example, values: Mapping[str, str | None]) -> sql.Composable:
    """By the key; where that may be several rows' (or there is none), exactly one of those like this one."""
    by_key = list(_matches(plan, example))
    if _unique(plan):
        return sql.SQL(" AND ").join(by_key)
    same = [
        sql.SQL("{}::text IS NOT DISTINCT FROM {}").format(sql.Identifier(name), sql.Literal(text))
        for name, text in values.items()
    ]
    return sql.SQL("(tableoid, ctid) = (SELECT tableoid, ctid FROM {} WHERE {} LIMIT 1)").format(
        plan.target.source, sql.SQL(" AND ").join([*by_key, *same] or [sql.SQL("true")])
    )


def _matches(plan: TablePlan, example: Example) -> Iterator[sql.Composable]:
    for name, text in example.key.items():
        if text is None:
            yield sql.SQL("{} IS NULL").format(sql.Identifier(name))
        else:
            yield sql.SQL("{} = {}").format(sql.Identifier(name), _value(plan, name, text))
