"""The questions that one side of a table is asked: bucket sums, rows of buckets, rows and values by key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import sql

from integrations.parity.plan import Buckets, Cell, TablePlan
from integrations.parity.rowhash import Side
from integrations.parity.snapshot import Row, Snapshot
from integrations.parity.tables import Table

ROWS_A_BUCKET = 10  # as a power of two: 1024
BYTES_A_ROW = 500  # to guess rows from bytes: too few buckets are only slower to drill into
SPARSE = 16  # integer keys spread over more than this times the rows go into hash buckets
OF_NULL = 1 << 62  # the bucket of rows whose integer key is NULL, which one side may not forbid
CUT = 500  # characters shown of a value

Key = tuple[str | None, ...]


class Sum(NamedTuple):
    """What is known of a bucket: rows, sum of row hashes, and (count, sum) of each track's tokens."""

    rows: int
    sum: int
    tracks: tuple[tuple[int, int], ...]


class Hashed(NamedTuple):
    """One row as hashes: the whole row, and a token for each track that touches it."""

    row: int
    tokens: tuple[int | None, ...]


@dataclass(frozen=True)
class Shown:
    """One row's values as text (cut), and the hash of each canonical value, by column."""

    hashed: Hashed
    values: Mapping[str, str | None]
    hashes: Mapping[str, int | None]


