"""What the live database has now, read when a review needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from integrations.clients.postgres_errors import describe_error
from integrations.sql_review.column_types import ColumnType, read_catalog_type
from integrations.sql_review.identifiers import TableName, quote_identifier

Row = tuple[Any, ...]

#: pg_class.relkind of what has rows, and what the kinds are called.
RELATION_KINDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "i": "index",
    "I": "index",
    "S": "sequence",
    "c": "composite type",
}


@dataclass(frozen=True)
class Column:
    """A column as it is at a point of the script.

    ``sql_type`` is its type as SQL; ``is_computed``: generated or an identity. ``filled`` says why no row can
    be NULL in it, whatever rows there are. ``unknown`` says why its values cannot be told; empty if they can.
    """

    name: str
    type: ColumnType
    sql_type: str
    not_null: bool = False
    default: str = ""
    is_computed: bool = False
    filled: str = ""
    unknown: str = ""

    def changed(self, **values: Any) -> Column:
        """A copy with other values."""
        return replace(self, **values)


@dataclass(frozen=True)
class Rule:
    """A constraint or unique index: what every row has to obey.

    ``kind``: unique, primary, foreign, check, other. ``columns``: its columns as SQL; ``expression``: of a
    check, or the predicate of a partial index. ``other`` and ``other_columns``: what a foreign key names;
    ``on_delete``: a (no action), r, c (cascade), n, d.
    """

    kind: str
    name: str
    columns: tuple[str, ...] = ()
    expression: str = ""
    nulls_equal: bool = False
    other: TableName | None = None
    other_columns: tuple[str, ...] = ()
    on_delete: str = "a"
    is_valid: bool = True


@dataclass(frozen=True)
class Relation:
    """A relation of the live database. ``kind`` is pg_class.relkind."""

    oid: int
    name: TableName
    kind: str


@dataclass
class Catalog:
    """Relations, types and functions of the connected database; knows nothing without a connection."""

    conn: psycopg.Connection[Any] | None = None
    _relations: dict[tuple[str, str], Relation | None] = field(default_factory=dict)
    _volatile: dict[str, bool] = field(default_factory=dict)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query; none without a connection."""
        return [] if self.conn is None else self.conn.execute(sql.encode(), values).fetchall()

    def find_relation(self, schema: str, name: str) -> Relation | None:
        """The relation of that name; an empty schema means the search path."""
        key = (schema, name)
        if key not in self._relations:
            quoted = (
                f"{quote_identifier(schema)}.{quote_identifier(name)}" if schema else quote_identifier(name)
            )
            rows = self.query(
                "SELECT c.oid, n.nspname, c.relname, c.relkind::text FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
                [quoted],
            )
            self._relations[key] = next((Relation(o, TableName(s, n), k) for o, s, n, k in rows), None)
        return self._relations[key]

    def default_schema(self) -> str:
        """The schema in which new relations are made."""
        return next((str(row[0]) for row in self.query("SELECT current_schema()")), "public")

    def read_columns(self, oid: int) -> list[Column]:
        """The columns of a relation."""
        rows = self.query(
            "SELECT a.attname, t.typname, a.atttypmod, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
            "pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '' OR a.attgenerated <> '' "
            "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
            "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
            "WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [oid],
        )
        return [
            Column(name, read_catalog_type(kind, mod), sql, fixed, default or "", computed)
            for name, kind, mod, sql, fixed, default, computed in rows
        ]

    def read_rules(self, oid: int) -> list[Rule]:
        """The constraints and unique indexes of a relation."""
        return [*self._read_unique(oid), *self._read_constraints(oid)]

    def _read_unique(self, oid: int) -> list[Rule]:
        nulls = "i.indnullsnotdistinct" if self.conn and self.conn.info.server_version >= 150000 else "false"
        rows = self.query(
            "SELECT c.relname, i.indisprimary, ARRAY(SELECT pg_get_indexdef(i.indexrelid, k::int, true) "  # noqa: S608  # names are checked
            "FROM generate_series(1, i.indnkeyatts) k), coalesce(pg_get_expr(i.indpred, i.indrelid), ''), "
            f"{nulls} FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = %s AND i.indisunique ORDER BY c.relname",
            [oid],
        )
        return [
            Rule("primary" if primary else "unique", name, tuple(columns), where, equal)
            for name, primary, columns, where, equal in rows
        ]

    def _read_constraints(self, oid: int) -> list[Rule]:
        names = (
            "ARRAY(SELECT quote_ident(a.attname) FROM unnest({keys}) WITH ORDINALITY k(n, o) "
            "JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.n ORDER BY k.o)"
        )
        own = names.format(keys="x.conkey", table="x.conrelid")
        other = names.format(keys="x.confkey", table="x.confrelid")
        rows = self.query(
            f"SELECT x.contype::text, x.conname, {own}, "  # noqa: S608 - fixed text
            "CASE WHEN x.contype = 'c' THEN pg_get_expr(x.conbin, x.conrelid) ELSE '' END, "
            f"n.nspname, r.relname, {other}, x.confdeltype::text, x.convalidated FROM pg_constraint x "
            "LEFT JOIN pg_class r ON r.oid = x.confrelid LEFT JOIN pg_namespace n ON n.oid = r.relnamespace "
            "WHERE x.conrelid = %s AND x.contype IN ('c', 'f', 'x') ORDER BY x.conname",
            [oid],
        )
        kinds = {"c": "check", "f": "foreign", "x": "other"}
        return [
            Rule(
                kinds[kind],
                name,
                tuple(columns),
                expression or "",
                other=TableName(schema, table) if table else None,
                other_columns=tuple(others),
                on_delete=action,
                is_valid=valid,
            )
            for kind, name, columns, expression, schema, table, others, action, valid in rows
        ]

    def index_names(self, oid: int, column: str = "") -> list[TableName]:
        """The indexes of a table; those that have one column in them when it is given."""
        rows = self.query(
            "SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indrelid = %s AND (%s = '' OR EXISTS "
            "(SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = %s "
            "AND a.attnum = ANY(i.indkey)))",
            [oid, column, column],
        )
        return [TableName(schema, name) for schema, name in rows]

    def referencing_tables(self, oid: int) -> list[TableName]:
        """The tables with a foreign key to this one."""
        rows = self.query(
            "SELECT DISTINCT n.nspname, c.relname FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE x.contype = 'f' AND x.confrelid = %s",
            [oid],
        )
        return [TableName(schema, name) for schema, name in rows]

    def has_user_triggers(self, oid: int) -> bool:
        """Whether triggers of the database's owners may change what a statement writes."""
        return bool(
            self.query("SELECT 1 FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal LIMIT 1", [oid])
        )

    def describe(self, query: str) -> list[Column] | None:
        """The columns that a query gives; None when it cannot be asked."""
        if self.conn is None:
            return None
        try:
            with self.conn.transaction(force_rollback=True):
                self.conn.execute("SET TRANSACTION READ ONLY")
                given = self.conn.execute(f"SELECT * FROM ({query}) AS described LIMIT 0".encode())  # noqa: S608 - rendered
                types = [(each.name, each.type_code) for each in given.description or ()]
                names = {
                    oid: (sql, kind)
                    for oid, sql, kind in self.conn.execute(
                        "SELECT oid::int8, format_type(oid, NULL), typname FROM pg_type WHERE oid = ANY(%s)",
                        [[code for _, code in types]],
                    )
                }
        except psycopg.Error:
            return None
        return [Column(name, ColumnType(names[code][1]), names[code][0]) for name, code in types]

    def refusal(self, query: str) -> str:
        """Why the server refuses a query before it has read a row; empty when it does not."""
        if self.conn is None:
            return ""
        try:
            with self.conn.transaction(force_rollback=True):
                self.conn.execute("SET TRANSACTION READ ONLY")
                self.conn.execute(f"SELECT FROM ({query}) AS asked LIMIT 0".encode())
        except psycopg.Error as error:
            return describe_error(error)
        return ""

    def tables_with_type(self, oid: int) -> list[tuple[TableName, str]]:
        """The tables that have a column of a type, with the column's name."""
        rows = self.query(
            "SELECT n.nspname, c.relname, a.attname FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.atttypid = %s AND NOT a.attisdropped "
            "AND c.relkind IN ('r', 'p') AND a.attnum > 0",
            [oid],
        )
        return [(TableName(schema, table), column) for schema, table, column in rows]

    def is_volatile(self, function: str) -> bool:
        """Whether a function may return another value for each row; an unknown one counts as volatile."""
        if function not in self._volatile:
            self._volatile[function] = self._query_volatile(function)
        return self._volatile[function]

    def _query_volatile(self, function: str) -> bool:
        if self.conn is None:
            return function not in {"now", "transaction_timestamp", "statement_timestamp"}
        sql = "SELECT coalesce(bool_or(provolatile = 'v'), true) FROM pg_proc WHERE proname = %s"
        return bool(self.query(sql, [function])[0][0])
