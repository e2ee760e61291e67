"""Reads the target, PostgreSQL: sums of buckets, rows by their hash, and values of rows that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sources.canonical_json import canonical_json
from integrations.parity.sources.row_buckets import (
    ReadableRow,
    RowGrouping,
    RowRecord,
    SummedBucket,
    SummedBuckets,
    is_whole_number,
    md5_of,
    sum_rows,
)
from integrations.parity.sources.source_tables import MatchedColumn, MatchedTable
from integrations.parity.sources.value_forms import (
    FREE,
    MAX_SHOWN,
    adjusted_target,
    exact_target,
    target_column,
    touched_target,
)

JOIN = sql.SQL(" || ")
COMMA = sql.SQL(", ")


class TargetReader:
    """One table of the target, in the form that it has in common with the source."""

    def __init__(self, snapshot: Snapshot, match: MatchedTable) -> None:
        self.snapshot, self.match = snapshot, match

    @property
    def _table(self) -> sql.Composable:
        table: CatalogTable = self.match.target
        return sql.SQL("{} AS r").format(table.from_clause)

    def read_range(self, scheme: RowGrouping) -> tuple[int, int, int] | None:
        """Lowest and highest key and the number of rows, as far as the scheme goes; None without rows."""
        column = target_column(self.match.key_columns[0].target)
        query = sql.SQL("SELECT min({c}), max({c}), count(*) FROM {t} WHERE {w}").format(
            c=column, t=self._table, w=self._within(scheme)
        )
        low, high, rows = self.snapshot.fetch_rows(query)[0]
        return None if low is None else (int(low), int(high), int(rows))

    def read_sums(self, scheme: RowGrouping) -> SummedBuckets:
        """The sums of all buckets within the scheme."""
        if self.match.documents:
            return sum_rows(self.match, scheme, self.read_rows(scheme))
        touched = [
            sql.SQL("count(*) FILTER (WHERE {})").format(touched_target(column, each.kind))
            for column, each in self.match.adjusted
        ]
        hashed = sql.SQL("sum(('x' || right({}, 15))::bit(60)::bigint)").format(self._row_hash)
        query = sql.SQL("SELECT {}, {} FROM {} WHERE {} GROUP BY 1").format(
            self._label(scheme),
            COMMA.join([sql.SQL("count(*)"), hashed, *touched]),
            self._table,
            self._within(scheme),
        )
        found = self.snapshot.fetch_rows(query)
        return {
            "" if label is None else str(label): SummedBucket(rows, int(total), list(counts))
            for label, rows, total, *counts in found
        }

    def read_rows(self, scheme: RowGrouping, labels: Sequence[str] | None = None) -> Iterator[RowRecord]:
        """The rows of these buckets, or all within the scheme."""
        documents = [column.target.text for column in self.match.documents]
        query = sql.SQL("SELECT {}, {} FROM {} WHERE {} AND {}").format(
            self._record(scheme),
            _texts(documents),
            self._table,
            self._within(scheme),
            self._in_buckets(scheme, labels),
        )
        rows = (
            finish_record(self.match, scheme, _name(identity), *found)
            for identity, *found in self.snapshot.stream_rows(query)
        )
        yield from select_rows(self.match, scheme, rows, labels)

    def read_values(self, scheme: RowGrouping, identities: Sequence[str]) -> Iterator[ReadableRow]:
        """The rows with these identities, for people."""
        columns = self.match.columns
        shown = [_shorten(column.target.text) for column in columns]
        compared = [column.target.text if column.form == "json" else _part(column) for column in columns]
        is_ours = scheme.how == "row" and bool(self.match.documents)
        # Of rows without a key one stands for all that are the same: there may be a million.
        once = sql.SQL("DISTINCT ON ({})").format(self._identity(scheme))
        query = sql.SQL("SELECT {} {}, {}, {} FROM {} WHERE {}").format(
            once if scheme.how == "row" and not is_ours else sql.SQL(""),
            self._record(scheme),
            _texts(shown),
            _texts(compared),
            self._table,
            sql.SQL("true") if is_ours else self._among(scheme, identities),
        )
        rows = (
            finish_values(self.match, scheme, _name(identity), *found)
            for identity, *found in self.snapshot.stream_rows(query)
        )
        yield from select_shown(scheme, rows, identities)

    def _record(self, scheme: RowGrouping) -> sql.Composable:
        """Identity, hash, which adjustments apply, and the exact values of those that are tracked."""
        adjusted = self.match.adjusted
        touched = [
            sql.SQL("CASE WHEN {} THEN '1' ELSE '0' END").format(touched_target(column, each.kind))
            for column, each in adjusted
        ]
        exact = [
            sql.SQL("md5(coalesce({}, '~'))").format(exact_target(column))
            for column, each in adjusted
            if each.is_tracked
        ]
        marks = JOIN.join(touched) if touched else sql.Literal("")
        return COMMA.join([self._identity(scheme), self._row_hash, marks, _texts(exact)])

    @property
    def _row_hash(self) -> sql.Composable:
        return _md5(self.match.hashed)

    def _identity(self, scheme: RowGrouping) -> sql.Composable:
        if scheme.how == "range":
            return target_column(self.match.key_columns[0].target)
        return _md5(self.match.key_columns if scheme.how == "key" else self.match.hashed)

    def _label(self, scheme: RowGrouping) -> sql.Composable:
        identity = self._identity(scheme)
        if scheme.how == "range":
            return sql.SQL("{}::bigint / {}::bigint").format(identity, sql.Literal(scheme.width))
        return sql.SQL("left({}, {})").format(identity, sql.Literal(scheme.digits))

    def _within(self, scheme: RowGrouping) -> sql.Composable:
        if scheme.low is None or scheme.high is None:
            return sql.SQL("true")
        key = target_column(self.match.key_columns[0].target)
        return sql.SQL("{} BETWEEN {} AND {}").format(key, sql.Literal(scheme.low), sql.Literal(scheme.high))

    def _in_buckets(self, scheme: RowGrouping, labels: Sequence[str] | None) -> sql.Composable:
        if labels is None or (scheme.how == "row" and self.match.documents):
            return sql.SQL("true")
        if scheme.how != "range":
            return sql.SQL("{} = ANY({}::text[])").format(self._label(scheme), sql.Literal(list(labels)))
        key = target_column(self.match.key_columns[0].target)
        parts = [
            sql.SQL("{} BETWEEN {} AND {}").format(key, *map(sql.Literal, pair))
            for pair in key_ranges(scheme, labels)
        ]
        if "" in labels:
            parts.append(sql.SQL("{} IS NULL").format(key))
        return sql.SQL("({})").format(sql.SQL(" OR ").join(parts))

    def _among(self, scheme: RowGrouping, identities: Sequence[str]) -> sql.Composable:
        if scheme.how != "range":
            wanted = sql.Literal(list(identities))
            return sql.SQL("{} = ANY({}::text[])").format(self._identity(scheme), wanted)
        numbers = sql.Literal([int(identity) for identity in identities if is_whole_number(identity)])
        found = sql.SQL("{} = ANY({}::bigint[])").format(self._identity(scheme), numbers)
        if len(identities) > len([name for name in identities if is_whole_number(name)]):
            return sql.SQL("({} OR {} IS NULL)").format(found, self._identity(scheme))
        return found


def _name(identity: object) -> str:
    return "" if identity is None else str(identity)


def select_rows(
    match: MatchedTable, scheme: RowGrouping, rows: Iterable[RowRecord], labels: Sequence[str] | None
) -> Iterator[RowRecord]:
    """The rows of these buckets; the server cannot choose them by our hash of JSON."""
    if labels is None or not (match.documents and scheme.how == "row"):
        return iter(rows)
    wanted = set(labels)
    return (row for row in rows if scheme.label_of(row.identity) in wanted)


def select_shown(
    scheme: RowGrouping, rows: Iterable[ReadableRow], identities: Sequence[str]
) -> Iterator[ReadableRow]:
    """The rows with these identities; of rows without a key, the first of those that are the same."""
    wanted = set(identities)
    for row in rows:
        if row.record.identity in wanted:
            wanted -= {row.record.identity} if scheme.how == "row" else set()
            yield row


def key_ranges(scheme: RowGrouping, labels: Iterable[str]) -> list[tuple[int, int]]:
    """The ranges of keys of these buckets; neighbours are one range."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(scheme.bounds(label) for label in labels if label):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], last)
        else:
            ranges.append((first, last))
    return ranges


