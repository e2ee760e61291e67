"""Reads a table of SQLite: its rows are written in the forms of the target, and hashed here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from integrations.parity.sources.row_buckets import (
    ReadableRow,
    RowGrouping,
    RowRecord,
    SummedBuckets,
    md5_of,
    sum_rows,
)
from integrations.parity.sources.source_tables import MatchedColumn, MatchedTable
from integrations.parity.sources.sqlite_values import (
    Value,
    adjust_sqlite,
    is_touched,
    of_another_type,
    show_sqlite,
    write_sqlite,
)
from integrations.parity.sources.target_reader import (
    finish_record,
    finish_values,
    key_ranges,
    select_rows,
    select_shown,
)
from integrations.parity.sources.value_forms import FREE, MAX_SHOWN


class SqliteReader:
    """One table of the source, in the form that it has in common with the target."""

    def __init__(self, connection: sqlite3.Connection, match: MatchedTable) -> None:
        self.connection, self.match = connection, match
        self._places = {column.name: place for place, column in enumerate(match.columns)}

    def read_range(self, scheme: RowGrouping) -> tuple[int, int, int] | None:
        """Lowest and highest key and the number of rows, as far as the scheme goes; None without rows."""
        key = _quote(self.match.key_columns[0].source.name)
        where = f"typeof({key}) = 'integer'"
        if scheme.low is not None:
            where += f" and {key} between {scheme.low} and {scheme.high}"
        table = _quote(self.match.source.name)
        query = f"select min({key}), max({key}), count(*) from {table} where {where}"  # noqa: S608  # quoted
        low, high, rows = self.connection.execute(query).fetchone()
        return None if low is None else (low, high, rows)

    def read_sums(self, scheme: RowGrouping) -> SummedBuckets:
        """The sums of all buckets within the scheme."""
        return sum_rows(self.match, scheme, self.read_rows(scheme))

    def read_rows(self, scheme: RowGrouping, labels: Sequence[str] | None = None) -> Iterator[RowRecord]:
        """The rows of these buckets, or all within the scheme."""
        rows = (
            finish_record(self.match, scheme, *self._start(scheme, row), self._documents(row))
            for row in self._stream(scheme, labels)
        )
        if labels is None or scheme.how == "range":
            return select_rows(self.match, scheme, rows, labels)
        wanted = set(labels)
        return (row for row in rows if scheme.label_of(row.identity) in wanted)

    def read_values(self, scheme: RowGrouping, identities: Sequence[str]) -> Iterator[ReadableRow]:
        """The rows with these identities, for people."""
        labels = list({scheme.label_of(identity) for identity in identities})
        rows = (
            finish_values(self.match, scheme, *self._start(scheme, row), *self._texts(row))
            for row in self._stream(scheme, labels)
        )
        return select_shown(scheme, rows, identities)

    def _stream(self, scheme: RowGrouping, labels: Sequence[str] | None) -> Iterator[tuple[Any, ...]]:
        names = ", ".join(_quote(column.source.name) for column in self.match.columns)
        query = f"select {names} from {_quote(self.match.source.name)}"  # noqa: S608  # names are quoted
        key = _quote(self.match.key_columns[0].source.name) if self.match.key else ""
        conditions = []
        if scheme.low is not None:
            conditions.append(f"{key} between {scheme.low} and {scheme.high}")
        if labels is not None and scheme.how == "range":
            parts = [f"{key} between {first} and {last}" for first, last in key_ranges(scheme, labels)]
            parts += [f"coalesce(typeof({key}), '') <> 'integer'"] if "" in labels else []
            conditions.append(f"({' or '.join(parts or ['0'])})")
        query += f" where {' and '.join(conditions)}" if conditions else ""
        yield from self.connection.execute(query)

    def _start(self, scheme: RowGrouping, row: tuple[Any, ...]) -> tuple[str, str, str, list[str]]:
        """Identity, hash, which adjustments apply, and the exact values of those that are tracked."""
        parts = [
            None if column.form == "json" else write_part(column, value)
            for column, value in zip(self.match.columns, row, strict=True)
        ]
        row_hash = md5_of("".join(part for part in parts if part is not None))
        touched, exact = "", []
        for column, each in self.match.adjusted:
            value = row[self._places[column.name]]
            touched += "1" if is_touched(column, each, value) else "0"
            if each.is_tracked:
                text = write_sqlite(column, value)
                exact.append(md5_of("~" if text is None else text))
        if scheme.how == "row":
            return row_hash, row_hash, touched, exact
        places = [self._places[name] for name in self.match.key]
        if scheme.how == "key":
            return md5_of("".join(str(parts[place]) for place in places)), row_hash, touched, exact
        value = row[places[0]]
        return "" if value is None else str(value), row_hash, touched, exact

    def _documents(self, row: tuple[Any, ...]) -> list[str | None]:
        pairs = zip(self.match.columns, row, strict=True)
        return [_document(value) for column, value in pairs if column.form == "json"]

    def _texts(self, row: tuple[Any, ...]) -> tuple[list[str | None], list[str | None]]:
        shown, compared = [], []
        for column, value in zip(self.match.columns, row, strict=True):
            shown.append(_shorten_text(show_sqlite(value)))
            compared.append(_document(value) if column.form == "json" else write_part(column, value))
        return shown, compared


def write_part(column: MatchedColumn, value: Value) -> str:
    """The value as a part of the text of its row, as the target writes it (`target_reader`)."""
    text = adjust_sqlite(column, value)
    if column.form in FREE:
        return "-:" if text is None else f"{len(text)}:{text}"
    return f"{'~' if text is None else text}|"


def _document(value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else of_another_type(value)


def _shorten_text(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def _quote(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
