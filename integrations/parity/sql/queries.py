"""The questions that one side of a table is asked: bucket sums, rows of buckets, rows and values by key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString, NamedTuple, TypeVar

from psycopg import sql

from integrations.parity.choosing import among, bucket_of
from integrations.parity.keys import Key, having
from integrations.parity.plan import Buckets, Cell, TablePlan
from integrations.parity.records import Packed, place
from integrations.parity.rowhash import Side
from integrations.parity.snapshot import Row, Snapshot, at_once
from integrations.parity.sums import SHELF, Sum, Sums, packed

__all__ = ["Hashed", "Key", "Questions", "Shown", "Sum", "asked"]

A = TypeVar("A")

CUT = 500  # characters shown of a value
SEED = sql.SQL("3::bigint")  # of the hash of one value
DOCUMENT = 50_000  # characters of JSON that are looked through for the paths that differ
AT_ONCE = 2000  # rows asked for by their place with one statement
SHARES = 1 << 16  # a sample is so many of these
LARGE = 1_000_000  # rows of a table whose hashes are worth being compiled …
MANY = 5_000  # … and buckets of it


class Hashed(NamedTuple):
    """One row as hashes: the whole row, and a token for each track that touches it."""

    row: int
    tokens: tuple[int | None, ...]


@dataclass(frozen=True)
class Shown:
    """One row's values as text (cut), the hash of each canonical value, and JSON (hardly cut), by column."""

    hashed: Hashed
    values: Mapping[str, str | None]
    hashes: Mapping[str, int | None]
    documents: Mapping[str, str | None]