def choose_buckets(snapshot: Snapshot, table: Table, key: Sequence[str]) -> Buckets:
    """Ranges for a dense integer key (their rows are read by its index), else low bits of the key's hash."""
    column = table.column(key[0]) if len(key) == 1 else None
    rows = max(table.estimate, _size(snapshot, table) // BYTES_A_ROW)
    many = (rows >> ROWS_A_BUCKET).bit_length()
    if column is None or column.family != "integer":
        return Buckets("hash", many)
    name = sql.Identifier("r", column.name)
    question = sql.SQL("SELECT min({0})::bigint, max({0})::bigint FROM {1} AS r").format(name, table.source)
    low, high = snapshot.rows(question)[0]
    if low is not None and high - low > SPARSE * max(rows, 1024):
        return Buckets("hash", many)
    return Buckets("range", ROWS_A_BUCKET)


def _size(snapshot: Snapshot, table: Table) -> int:
    """Bytes of the table, or of its partitions: right where statistics were never made."""
    name = sql.Literal(sql.Identifier(table.schema, table.name).as_string(snapshot.connection))
    question = sql.SQL(
        "SELECT greatest(pg_relation_size({0}::regclass), sum(pg_relation_size(relid)))::bigint"
        " FROM pg_partition_tree({0}::regclass)"
    )
    return int(snapshot.value(question.format(name)) or 0)


class Questions:
    """All questions about one table to one side's snapshot."""

    def __init__(self, snapshot: Snapshot, plan: TablePlan, side: str, buckets: Buckets) -> None:
        self.snapshot, self.plan, self.buckets = snapshot, plan, buckets
        self.side = Side(plan, side)

    @property
    def _bucket(self) -> sql.Composable:
        bits = self.buckets.bits
        if self.buckets.how == "range":
            bucket = sql.SQL("coalesce({}::bigint >> {}, {})")
            return bucket.format(self._key_column, sql.Literal(bits), sql.Literal(OF_NULL))
        return sql.SQL("({} & {})").format(self.side.key_hash, sql.Literal((1 << bits) - 1))

    @property
    def _key_column(self) -> sql.Composable:
        return self.side.column(self.plan.key_cells[0])

    def sums(self) -> dict[int, Sum]:
        """One pass over the table: each bucket's sums. This is the expensive question."""
        tracks = [sql.SQL("count({0}), sum({0})").format(token) for token in self.side.tokens]
        columns = [self._bucket, sql.SQL("count(*)"), sql.SQL("sum({})").format(self.side.row_hash), *tracks]
        question = sql.SQL("SELECT {} FROM {} GROUP BY 1").format(sql.SQL(", ").join(columns), self.side.rows)
        return {row[0]: Sum(row[1], int(row[2]), _pairs(row[3:])) for row in self.snapshot.stream(question)}

    def rows_of(self, buckets: Collection[int], of: int) -> Iterator[tuple[int, Key, Hashed]]:
        """Key and hashes of every row in these of all ``of`` buckets, in the order of buckets."""
        source: sql.Composable = self.side.rows
        condition: sql.Composable = sql.SQL("true")
        if self.buckets.how == "range" and OF_NULL not in buckets:
            source = self._ranges(buckets)
        elif len(buckets) * 2 < of:
            condition = sql.SQL("{} = ANY({})").format(self._bucket, sql.Literal(sorted(buckets)))
        question = sql.SQL("SELECT {}, {}, {}, {} FROM {} WHERE {} ORDER BY 1").format(
            self._bucket, self.side.key_texts, self.side.row_hash, self._tokens, source, condition
        )
        for bucket, key, row, tokens in self.snapshot.stream(question):
            if bucket in buckets:
                yield bucket, tuple(key), Hashed(row, tuple(tokens))

    @property
    def _tokens(self) -> sql.Composable:
        return sql.SQL("ARRAY[{}]::bigint[]").format(sql.SQL(", ").join(self.side.tokens))

    def _ranges(self, buckets: Collection[int]) -> sql.Composable:
        """A join with the ranges, so that an index on the key finds their rows."""
        bits = self.buckets.bits
        low = [bucket << bits for bucket in sorted(buckets)]
        high = [(bucket + 1 << bits) - 1 for bucket in sorted(buckets)]
        source = sql.SQL(
            "unnest({}::bigint[], {}::bigint[]) AS v(low, high) JOIN {} ON {} BETWEEN v.low AND v.high"
        )
        lists = sql.Literal(low), sql.Literal(high)
        return source.format(*lists, self.side.rows, self._key_column)

    def rows_at(self, keys: Collection[Key]) -> dict[Key, list[Hashed]]:
        """The rows that have these keys now; a key may have several where nothing keeps it unique."""
        question = sql.SQL("SELECT {}, {}, {} FROM {} WHERE {}").format(
            self.side.key_texts, self.side.row_hash, self._tokens, self.side.rows, self._match(keys)
        )
        found: dict[Key, list[Hashed]] = {key: [] for key in keys}
        for key, row, tokens in self.snapshot.stream(question):
            if tuple(key) in found:
                found[tuple(key)].append(Hashed(row, tuple(tokens)))
        return found

    def values_at(self, keys: Collection[Key]) -> dict[Key, list[Shown]]:
        """The values of these rows, column by column."""
        cells = self.plan.cells
        texts = [_shown(self.side.column(cell)) for cell in cells]
        hashes = [self.side.hash(cell, self.side.canonical(cell), sql.SQL("3::bigint")) for cell in cells]
        columns = sql.SQL(", ").join([self.side.key_texts, self.side.row_hash, self._tokens, *texts, *hashes])
        question = sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, self.side.rows, self._match(keys))
        found: dict[Key, list[Shown]] = {key: [] for key in keys}
        for row in self.snapshot.stream(question):
            if tuple(row[0]) in found:
                found[tuple(row[0])].append(_row(cells, row))
        return found

    def _match(self, keys: Collection[Key]) -> sql.Composable:
        if not self.plan.key:
            wanted = [int(key[0]) for key in keys if key[0] is not None]
            return sql.SQL("h.value = ANY({}::bigint[])").format(sql.Literal(wanted))
        places = range(len(self.plan.key))
        lists = [sql.SQL("{}::text[]").format(sql.Literal([key[n] for key in keys])) for n in places]
        names = [sql.Identifier(f"k{n}") for n in places]
        pairs = [self._comparable(cell, name) for cell, name in zip(self.plan.key_cells, names, strict=True)]
        return sql.SQL("({}) IN (SELECT {} FROM unnest({}) AS v({}))").format(
            sql.SQL(", ").join(column for column, _ in pairs), sql.SQL(", ").join(v for _, v in pairs),
            sql.SQL(", ").join(lists), sql.SQL(", ").join(names),
        )  # fmt: skip

    def _comparable(self, cell: Cell, name: sql.Identifier) -> tuple[sql.Composable, sql.Composable]:
        """A key column and its wanted text, in types with which an index helps; else both as texts."""
        value = sql.SQL("v.{}").format(name)
        base = cell.source.base if self.side.side == "source" else cell.target.base
        if cell.form.name == "integer" and cell.default is None:
            return self.side.column(cell), sql.SQL("{}::bigint").format(value)
        if base == "uuid" and cell.form.name == "uuid" and cell.default is None:
            return self.side.column(cell), sql.SQL("{}::uuid").format(value)
        if base in ("text", "varchar") and cell.form.name == "text" and cell.default is None:
            return self.side.column(cell), value
        return sql.SQL('{}::text COLLATE "C"').format(self.side.canonical(cell)), value


def _pairs(numbers: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    return tuple((count, int(total or 0)) for count, total in zip(numbers[::2], numbers[1::2], strict=True))


def _shown(column: sql.Composable) -> sql.Composable:
    """A value as text, cut with a word on how long it is."""
    return sql.SQL(
        "CASE WHEN length({0}::text) > {1} THEN left({0}::text, {1}) || '… (' || length({0}::text)"
        " || ' characters)' ELSE {0}::text END"
    ).format(column, sql.Literal(CUT))


def _row(cells: Sequence[Cell], row: Row) -> Shown:
    names = [cell.name for cell in cells]
    texts, hashes = row[3 : 3 + len(names)], row[3 + len(names) :]
    return Shown(
        Hashed(row[1], tuple(row[2])),
        dict(zip(names, texts, strict=True)),
        dict(zip(names, hashes, strict=True)),
    )
