"""A table at a point of a script: its columns, its rules, and its rows as a query over the live database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from integrations.sql_review.catalog import Column, Rule
from integrations.sql_review.identifiers import TableName, quote_identifier

#: Types whose values may be shown as examples: they name a row, and say nothing about a person.
KEY_TYPES = frozenset({"smallint", "integer", "bigint", "uuid"})


@dataclass
class ScriptTable:
    """A table (or view) as the statements so far have left it.

    ``query`` gives its present rows; empty means those of the live table ``live_name``. ``oid`` is 0 when the
    script itself makes the table (``is_new``); ``is_empty`` holds until something is written to such a table.
    ``unknown`` says why the rows cannot be told. Without a connection nothing is known of a table:
    ``is_assumed``.
    """

    name: TableName
    live_name: str
    kind: str = "r"
    columns: dict[str, Column] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    oid: int = 0
    query: str = ""
    is_new: bool = False
    is_empty: bool = False
    unknown: str = ""
    is_assumed: bool = False
    has_triggers: bool = False
    uses: dict[TableName, set[str]] = field(default_factory=dict)  # of a view that the script makes
    _queries: list[str] = field(default_factory=lambda: [""])  # every `query` so far
    _changed_in: dict[str, int] = field(default_factory=dict)  # column → the first of these with its values
    _rows_since: int = 0  # the first of these with the rows of today

    def __str__(self) -> str:
        return self.name.shorten()

    @property
    def is_live(self) -> bool:
        """Whether others use it while the script runs."""
        return not self.is_new

    def source(self, alias: str = "") -> str:
        """The table as an entry of FROM."""
        return self._from(self.query, alias)

    def source_of(self, columns: Collection[str]) -> str:
        """As `source`, for conditions on these columns only: the earliest rows in which they are as now.

        Most conditions are about columns that no statement has changed. They can be counted in one scan of
        the live table, and need not repeat what the statements did to other columns.
        """
        if self.query != self._queries[-1]:
            return self.source()
        first = max([self._rows_since, *(self._changed_in.get(name, 0) for name in columns)])
        return self._from(self._queries[first])

    def _from(self, query: str, alias: str = "") -> str:
        name = quote_identifier(alias or self.name.name)
        return f"({query}) AS {name}" if query else f"{self.live_name} AS {name}"

    def key_expression(self) -> str:
        """SQL that tells a row apart, such as “id=7”; "" where the key could say something personal."""
        keys = next((rule.columns for rule in self.rules if rule.kind == "primary"), ())
        names = [key.strip('"') for key in keys]
        if not names or any(name not in self.columns for name in names):
            return ""
        if any(self.columns[name].sql_type not in KEY_TYPES for name in names):
            return ""
        parts = [
            f"'{name.replace(chr(39), chr(39) * 2)}=' || {quote_identifier(name)}::text" for name in names
        ]
        return " || ' ' || ".join(parts)

    def find_unknown(self, *columns: str) -> str:
        """Why the rows, or the values of these columns, cannot be told; empty when they can."""
        reasons = [self.columns[name].unknown for name in columns if name in self.columns]
        return self.unknown or next((reason for reason in reasons if reason), "")

    def rewrite(self, values: Mapping[str, str], *, alias: str = "", where: str = "") -> None:
        """Changes the rows: each column in ``values`` (new ones, too) has this expression from now on.

        ``where``: the rows that remain. Columns that are no longer in ``columns`` are left out.
        """
        picked = [
            f"{values[name]} AS {quote_identifier(name)}" if name in values else quote_identifier(name)
            for name in self.columns
        ]
        ending = f" WHERE {where}" if where else ""
        self._set_query(
            f"SELECT {', '.join(picked)} FROM {self.source(alias)}{ending}",  # noqa: S608 - quoted
            values,
            same_rows=not where,
        )

    def _set_query(self, query: str, changed: Collection[str], *, same_rows: bool) -> None:
        self.query = query
        self._queries.append(query)
        self._changed_in |= dict.fromkeys(changed, len(self._queries) - 1)
        if not same_rows:
            self._rows_since = len(self._queries) - 1

    def append(self, query: str) -> None:
        """Adds the rows of a query that gives every column, in order."""
        own = ", ".join(quote_identifier(name) for name in self.columns)
        before = "" if self.is_empty else f"SELECT {own} FROM {self.source()} UNION ALL "  # noqa: S608 - quoted
        self._set_query(before + query, (), same_rows=False)
        self.is_empty = False

    def clear(self) -> None:
        """Removes all rows."""
        nulls = [f"CAST(NULL AS {c.sql_type}) AS {quote_identifier(c.name)}" for c in self.columns.values()]
        self._set_query(f"SELECT {', '.join(nulls) or 'NULL'} WHERE false", (), same_rows=False)
        self.unknown = ""
        self.columns = {name: column.changed(unknown="") for name, column in self.columns.items()}

    def add_column(self, column: Column, value: str) -> None:
        """Adds a column that has this value in every row."""
        self.columns[column.name] = column
        if not self.is_assumed:
            self.rewrite({column.name: value})

    def drop_column(self, name: str) -> None:
        """Removes a column, and the rules that it is part of."""
        self.columns.pop(name, None)
        quoted = (name, quote_identifier(name))
        self.rules = [rule for rule in self.rules if not set(quoted) & {*rule.columns}]
        if not self.is_assumed:
            self.rewrite({})

    def rename_column(self, old: str, new: str) -> None:
        """Gives a column another name."""
        columns = {new if name == old else name: column for name, column in self.columns.items()}
        if new in columns:
            columns[new] = columns[new].changed(name=new)
        self.columns = columns
        before, after = (old, quote_identifier(old)), quote_identifier(new)
        self.rules = [
            rule
            if not set(before) & {*rule.columns}
            else Rule(**{**vars(rule), "columns": tuple(after if c in before else c for c in rule.columns)})
            for rule in self.rules
        ]
        if not self.is_assumed:
            self.rewrite({new: quote_identifier(old)})