class Questions:
    """All questions about one table to one side's snapshot."""

    def __init__(
        self, snapshot: Snapshot, plan: TablePlan, side: str, buckets: Buckets, sample: float = 0
    ) -> None:
        self.snapshot, self.plan, self.buckets, self.sample = snapshot, plan, buckets, sample
        self.side = Side(plan, side)

    def through(self, snapshot: Snapshot) -> Questions:
        """The same questions to another session that sees the same."""
        return Questions(snapshot, self.plan, self.side.side, self.buckets, self.sample)

    @property
    def bucket(self) -> sql.Composable:
        """The number of a row's bucket."""
        return bucket_of(self.side, self.buckets)

    def sums(self, part: sql.Composable | None = None) -> Sums:
        """Each bucket's sums, of all rows or of those that meet a condition: the expensive question."""
        return self._sums(part, MANY)

    def sums_of(self, buckets: Collection[int]) -> Sums:
        """The sums of these buckets only."""
        return self._sums(among(self.side, self.buckets, buckets), len(buckets))

    def _sums(self, part: sql.Composable | None, buckets: int) -> Sums:
        columns = [
            sql.SQL("{} AS b, count(*) AS n, sum({}) AS s").format(self.bucket, self.side.row_hash),
            *(
                sql.SQL("count({0}) AS {1}, sum({0}) AS {2}").format(
                    token, sql.Identifier(f"c{number}"), sql.Identifier(f"t{number}")
                )
                for number, token in enumerate(self.side.tokens)
            ),
        ]
        fine = sql.SQL("SELECT {} FROM {} WHERE {} GROUP BY 1").format(
            sql.SQL(", ").join(columns), self.side.rows, self._and_chosen(part)
        )
        tracks = len(self.plan.tracks)
        return Sums(dict(self._hashed_rows(packed(fine, tracks), buckets)), tracks)

    def _hashed_rows(self, question: sql.Composable, buckets: int) -> list[Row]:
        """The answer to a question for which the rows of so many buckets are hashed."""
        compiled = buckets >= MANY and self.plan.table(self.side.side).estimate > LARGE
        return self.snapshot.rows(question, binary=True, compiled=compiled)

    def _and_chosen(self, condition: sql.Composable | None) -> sql.Composable:
        """The condition, and that a row is in the sample: by the hash of its key, as on the other side."""
        conditions = [condition] if condition else []
        if self.sample:
            share = sql.Literal(max(1, round(self.sample / 100 * SHARES)))
            shape = sql.SQL("(({} >> 20) & {}) < {}")
            conditions.append(shape.format(self.side.key_hash, sql.Literal(SHARES - 1), share))
        return sql.SQL(" AND ").join(conditions or [sql.SQL("true")])

    def records_of(self, buckets: Collection[int], *, keys: bool = False) -> dict[int, Packed]:
        """The rows of these buckets as packed records, by shelf: small enough to be compared in the cache.

        ``keys``: with the key itself, an integer that none of them has as NULL, instead of hash and place.
        """
        row = self.side.row_hash
        if self.plan.tracks:
            row = sql.SQL('hashtextextended({}::text COLLATE "C", {})').format(self._tokens, row)
        question = sql.SQL(
            "SELECT {} >> {}, string_agg(int8send({}), ''::bytea), string_agg({}, ''::bytea)"
            " FROM {} WHERE {} GROUP BY 1"
        ).format(
            self.bucket, sql.Literal(SHELF), row, self._key if keys else self._key_and_place,
            self.side.rows, self._and_chosen(among(self.side, self.buckets, buckets)),
        )  # fmt: skip
        return {row[0]: Packed(*row[1:]) for row in self._hashed_rows(question, len(buckets))}

    @property
    def _key(self) -> sql.Composable:
        return sql.SQL("int8send({}::bigint)").format(self.side.column(self.plan.key_cells[0]))

    @property
    def _key_and_place(self) -> sql.Composable:
        return sql.SQL("int8send({}) || {}").format(self._key_identity, self._place)

    @property
    def _place(self) -> sql.Composable:
        table = self.plan.table(self.side.side)
        if table.is_view:
            return sql.SQL("''::bytea")
        return sql.SQL("oidsend(r.tableoid) || tidsend(r.ctid)" if table.partitioned else "tidsend(r.ctid)")

    @property
    def _key_identity(self) -> sql.Composable:
        """The hash of the key; other for NULL than for what stands in for it there."""
        nulls = [
            sql.SQL("({} IS NULL)::int::bigint << {}").format(self.side.column(cell), sql.Literal(bit % 60))
            for bit, cell in enumerate(self.plan.key_cells)
        ]
        words = [sql.SQL("({})").format(part) for part in (self.side.key_hash, *nulls)]
        return sql.SQL("({})").format(sql.SQL(" # ").join(words))

    def keys_by(self, records: Collection[bytes]) -> Iterator[Key]:
        """The keys of the rows of these records of the same snapshot."""
        for condition in self._places(records):
            question = sql.SQL("SELECT {} FROM {} WHERE {}").format(
                self.side.key_texts, self.side.rows, condition
            )
            for (key,) in self.snapshot.rows(question):
                yield tuple(key)

    def rows_by(self, records: Collection[bytes]) -> Iterator[tuple[Key, Hashed]]:
        """Key and hashes of the rows of these records of the same snapshot."""
        for condition in self._places(records):
            question = sql.SQL("SELECT {}, {}, {} FROM {} WHERE {}").format(
                self.side.key_texts, self.side.row_hash, self._tokens, self.side.rows, condition
            )
            for key, row, tokens in self.snapshot.rows(question):
                yield tuple(key), Hashed(row, tuple(tokens))

    def _places(self, records: Collection[bytes]) -> Iterator[sql.Composable]:
        if self.plan.table(self.side.side).is_view:  # its rows have no place: read it whole for those hashes
            wanted = sorted({int.from_bytes(record[:8], signed=True) for record in records})
            yield sql.SQL("{} = ANY({}::bigint[])").format(self._key_identity, sql.Literal(wanted))
            return
        by_table: dict[int, list[str]] = {}
        for table, line in map(place, records):
            by_table.setdefault(table, []).append(line)
        for table, lines in by_table.items():
            of_table = (
                sql.SQL(" AND r.tableoid = {}::oid").format(sql.Literal(table)) if table else sql.SQL("")
            )
            for start in range(0, len(lines), AT_ONCE):
                some = sql.Literal(lines[start : start + AT_ONCE])
                yield sql.SQL("r.ctid = ANY({}::tid[])").format(some) + of_table

    @property
    def _tokens(self) -> sql.Composable:
        return sql.SQL("ARRAY[{}]::bigint[]").format(sql.SQL(", ").join(self.side.tokens))

    def rows_at(self, keys: Collection[Key]) -> dict[Key, list[Hashed]]:
        """The rows that have these keys now; a key may have several where nothing keeps it unique."""
        question = sql.SQL("SELECT {}, {}, {} FROM {} WHERE {}").format(
            self.side.key_texts, self.side.row_hash, self._tokens, self.side.rows, having(self.side, keys)
        )
        found: dict[Key, list[Hashed]] = {key: [] for key in keys}
        for key, row, tokens in self.snapshot.stream(question):
            if tuple(key) in found:
                found[tuple(key)].append(Hashed(row, tuple(tokens)))
        return found

    def values_at(self, keys: Collection[Key]) -> dict[Key, list[Shown]]:
        """The values of these rows, column by column."""
        columns = [self.side.key_texts, self.side.row_hash, self._tokens, *self._values()]
        question = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join(columns), self.side.rows, having(self.side, keys)
        )
        found: dict[Key, list[Shown]] = {key: [] for key in keys}
        for row in self.snapshot.stream(question):
            if tuple(row[0]) in found:
                found[tuple(row[0])].append(_row(self.plan.cells, row))
        return found

    def _values(self) -> Iterator[sql.Composable]:
        """Texts, hashes and JSON as three lists: an answer has fewer columns than a table may have."""
        side, cells = self.side, self.plan.cells
        yield listed((shown(side.column(cell)) for cell in cells), "text")
        yield listed((side.hash(cell, side.canonical(cell), SEED) for cell in cells), "bigint")
        documents = (cell for cell in cells if cell.form.name == "json")
        cut = sql.SQL("left({}::text, {})")
        yield listed((cut.format(side.column(cell), sql.Literal(DOCUMENT)) for cell in documents), "text")


def asked(source: Questions, target: Questions, ask: Callable[[Questions], A]) -> tuple[A, A]:
    """What both sides of a table answer to the same question, asked at the same time."""
    return at_once(source.snapshot, lambda: ask(source), target.snapshot, lambda: ask(target))


def shown(column: sql.Composable) -> sql.Composable:
    """A value as text, cut with a word on how long it is."""
    return sql.SQL(
        "CASE WHEN length({0}::text) > {1} THEN left({0}::text, {1}) || '... (' || length({0}::text)"
        " || ' characters)' ELSE {0}::text END"
    ).format(column, sql.Literal(CUT))


def listed(values: Iterable[sql.Composable], kind: LiteralString) -> sql.Composable:
    """Many values as one array of that type."""
    return sql.SQL("ARRAY[{}]::{}[]").format(sql.SQL(", ").join(values), sql.SQL(kind))


def _row(cells: Sequence[Cell], row: Row) -> Shown:
    _, whole, tokens, texts, hashes, documents = row
    names = [cell.name for cell in cells]
    of_json = [cell.name for cell in cells if cell.form.name == "json"]
    return Shown(
        Hashed(whole, tuple(tokens)),
        dict(zip(names, texts, strict=True)),
        dict(zip(names, hashes, strict=True)),
        dict(zip(of_json, documents, strict=True)),
    )
