"""Reads a table of MariaDB or MySQL: sums of buckets, rows by their hash, and values of rows that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from integrations.parity.sources.mariadb_forms import (
    adjusted_source,
    exact_source,
    is_null_source,
    quote_source,
    shown_source,
    sql_text,
    touched_source,
)
from integrations.parity.sources.mariadb_session import MariaDbSnapshot, SourceChanged
from integrations.parity.sources.row_buckets import (
    ReadableRow,
    RowGrouping,
    RowRecord,
    SummedBucket,
    SummedBuckets,
    sum_rows,
)
from integrations.parity.sources.source_tables import MatchedColumn, MatchedTable
from integrations.parity.sources.target_reader import (
    finish_record,
    finish_values,
    key_ranges,
    select_rows,
    select_shown,
)
from integrations.parity.sources.value_forms import FREE, MAX_SHOWN

NO_HASH = (
    "some of its rows are longer than max_allowed_packet of the source, and cannot be hashed there; raise it,"
    " or leave their columns out"
)


class MariaDbReader:
    """One table of the source, in the form that it has in common with the target."""

    def __init__(self, snapshot: MariaDbSnapshot, match: MatchedTable) -> None:
        self.snapshot, self.match = snapshot, match
        self._table = quote_source(match.source.name)

    def read_range(self, scheme: RowGrouping) -> tuple[int, int, int] | None:
        """Lowest and highest key and the number of rows, as far as the scheme goes; None without rows."""
        key = quote_source(self.match.key_columns[0].source.name)
        wanted = f"min({key}), max({key}), count(*)"
        query = f"select {wanted} from {self._table} where {self._within(scheme)}"  # noqa: S608  # quoted
        low, high, rows = self.snapshot.fetch_rows(query)[0]
        return None if low is None else (int(low), int(high), int(rows))

    def read_sums(self, scheme: RowGrouping) -> SummedBuckets:
        """The sums of all buckets within the scheme."""
        if self.match.documents:
            return sum_rows(self.match, scheme, self.read_rows(scheme))
        hashed = f"cast(conv(right({self._row_hash}, 15), 16, 10) as unsigned)"
        touched = [f"sum({touched_source(column, each.kind)})" for column, each in self.match.adjusted]
        wanted = ", ".join(["count(*)", f"sum({hashed})", *touched])
        # Without ORDER BY NULL, older servers sort the groups.
        query = (
            f"select {self._label(scheme)} as label, {wanted} from {self._table}"  # noqa: S608  # quoted
            f" where {self._within(scheme)} group by label order by null"
        )
        found: SummedBuckets = {}
        # A row that cannot be hashed is left out of the sum, so its bucket differs, and `read_rows` tells it.
        for label, rows, total, *counts in self.snapshot.fetch_rows(query):
            name = "" if label is None else str(label)
            found[name] = SummedBucket(int(rows), int(total or 0), [int(count or 0) for count in counts])
        return found

    def read_rows(self, scheme: RowGrouping, labels: Sequence[str] | None = None) -> Iterator[RowRecord]:
        """The rows of these buckets, or all within the scheme."""
        documents = [shown_source(column.source) for column in self.match.documents]
        where = f"{self._within(scheme)} and {self._in_buckets(scheme, labels)}"
        rows = (
            finish_record(self.match, scheme, *start, texts)
            for start, texts in self._stream(scheme, documents, where)
        )
        yield from select_rows(self.match, scheme, rows, labels)

    def read_values(self, scheme: RowGrouping, identities: Sequence[str]) -> Iterator[ReadableRow]:
        """The rows with these identities, for people."""
        columns = self.match.columns
        shown = [_shorten(shown_source(column.source)) for column in columns]
        compared = [
            shown_source(column.source) if column.form == "json" else _write_part(column)
            for column in columns
        ]
        is_ours = scheme.how == "row" and bool(self.match.documents)
        where = "true" if is_ours else self._among(scheme, identities)
        if scheme.how == "row" and not is_ours:
            where += " group by 1"  # of rows without a key one stands for all that are the same
        many = len(columns)
        rows = (
            finish_values(self.match, scheme, *start, texts[:many], texts[many:])
            for start, texts in self._stream(scheme, [*shown, *compared], where)
        )
        yield from select_shown(scheme, rows, identities)

    def _stream(
        self, scheme: RowGrouping, more: Sequence[str], where: str
    ) -> Iterator[tuple[tuple[str, str, str, list[str]], list[str | None]]]:
        """Of each row: identity, hash, which adjustments apply, and exact values; then the ``more`` texts."""
        adjusted = self.match.adjusted
        touched = [f"({touched_source(column, each.kind)})" for column, each in adjusted]
        exact = [
            f"md5(if({is_null_source(column)}, '~', {exact_source(column)}))"
            for column, each in adjusted
            if each.is_tracked
        ]
        marks = f"concat({', '.join(touched)})" if touched else "''"
        wanted = ", ".join([self._identity(scheme), self._row_hash, marks, *exact, *more])
        query = f"select {wanted} from {self._table} where {where}"  # noqa: S608  # names are quoted
        for identity, row_hash, found, *texts in self.snapshot.stream_rows(query):
            if row_hash is None:
                raise SourceChanged(NO_HASH)
            name = "" if identity is None else str(identity)
            yield (name, row_hash, str(found), texts[: len(exact)]), texts[len(exact) :]

    @property
    def _row_hash(self) -> str:
        return _md5_sql(self.match.hashed)

    def _identity(self, scheme: RowGrouping) -> str:
        if scheme.how == "range":
            return quote_source(self.match.key_columns[0].source.name)
        return _md5_sql(self.match.key_columns if scheme.how == "key" else self.match.hashed)

    def _label(self, scheme: RowGrouping) -> str:
        identity = self._identity(scheme)
        return (
            f"{identity} div {scheme.width}"
            if scheme.how == "range"
            else f"left({identity}, {scheme.digits})"
        )

    def _within(self, scheme: RowGrouping) -> str:
        if scheme.low is None:
            return "true"
        key = quote_source(self.match.key_columns[0].source.name)
        return f"{key} between {scheme.low} and {scheme.high}"

    def _in_buckets(self, scheme: RowGrouping, labels: Sequence[str] | None) -> str:
        if labels is None or (scheme.how == "row" and self.match.documents):
            return "true"
        if scheme.how != "range":
            return f"{self._label(scheme)} in ({_digests(labels)})"
        key = quote_source(self.match.key_columns[0].source.name)
        parts = [f"{key} between {first} and {last}" for first, last in key_ranges(scheme, labels)]
        return f"({' or '.join(parts or ['false'])})"

    def _among(self, scheme: RowGrouping, identities: Sequence[str]) -> str:
        if scheme.how == "range":
            numbers = ", ".join(str(int(identity)) for identity in identities if identity)
            return f"{self._identity(scheme)} in ({numbers or 'null'})"
        return f"{self._identity(scheme)} in ({_digests(identities)})"


def _digests(texts: Sequence[str]) -> str:
    """Hex digits as SQL."""
    return ", ".join(f"'{int(text, 16):0{len(text)}x}'" for text in texts) or "null"


def _md5_sql(columns: Sequence[MatchedColumn]) -> str:
    parts = [part for column in columns for part in _list_parts(column)]
    return f"md5(concat({', '.join(parts)}))" if parts else "md5('')"


def _write_part(column: MatchedColumn) -> str:
    return f"concat({', '.join(_list_parts(column))})"


def _list_parts(column: MatchedColumn) -> list[str]:
    """What one value adds to the text of its row, as the target writes it (`target_reader`).

    Whether it is NULL is asked of the column: a function gives NULL for what is longer than a packet, too.
    """
    default, value = column.adjustment("default"), adjusted_source(column)
    null = default.default if default else None
    if column.form in FREE:
        if (
            value == quote_source(column.source.name) and null is None
        ):  # no function, so nothing to be too long
            return [f"ifnull(char_length({value}), '-')", "':'", f"ifnull({value}, '')"]
        instead = "-:" if null is None else f"{len(null)}:{null}"
        # Letters in lower case are as many as before.
        counted = value.removeprefix("lower") if column.form == "uuid" else value
        written = f"concat(char_length({counted}), ':', {value})"
        return [_unless_null(column, written, instead)]
    return [_unless_null(column, value, "~" if null is None else null), "'|'"]


def _unless_null(column: MatchedColumn, written: str, instead: str) -> str:
    if column.source.required and not column.adjustment("zero"):
        return written
    return f"if({is_null_source(column)}, {sql_text(instead)}, {written})"


def _shorten(text: str) -> str:
    return (
        f"if(char_length({text}) > {MAX_SHOWN}, concat(left({text}, {MAX_SHOWN}), '… (',"
        f" char_length({text}), ' characters)'), {text})"
    )
