"""Which tables and columns are compared with each other, in which form, under which declared rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from psycopg import sql

from integrations.parity.model.canonical_forms import CanonicalForm, choose_form, default_literal
from integrations.parity.model.declared import DeclaredRule, DeclaredRules
from integrations.parity.model.mapping import applies_to_names, describe_names
from integrations.parity.model.selection import TableSelection
from integrations.parity.server.catalog import CatalogColumn, CatalogTable, quote_name

Tables = Mapping[tuple[str, str], CatalogTable]
EVERYTHING = TableSelection()


@dataclass(frozen=True)
class ColumnPair:
    """Two columns that are compared, the form for that, and the declared rules that apply (or None)."""

    name: str
    source: CatalogColumn
    target: CatalogColumn
    form: CanonicalForm
    default: DeclaredRule | None = None
    filled: DeclaredRule | None = None
    rounded: DeclaredRule | None = None

    @property
    def recipe(self) -> str:
        """How the column is hashed; two fingerprints are comparable only if their recipes are the same."""
        digits = self.rounded.digits if self.rounded else "-"
        default = repr(self.default.default) if self.default else "-"
        expression = f"|{self.source.expression}" if self.source.expression else ""
        return f"{self.name}|{self.form.name}|{digits}|{'filled' if self.filled else default}{expression}"

    @property
    def default_value(self) -> sql.Composable | None:
        """The declared default as SQL."""
        return default_literal(self.default.default, self.form) if self.default else None


@dataclass(frozen=True)
class TrackedRule:
    """A declared rule in one column, tracked separately from the row hash.

    A value to which the rule applies gives a token; for each bucket the tokens are counted and summed.
    """

    pair: ColumnPair
    rule: DeclaredRule

    @property
    def forbidden_side(self) -> str:
        """The side on which a row that the rule explains has no token: a value must not have been there
        before, or a NULL, or digits of a second, must not be there after."""
        return "source" if self.rule.kind == "null_is_filled" else "target"

    def allows(self, source: int | None, target: int | None) -> bool:
        """Whether the rule explains a row with these tokens on its sides (None: it does not apply there)."""
        return source == target or (source if self.forbidden_side == "source" else target) is None


@dataclass(frozen=True)
class TablePlan:
    """How one table is compared, decided before any row is read."""

    source: CatalogTable
    target: CatalogTable
    pairs: tuple[ColumnPair, ...]
    key: tuple[str, ...]
    unsound: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()  # of `unsound`, those of columns whose values could not be read

    @property
    def label(self) -> str:
        """The name of the table for people."""
        return self.source.label

    @property
    def key_pairs(self) -> tuple[ColumnPair, ...]:
        """The columns of the key, in the order of the key."""
        by_name = {pair.name: pair for pair in self.pairs}
        return tuple(by_name[name] for name in self.key)

    @property
    def tracked_rules(self) -> tuple[TrackedRule, ...]:
        """All declared rules that apply to values, in a fixed order."""
        return tuple(
            TrackedRule(pair, rule)
            for pair in self.pairs
            for rule in (pair.default, pair.filled, pair.rounded)
            if rule
        )

    @property
    def recipe(self) -> list[str]:
        """The key, and how each column is hashed."""
        where = [f"where|{self.source.condition}"] if self.source.condition else []
        where += ["with children"] if self.source.with_children else []
        return [f"key|{'|'.join(self.key)}", *where, *(pair.recipe for pair in self.pairs)]

    @property
    def names(self) -> list[str]:
        """What has another name in the target, in words."""
        return list(describe_names(self.source, self.target))

    @property
    def expressions(self) -> list[str]:
        """The columns that are compared through SQL, with the SQL of each side."""
        return [
            f"{pair.name} through SQL: source {pair.source.sql_text}; target {pair.target.sql_text}"
            for pair in self.pairs
            if pair.source.expression or pair.target.expression
        ]

    @property
    def has_expressions(self) -> bool:
        """Whether something that a person wrote in SQL decides what is compared, which rows included."""
        columns = [column for pair in self.pairs for column in (pair.source, pair.target)]
        tables = self.source, self.target
        return any(column.expression for column in columns) or any(table.condition for table in tables)

    def column_names(self, side: str) -> list[str]:
        """The names of the columns that are compared, as one side stores them: of all where SQL of a person
        may use them."""
        compared = [pair.source if side == "source" else pair.target for pair in self.pairs]
        columns = self.table(side).columns if self.has_expressions else compared
        return [column.stored or column.name for column in columns if not column.made_up]

    def table(self, side: str) -> CatalogTable:
        """The table of the ``source`` or the ``target``."""
        return self.source if side == "source" else self.target

    def recoded(self) -> TablePlan:
        """The plan with texts hashed as UTF-8, whatever the encoding of a server is."""
        pairs = [replace(pair, form=pair.form.recoded) for pair in self.pairs]
        return replace(self, pairs=tuple(pairs))

    def without_columns(self, reasons: Mapping[str, str]) -> TablePlan:
        """The plan without these columns; ``reasons`` says of each why it was not compared."""
        said = tuple(f"{name}: {reason}" for name, reason in reasons.items())
        pairs = tuple(pair for pair in self.pairs if pair.name not in reasons)
        return replace(self, pairs=pairs, unsound=self.unsound + said, unreadable=self.unreadable + said)


@dataclass
class SchemaDifference:
    """Tables and columns that only one side has, and types that changed; ``declared`` names declared ones."""

    new_tables: list[str] = field(default_factory=list)
    missing_tables: list[str] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)
    missing_columns: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    changed_types: list[dict[str, str]] = field(default_factory=list)

    @property
    def undeclared(self) -> list[str]:
        """Differences that no rule declares, in words."""
        names = ("new_tables", "missing_tables", "new_columns", "missing_columns")
        return [
            f"{what.replace('_', ' ')[:-1]} {name}"
            for what in names
            for name in getattr(self, what)
            if name not in self.declared
        ]

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "undeclared": self.undeclared}


def make_plans(
    source: Tables,
    target: Tables,
    declared: DeclaredRules,
    *,
    recode: bool = False,
    selection: TableSelection = EVERYTHING,
) -> tuple[list[TablePlan], SchemaDifference, list[str]]:
    """Plans of the tables that both sides have, differences of the schema, and what is left out on purpose.

    These are tables and columns. ``selection`` says which tables are compared. ``recode`` hashes texts as
    UTF-8, because the two sides have different encodings.
    """
    schema, excluded, plans = SchemaDifference(), [], []
    for place in sorted(set(source) | set(target)):
        label = (source.get(place) or target[place]).label
        part_of = {side[place].part_of for side in (source, target) if place in side} - {""}
        if part_of:
            excluded.append(f"{label} (as a part of {min(part_of)})")
        elif declared.find("not_compared", label) or not selection.selects(label):
            excluded.append(label)
        elif place not in target:
            schema.missing_tables.append(label)
            _add_declared(schema, declared, "dropped_table", label)
        elif place not in source:
            schema.new_tables.append(label)
            _add_declared(schema, declared, "new_table", label)
        else:
            plan = plan_table(source[place], target[place], declared, schema)
            declared.mark(partial(applies_to_names, source=plan.source, target=plan.target))
            plans.append(plan.recoded() if recode else plan)
            excluded += [f"{label}.{quote_name(name)}" for name in plan.excluded]
    return plans, schema, excluded


def _add_declared(
    schema: SchemaDifference, declared: DeclaredRules, kind: str, table: str, column: str = ""
) -> None:
    if declared.find(kind, table, column):
        schema.declared.append(f"{table}.{quote_name(column)}" if column else table)


def plan_table(
    source: CatalogTable, target: CatalogTable, declared: DeclaredRules, schema: SchemaDifference
) -> TablePlan:
    """The plan of one table; columns that only one side has are added to ``schema``."""
    label, pairs, unsound, excluded = source.label, [], [], []
    for column in source.columns:
        other = target.column(column.name)
        if declared.find("not_compared", label, column.name):
            excluded.append(column.name)
        elif other is None:
            schema.missing_columns.append(f"{label}.{quote_name(column.name)}")
            _add_declared(schema, declared, "dropped_column", label, column.name)
        elif form := choose_form(column, other):
            pairs.append(_pair_columns(label, column, other, form, declared))
        else:
            unsound.append(f"{column.name}: {column.type} and {other.type} have no common form")
        if other is not None and other.type != column.type:
            names = {
                "column": f"{label}.{quote_name(column.name)}",
                "source": column.type,
                "target": other.type,
            }
            schema.changed_types.append(names)
    for column in target.columns:
        if source.column(column.name) is not None:
            continue
        if declared.find("not_compared", label, column.name):
            excluded.append(column.name)
        else:
            schema.new_columns.append(f"{label}.{quote_name(column.name)}")
            _add_declared(schema, declared, "new_column", label, column.name)
    if not pairs and (source.columns or target.columns):
        unsound.append("not one of its columns was compared, and the number of its rows proves little")
    expressed = [pair.name for pair in pairs if pair.source.expression or pair.target.expression]
    declared.mark(lambda rule: rule.is_sql and any(rule.matches(label, name) for name in expressed))
    key = _choose_key(source, target, {pair.name for pair in pairs if not pair.filled})
    return TablePlan(source, target, tuple(pairs), key, tuple(unsound), tuple(excluded))


def _choose_key(source: CatalogTable, target: CatalogTable, comparable: set[str]) -> tuple[str, ...]:
    """Columns that identify a row: the key of the source, else of the target, if all are comparable."""
    return next((key for key in (source.key, target.key) if key and comparable.issuperset(key)), ())


def _pair_columns(
    table: str, source: CatalogColumn, target: CatalogColumn, form: CanonicalForm, declared: DeclaredRules
) -> ColumnPair:
    default = declared.find(
        "null_is_default", table, source.name, lambda rule: default_literal(rule.default, form) is not None
    )
    filled = None if default else declared.find("null_is_filled", table, source.name)
    rounded = declared.find("rounded", table, source.name) if form.name in ("timestamp", "time") else None
    return ColumnPair(source.name, source, target, form, default, filled, rounded)
