"""What is known while a script is reviewed: the live catalog, and what the statements have made of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from integrations.sql_review.catalog import RELATION_KINDS, Catalog, Relation
from integrations.sql_review.identifiers import TableName, format_table_name, quote_identifier
from integrations.sql_review.parser import (
    Node,
    deparse,
    deparse_expression,
    find_function_calls,
    find_nodes,
    parse_expression,
    parse_query,
)
from integrations.sql_review.tables import ScriptTable

TEMPORARY = "pg_temp"


@dataclass(frozen=True)
class Rendered:
    """SQL over the live database that means the same as a piece of the script; ``unknown`` says why its
    result cannot be told."""

    sql: str
    unknown: str = ""


@dataclass
class ScriptState:
    """The tables, types and names at a point of the script.

    ``tables`` and ``other_names`` have what the script changed; None is an object that it removed.
    ``new_labels``: of each enum that was there, the labels that this transaction adds.
    """

    catalog: Catalog
    tables: dict[TableName, ScriptTable | None] = field(default_factory=dict)
    other_names: dict[tuple[str, TableName], bool] = field(default_factory=dict)
    new_labels: dict[str, set[str]] = field(default_factory=dict)
    new_types: dict[str, tuple[str, ...]] = field(default_factory=dict)  # with the labels of an enum
    gone_types: set[str] = field(default_factory=set)
    search_path: list[str] | None = None
    in_transaction: bool = False
    began_explicitly: bool = False
    number: int = 0
    opaque: str = ""  # which statement may have done anything
    missing: list[str] = field(default_factory=list)  # names in this statement that mean nothing
    refusals: list[str] = field(default_factory=list)  # of parts of this statement, by the server
    index_tables: dict[TableName, ScriptTable] = field(default_factory=dict)  # of indexes of the script

    # ── names ────────────────────────────────────────────────────────────────

    def name_of(self, relation: Node) -> TableName:
        """The full name of a ``RangeVar`` that is created, or that is not there."""
        if relation.get("relpersistence") == "t":
            return TableName(TEMPORARY, relation["relname"])
        schema = relation.get("schemaname") or (self.search_path or [self.catalog.default_schema()])[0]
        return TableName(schema, relation["relname"])

    def find_name(self, relation: Node) -> TableName | None:
        """The full name of the relation that a ``RangeVar`` means now; None when there is none."""
        schema, name = relation.get("schemaname", ""), relation["relname"]
        for place in (
            [schema] if schema else [TEMPORARY, *(self.search_path or [self.catalog.default_schema()])]
        ):
            if self.tables.get(TableName(place, name)) or self.other_names.get(("", TableName(place, name))):
                return TableName(place, name)
        for place in [schema] if schema else (self.search_path or [""]):
            found = self.catalog.find_relation(place, name)
            if found is not None and not self._is_gone(found):
                return found.name
        return None

    def _is_gone(self, relation: Relation) -> bool:
        if relation.name in self.tables:
            return self.tables[relation.name] is None
        return self.other_names.get(("", relation.name)) is False

    def find_table(self, relation: Node) -> ScriptTable | None:
        """The table that a ``RangeVar`` means now. Without a connection every table is assumed."""
        name = self.find_name(relation)
        if name is None:
            return None if self.catalog.conn is not None else self._assume(relation)
        if self.tables.get(name) is None:
            live = self.catalog.find_relation(name.schema, name.name)
            if live is None or live.kind not in "rpvmf":
                return None
            self.tables[name] = self._read(live)
        return self.tables[name]

    def _assume(self, relation: Node) -> ScriptTable | None:
        name = self.name_of(relation)
        if name in self.tables:
            return self.tables[name]
        table = ScriptTable(name, format_table_name(relation), is_assumed=True)
        self.tables[name] = table
        return table

    def _read(self, live: Relation) -> ScriptTable:
        columns = {column.name: column for column in self.catalog.read_columns(live.oid)}
        return ScriptTable(
            live.name,
            live.name.quoted,
            kind=live.kind,
            columns=columns,
            rules=self.catalog.read_rules(live.oid),
            oid=live.oid,
            unknown=self.opaque,
            has_triggers=self.catalog.has_user_triggers(live.oid),
        )

    def touched(self, node: Node) -> list[ScriptTable]:
        """The tables that a statement names anywhere."""
        relations = [*find_nodes(node, "RangeVar"), *find_nodes([node], "relation")]
        return [table for table in map(self.find_table, relations) if table is not None]

    def require(self, node: Node) -> list[ScriptTable]:
        """The tables that a statement names anywhere; those that are not there are noted as missing."""
        relations = [*find_nodes(node, "RangeVar"), *find_nodes([node], "relation")]
        self.missing += [each["relname"] for each in relations if self.find_table(each) is None]
        return self.touched(node)

    def free_index_names(self, table: ScriptTable, column: str = "") -> None:
        """Notes that the indexes of a table, or of one of its columns, are gone."""
        own = [
            TableName(table.name.schema, rule.name)
            for rule in table.rules
            if rule.kind in ("unique", "primary")
            and (not column or column in {c.strip('"') for c in rule.columns})
        ]
        for name in [*own, *(self.catalog.index_names(table.oid, column) if table.oid else [])]:
            self.other_names["", name] = False

    def describe_taken(self, relation: Node) -> str:
        """What has the name that a new relation wants (“table orders”); empty when it is free."""
        name = self.name_of(relation)
        table = self.tables.get(name)
        if table is not None and not table.is_assumed:
            return f"{RELATION_KINDS[table.kind]} {table}"
        if self.other_names.get(("", name)):
            return f"relation {name.shorten()}"
        live = None if name.schema == TEMPORARY else self.catalog.find_relation(name.schema, name.name)
        if live is None or self._is_gone(live):
            return ""
        return f"{RELATION_KINDS.get(live.kind, 'relation')} {live.name.shorten()}"

    def describe_views_on(self, table: ScriptTable, column: str = "") -> list[str]:
        """The views that the script has made on a table, or on one of its columns."""
        return [
            f"view {view}"
            for view in self.tables.values()
            if view is not None
            and table.name in view.uses
            and (not column or column in view.uses[table.name])
        ]

    def is_gone(self, description: str) -> bool:
        """Whether the script has removed the relation in “view seen” before."""
        name = description.rpartition(" ")[2].strip('"')
        schema, _, plain = name.rpartition(".")
        key = TableName(schema or self.catalog.default_schema(), plain)
        return key in self.tables and self.tables[key] is None

    def columns_used(self, query: Node) -> dict[TableName, set[str]]:
        """Table → those of its columns that a query names anywhere."""
        names = {
            part["String"]["sval"]
            for reference in find_nodes(query, "ColumnRef")
            for part in reference["fields"]
            if "String" in part
        }
        takes_all = any(
            "A_Star" in part for each in find_nodes(query, "ColumnRef") for part in each["fields"]
        )
        return {t.name: {*t.columns} if takes_all else {*t.columns} & names for t in self.touched(query)}

    def referencing(self, table: ScriptTable) -> list[ScriptTable]:
        """The tables that have a foreign key to this one now."""
        if table.oid:
            for name in self.catalog.referencing_tables(table.oid):
                self.find_table({"schemaname": name.schema, "relname": name.name})
        return [
            each
            for each in self.tables.values()
            if each is not None and any(rule.other == table.name for rule in each.rules)
        ]

    # ── the script's SQL over the live database ──────────────────────────────

    def render(self, node: Node, *known: ScriptTable) -> Rendered:
        """A query, as {kind: contents}, with the present rows in the place of tables that have changed."""
        used = list(known)
        tree = self._replace_tables(copy.deepcopy(node), _find_cte_names(node), used)
        return Rendered(deparse(tree), self._find_unknown(node, used))

    def render_expression(self, node: Node, *known: ScriptTable) -> Rendered:
        """An expression over the columns of ``known``, as `render`."""
        used = list(known)
        tree = self._replace_tables(copy.deepcopy(node), _find_cte_names(node), used)
        return Rendered(deparse_expression(tree), self._find_unknown(node, used))

    def _replace_tables(self, tree: Any, hidden: set[str], used: list[ScriptTable]) -> Any:
        if isinstance(tree, list):
            return [self._replace_tables(each, hidden, used) for each in tree]
        if not isinstance(tree, dict):
            return tree
        relation = tree.get("RangeVar")
        if isinstance(relation, dict):
            if "schemaname" not in relation and relation["relname"] in hidden:
                return tree
            table = self.find_table(relation)
            if table is None:
                self.missing.append(relation["relname"])
                return tree
            used.append(table)
            return _range_of(table, relation)
        return {key: self._replace_tables(value, hidden, used) for key, value in tree.items()}

    def _find_unknown(self, node: Node, used: Iterable[ScriptTable]) -> str:
        """Why a result cannot be told: rows or values that are not known, or functions that vary."""
        names = [
            field["String"]["sval"]
            for column in find_nodes(node, "ColumnRef")
            for field in column["fields"]
            if "String" in field
        ]
        reasons = [table.find_unknown(*names) for table in used]
        volatile = [f"{name}() may give anything" for name in self.volatile_calls(node)]
        return next((reason for reason in [self.opaque, *reasons, *volatile] if reason), "")

    def volatile_calls(self, node: Any) -> list[str]:
        """The functions in a piece of a tree whose result may be another for each row."""
        return [name for name in find_function_calls(node) if self.catalog.is_volatile(name)]

    def refusal(self, table: ScriptTable, expression: str = "") -> str:
        """Why the server refuses the table's present rows, or an expression over them; empty if not."""
        if table.is_assumed:
            return ""
        return self.catalog.refusal(f"SELECT {expression or '*'} FROM {table.source()}")  # noqa: S608 - rendered

    def is_varying(self, expression: str) -> bool:
        """Whether an expression of SQL may give another value for each row."""
        return bool(expression) and bool(self.volatile_calls(parse_expression(expression)))

    def unchanged_columns(self, table: ScriptTable) -> set[str]:
        """The columns of a live table that the database itself still has under this name."""
        return {column.name for column in self.catalog.read_columns(table.oid)} if table.oid else set()

    def hide_everything(self, why: str) -> None:
        """Notes that no row is known from here on."""
        self.opaque = self.opaque or why
        for table in self.tables.values():
            if table is not None:
                table.unknown, table.is_empty = table.unknown or why, False


def _find_cte_names(node: Any) -> set[str]:
    return {each["ctename"] for each in find_nodes(node, "CommonTableExpr")}


def _range_of(table: ScriptTable, relation: Node) -> Node:
    """The entry of FROM for a table: itself, or its present rows under its name."""
    alias = relation.get("alias") or {"aliasname": relation["relname"]}
    if table.query:
        return {"RangeSubselect": {"subquery": parse_query(table.query), "alias": alias}}
    if table.live_name == format_table_name(relation):
        return {"RangeVar": relation}
    found = parse_query(f"SELECT FROM {table.live_name} AS {quote_identifier(alias['aliasname'])}")
    return dict(found["SelectStmt"]["fromClause"][0])
