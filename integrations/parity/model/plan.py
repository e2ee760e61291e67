"""Which table is compared with which, column by column, in which form, under which declared differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql

from integrations.parity.declared import Declared, Rule
from integrations.parity.forms import RECODED, Form, default_literal, form_for
from integrations.parity.tables import Column, Table

Tables = Mapping[tuple[str, str], Table]


@dataclass(frozen=True)
class Cell:
    """One pair of columns and how their values become comparable; rules that may bend that, or None."""

    name: str
    source: Column
    target: Column
    form: Form
    default: Rule | None = None
    filled: Rule | None = None
    rounded: Rule | None = None

    @property
    def recipe(self) -> str:
        """How the column is hashed: two fingerprints are comparable when their recipes are the same."""
        digits = self.rounded.digits if self.rounded else "-"
        default = repr(self.default.default) if self.default else "-"
        return f"{self.name}|{self.form.name}|{digits}|{'filled' if self.filled else default}"

    @property
    def default_value(self) -> sql.Composable | None:
        """The declared default as SQL."""
        return default_literal(self.default.default, self.form) if self.default else None


@dataclass(frozen=True)
class Track:
    """A declared rule's trace in one column: which cells it touches is counted beside the row hash."""

    cell: Cell
    rule: Rule

    def allows(self, source: int | None, target: int | None) -> bool:
        """Whether a row may have these tokens (None: untouched) on its two sides."""
        if source == target:
            return True
        return source is None if self.rule.kind == "null_is_filled" else target is None


@dataclass(frozen=True)
class Buckets:
    """How rows fall into buckets: ``range``: integer key >> bits; ``hash``: hash of the key, low bits."""

    how: str
    bits: int


@dataclass(frozen=True)
class TablePlan:
    """Everything that decides how one table is compared, before any row is read."""

    source: Table
    target: Table
    cells: tuple[Cell, ...]
    key: tuple[str, ...]
    unsound: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The table's name for people."""
        return self.source.label

    @property
    def key_cells(self) -> tuple[Cell, ...]:
        """The cells of the key in the key's order."""
        by_name = {cell.name: cell for cell in self.cells}
        return tuple(by_name[name] for name in self.key)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The traces of all declared rules, in a fixed order."""
        return tuple(
            Track(cell, rule)
            for cell in self.cells
            for rule in (cell.default, cell.filled, cell.rounded)
            if rule
        )

    @property
    def recipe(self) -> list[str]:
        """The key, and how each column is hashed."""
        return [f"key|{'|'.join(self.key)}", *(cell.recipe for cell in self.cells)]

    def table(self, side: str) -> Table:
        """The table of the ``source`` or the ``target``."""
        return self.source if side == "source" else self.target

    def recoded(self) -> TablePlan:
        """The plan with texts hashed as UTF-8, whatever a server keeps them in."""
        cells = [replace(cell, form=RECODED.get(cell.form.name, cell.form)) for cell in self.cells]
        return replace(self, cells=tuple(cells))

    def without_json(self) -> TablePlan | None:
        """The plan less its json columns, for data that PostgreSQL cannot bring into their form."""
        bad = [c for c in self.cells if "json" in (c.source.base, c.target.base)]
        if not bad or any(cell.name in self.key for cell in bad):
            return None
        said = tuple(f"{c.name}: holds JSON that jsonb cannot hold, so it was not compared" for c in bad)
        return replace(self, cells=tuple(c for c in self.cells if c not in bad), unsound=self.unsound + said)


@dataclass
class SchemaDifference:
    """Tables and columns that only one side has, and types that changed; ``declared`` apart."""

    new_tables: list[str] = field(default_factory=list)
    missing_tables: list[str] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)
    missing_columns: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    changed_types: list[dict[str, str]] = field(default_factory=list)

    @property
    def undeclared(self) -> list[str]:
        """What nobody declared, in words."""
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
    source: Tables, target: Tables, declared: Declared, *, recode: bool = False
) -> tuple[list[TablePlan], SchemaDifference, list[str]]:
    """A plan for each table that both have, what only one has, and the tables left out on purpose.

    ``recode``: the sides keep texts in different encodings, so that they are hashed as UTF-8.
    """
    schema, left_out, plans = SchemaDifference(), [], []
    for place in sorted(set(source) | set(target)):
        label = (source.get(place) or target[place]).label
        if declared.find("not_compared", label):
            left_out.append(label)
        elif place not in target:
            schema.missing_tables.append(label)
            _note(schema, declared, "dropped_table", label)
        elif place not in source:
            schema.new_tables.append(label)
            _note(schema, declared, "new_table", label)
        else:
            plan = plan_table(source[place], target[place], declared, schema)
            plans.append(plan.recoded() if recode else plan)
    return plans, schema, left_out


def _note(schema: SchemaDifference, declared: Declared, kind: str, table: str, column: str = "") -> None:
    if declared.find(kind, table, column):
        schema.declared.append(f"{table}.{column}" if column else table)


def plan_table(source: Table, target: Table, declared: Declared, schema: SchemaDifference) -> TablePlan:
    """The plan of one table; what only one side has goes into ``schema``."""
    label, cells, unsound, left_out = source.label, [], [], []
    for column in source.columns:
        other = target.column(column.name)
        if declared.find("not_compared", label, column.name):
            left_out.append(column.name)
        elif other is None:
            schema.missing_columns.append(f"{label}.{column.name}")
            _note(schema, declared, "dropped_column", label, column.name)
        elif form := form_for(column, other):
            cells.append(_cell(label, column, other, form, declared))
        else:
            unsound.append(f"{column.name}: {column.type} and {other.type} have no common form")
        if other is not None and other.type != column.type:
            names = {"column": f"{label}.{column.name}", "source": column.type, "target": other.type}
            schema.changed_types.append(names)
    for column in target.columns:
        if source.column(column.name) is None and not declared.find("not_compared", label, column.name):
            schema.new_columns.append(f"{label}.{column.name}")
            _note(schema, declared, "new_column", label, column.name)
    key = _key(source, target, {cell.name for cell in cells if not cell.filled})
    return TablePlan(source, target, tuple(cells), key, tuple(unsound), tuple(left_out))


def _key(source: Table, target: Table, comparable: set[str]) -> tuple[str, ...]:
    """Columns that tell rows apart: the source's key, or else the target's, when both have them."""
    return next((key for key in (source.key, target.key) if key and comparable.issuperset(key)), ())


def _cell(table: str, source: Column, target: Column, form: Form, declared: Declared) -> Cell:
    default = declared.find(
        "null_is_default", table, source.name, lambda rule: default_literal(rule.default, form) is not None
    )
    filled = None if default else declared.find("null_is_filled", table, source.name)
    rounded = declared.find("rounded", table, source.name) if form.name in ("timestamp", "time") else None
    return Cell(source.name, source, target, form, default, filled, rounded)
