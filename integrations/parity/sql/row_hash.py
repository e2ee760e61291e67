"""The SQL of one side's row hash: PostgreSQL's seeded hashes chained over key, NULLs and columns.

Each hash is the seed of the next, so a value is bound to its row and to its column: a plain sum of
column hashes would not see two values that changed places. Which values are NULL, and booleans,
go in as bits between key and columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from psycopg import sql

from integrations.parity.plan import Cell, TablePlan, Track
from integrations.parity.tables import Column

START = sql.SQL("7::bigint")
WORD = 60  # bits of a word of NULL flags and booleans; a bigint has 63 that are safe to shift

Step = tuple[sql.Composable, sql.Composable]  # what stands before the seed, and after it


class Side:
    """Expressions over one side (``source`` or ``target``) of a table, which is called ``r`` in them."""

    def __init__(self, plan: TablePlan, side: str) -> None:
        self.plan, self.side = plan, side

    def column(self, cell: Cell) -> sql.Composable:
        """The bare column."""
        return sql.Identifier("r", cell.name)

    def _column(self, cell: Cell) -> Column:
        return cell.source if self.side == "source" else cell.target

    def exact(self, cell: Cell) -> sql.Composable:
        """The value in its form, before any declared rule."""
        return cell.form.value(self.column(cell), self._column(cell).base)

    def rounded(self, cell: Cell) -> sql.Composable:
        """The value in its form, with the declared rounding."""
        if cell.rounded is None:
            return self.exact(cell)
        return sql.SQL("({})::{}({})").format(
            self.exact(cell), sql.SQL("timestamp" if cell.form.name == "timestamp" else "time"),
            sql.Literal(cell.rounded.digits),
        )  # fmt: skip

    def canonical(self, cell: Cell) -> sql.Composable:
        """The value as it is compared: in its form, rounded, NULL as its declared default."""
        default = cell.default_value
        if default is None:
            return self.rounded(cell)
        return sql.SQL("coalesce({}, {})").format(self.rounded(cell), default)

    def hash(self, cell: Cell, value: sql.Composable, seed: sql.Composable) -> sql.Composable:
        """The hash of one value of that cell; NULL when the value is."""
        full = cell.form.open(value) + seed + sql.SQL(cell.form.closing)
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(value, full)

    @property
    def key_hash(self) -> sql.Composable:
        """The hash of the key; of a table without one, the row hash, computed once a row (see `rows`)."""
        if not self.plan.key:
            return sql.SQL("h.value")
        return self._chain(START, [self._step(cell) for cell in self.plan.key_cells])

    @property
    def row_hash(self) -> sql.Composable:
        """The hash of the whole row, without columns that may be filled (`tokens` has those)."""
        return self.key_hash if not self.plan.key else self._whole()

    def _whole(self) -> sql.Composable:
        steps = [self._step(cell) for cell in self.plan.key_cells]
        steps += self._bits()
        steps += [
            self._step(cell)
            for cell in self.plan.cells
            if cell.name not in self.plan.key and cell.form.name != "boolean" and not cell.filled
        ]
        # the last step mixes, whatever came before: sums of bare bits could cancel out
        return self._chain(START, [*steps, self._mix(sql.SQL("0"))])

    def _step(self, cell: Cell) -> Step:
        return cell.form.open(self._hashable(cell)), sql.SQL(cell.form.closing)

    def _hashable(self, cell: Cell) -> sql.Composable:
        """The canonical value, or what has the same hash for less: an instant has the epoch of its time in
        UTC, which the session is pinned to, and its conversion costs more than all the rest of the hash."""
        plain = cell.rounded is None and cell.default is None
        if plain and cell.form.name == "timestamp" and self._column(cell).base == "timestamptz":
            return self.column(cell)
        return self.canonical(cell)

    @staticmethod
    def _mix(bits: sql.Composable) -> Step:
        return sql.SQL("hashcharextended('n', ({}) # ").format(bits), sql.SQL(")")

    def _bits(self) -> list[Step]:
        flags: list[sql.Composable] = []
        for cell in self.plan.cells:
            if cell.filled:
                continue
            if cell.default is None:
                flags.append(sql.SQL("{} IS NULL").format(self.column(cell)))
            if cell.form.name == "boolean" and cell.name not in self.plan.key:
                flags.append(sql.SQL("{} IS TRUE").format(self.canonical(cell)))
        words = [flags[start : start + WORD] for start in range(0, len(flags), WORD)]
        return [self._mix(_word(word)) for word in words]

    @staticmethod
    def _chain(seed: sql.Composable, steps: list[Step]) -> sql.Composable:
        """Each step around the one before it; flat, so that a thousand columns nest no Python calls."""
        opening = [before for before, _ in reversed(steps)]
        return sql.Composed([*opening, seed, *(after for _, after in steps)])

    @property
    def rows(self) -> sql.Composable:
        """What stands behind FROM."""
        table = self.plan.table(self.side).source + sql.SQL(" AS r")
        if self.plan.key:
            return table
        hashed = sql.SQL(" CROSS JOIN LATERAL (SELECT {} AS value OFFSET 0) AS h")
        return table + hashed.format(self._whole())

    @property
    def key_texts(self) -> sql.Composable:
        """The key as an array of texts: the same on both sides for the same row."""
        if not self.plan.key:
            return sql.SQL("ARRAY[h.value::text]")
        return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(self.key_text, self.plan.key_cells)))

    def key_text(self, cell: Cell) -> sql.Composable:
        """A column of the key as text: the same where it hashes to the same, so 0 for -0."""
        shape: LiteralString = "({} + 0)::text" if cell.form.name == "float" else "{}::text"
        return sql.SQL(shape).format(self.canonical(cell))

    @property
    def tokens(self) -> list[sql.Composable]:
        """For each track a hash of the cell where its rule touches it, bound to the row, else NULL."""
        return [self._token(track) for track in self.plan.tracks]

    def _token(self, track: Track) -> sql.Composable:
        cell, kind = track.cell, track.rule.kind
        if kind == "null_is_default":
            return sql.SQL("CASE WHEN {} IS NULL THEN {} END").format(self.column(cell), self.key_hash)
        if kind == "null_is_filled":
            return self.hash(cell, self.rounded(cell), self.key_hash)
        exact = self.exact(cell)
        touched = sql.SQL("CASE WHEN {} <> {} THEN {} END")
        return touched.format(exact, self.rounded(cell), self.hash(cell, exact, self.key_hash))


def _word(flags: Iterable[sql.Composable]) -> sql.Composable:
    """A bit for each; CASE, for to cast a boolean takes two calls of functions a row."""
    bits = [
        sql.SQL("CASE WHEN {} THEN {}::bigint ELSE 0 END").format(flag, sql.Literal(1 << place))
        for place, flag in enumerate(flags)
    ]
    return sql.SQL(" | ").join(sql.SQL("({})").format(bit) for bit in bits)