def finish_record(
    match: MatchedTable,
    scheme: RowGrouping,
    identity: str,
    row_hash: str,
    touched: str,
    exact: Sequence[str],
    documents: Sequence[str | None],
) -> RowRecord:
    """A row as its server hashed it, with its JSON, which is hashed here."""
    if not match.documents:
        return RowRecord(identity, row_hash, touched, tuple(exact))
    texts = [None if text is None else canonical_json(text) for text in documents]
    parts = (f"{len(text)}:{text}" if text is not None else "-" for text in texts)
    full = md5_of(row_hash + "".join(parts))
    return RowRecord(full if scheme.how == "row" else identity, full, touched, tuple(exact))


def finish_values(
    match: MatchedTable,
    scheme: RowGrouping,
    identity: str,
    row_hash: str,
    touched: str,
    exact: Sequence[str],
    shown: Sequence[str | None],
    compared: Sequence[str | None],
) -> ReadableRow:
    """The values of a row; JSON is compared by its meaning."""
    pairs = list(zip(match.columns, compared, strict=True))
    documents = [text for column, text in pairs if column.form == "json"]
    parts = [
        (canonical_json(text) if text is not None else "~") if column.form == "json" else str(text)
        for column, text in pairs
    ]
    record = finish_record(match, scheme, identity, row_hash, touched, exact, documents)
    return ReadableRow(record, tuple(shown), tuple(parts))


def _md5(columns: Sequence[MatchedColumn]) -> sql.Composable:
    return sql.SQL("md5({})").format(JOIN.join([sql.Literal(""), *map(_part, columns)]))


def _part(column: MatchedColumn) -> sql.Composable:
    """The value as a part of the text of its row; no two sequences of parts are the same text."""
    value = adjusted_target(column)
    if column.form in FREE:
        length = sql.SQL("coalesce(textin(int4out(length({v}))), '-')").format(v=value)
        return sql.SQL("{} || ':' || coalesce({}, '')").format(length, value)
    return sql.SQL("coalesce({}, '~') || '|'").format(value)


def _texts(values: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("ARRAY[{}]::text[]").format(COMMA.join(values))


def _shorten(text: sql.Composable) -> sql.Composable:
    return sql.SQL(
        "CASE WHEN length({t}) > {m} THEN left({t}, {m}) || '… (' || textin(int4out(length({t})))"
        " || ' characters)' ELSE {t} END"
    ).format(t=text, m=sql.Literal(MAX_SHOWN))
