"""The SQL of one side's row hash: PostgreSQL's seeded hash functions chained over key, NULLs and columns.

Each hash is the seed of the next one. This binds a value to its row and to its column: a plain sum of the
hashes of columns would not see two values that changed places. Which values are NULL, and the values of
booleans, are bits between the key and the other columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import LiteralString, NamedTuple

from psycopg import sql

from integrations.parity.model.plan import ColumnPair, TablePlan, TrackedRule
from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.server.column_types import text_of
from integrations.parity.server.expressions import raw_sql

START = sql.SQL("7::bigint")
BITS_PER_WORD = 60  # of NULL flags and booleans; 63 bits of a bigint are safe to shift

Step = tuple[sql.Composable, sql.Composable]  # SQL before the seed, and after it
#: A built-in type that keeps so many digits of a second, as PostgreSQL writes it.
DIGITS = re.compile(r"time(?:stamp)?\(([0-6])\) with")


class Token(NamedTuple):
    """Which rows a tracked rule applies to on one side, and the hash of such a value, bound to its row."""

    applies: sql.Composable
    hash: sql.Composable


class SideExpressions:
    """SQL expressions over a row ``r`` of one side (``source`` or ``target``) of a table."""

    def __init__(self, plan: TablePlan, side: str) -> None:
        self.plan, self.side = plan, side
        expressed = [pair.name for pair in plan.pairs if self._column(pair).expression]
        self._expressed = {name: f"e{number}" for number, name in enumerate(expressed)}

    def column(self, pair: ColumnPair) -> sql.Composable:
        """The column as it is stored, or the expression that is compared instead of it."""
        if place := self._expressed.get(pair.name):
            return sql.Identifier("x", place)
        return self._column(pair).identifier

    def _column(self, pair: ColumnPair) -> CatalogColumn:
        return pair.source if self.side == "source" else pair.target

    def exact(self, pair: ColumnPair) -> sql.Composable:
        """The value in its canonical form, before any declared rule."""
        column = self._column(pair)
        return pair.form.cast_expression(self.column(pair), column.base, column.output)

    def rounded(self, pair: ColumnPair) -> sql.Composable:
        """The value in its canonical form, with the declared rounding."""
        if pair.rounded is None or self._is_round(pair):
            return self.exact(pair)
        return sql.SQL("({})::{}({})").format(
            self.exact(pair),
            sql.SQL("timestamp" if pair.form.name == "timestamp" else "time"),
            sql.Literal(pair.rounded.digits),
        )

    def _is_round(self, pair: ColumnPair) -> bool:
        """Whether the type of the column keeps no more digits than the declared rounding leaves.

        The columns of a view do not hold what they say: their type is only derived.
        """
        held = DIGITS.match(self._column(pair).type)
        table = self.plan.table(self.side)
        return bool(pair.rounded and held and not table.is_view and int(held[1]) <= pair.rounded.digits)

    def canonical(self, pair: ColumnPair) -> sql.Composable:
        """The value as it is compared: canonical, rounded, and its declared default instead of NULL."""
        default = pair.default_value
        if default is None:
            return self.rounded(pair)
        return sql.SQL("coalesce({}, {})").format(self.rounded(pair), default)

    def hash(self, pair: ColumnPair, value: sql.Composable, seed: sql.Composable) -> sql.Composable:
        """The hash of a value of that column; NULL when the value is NULL."""
        full = self._hash_not_null(pair, value, seed)
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(value, full)

    @staticmethod
    def _hash_not_null(pair: ColumnPair, value: sql.Composable, seed: sql.Composable) -> sql.Composable:
        return pair.form.open_hash(value) + seed + sql.SQL(pair.form.closing)

    @property
    def key_hash(self) -> sql.Composable:
        """The hash of the key; in a table without one, the row hash, computed once (see `from_clause`)."""
        if not self.plan.key:
            return sql.SQL("h.value")
        return self._chain(START, [self._step(pair) for pair in self.plan.key_pairs])

    @property
    def row_hash(self) -> sql.Composable:
        """The hash of the whole row, without columns that may be filled (`tokens` contains those)."""
        return self.key_hash if not self.plan.key else self.content_hash

    @property
    def content_hash(self) -> sql.Composable:
        """The row hash from the columns of ``r``, also in a table without a key; see `plain_from_clause`."""
        steps = [self._step(pair) for pair in self.plan.key_pairs]
        steps += self._bits()
        steps += [
            self._step(pair)
            for pair in self.plan.pairs
            if pair.name not in self.plan.key and pair.form.name != "boolean" and not pair.filled
        ]
        # The last step must mix its input, whatever came before: sums of unmixed bits could cancel out.
        return self._chain(START, [*steps, self._mix(sql.SQL("0"))])

    def _step(self, pair: ColumnPair) -> Step:
        return pair.form.open_hash(self._hashable(pair)), sql.SQL(pair.form.closing)

    def _hashable(self, pair: ColumnPair) -> sql.Composable:
        """The canonical value, or a cheaper expression with the same hash."""
        # The session is pinned to UTC, so a timestamptz and its timestamp in UTC have the same epoch.
        # The conversion would cost more than the rest of the hash.
        no_rule = (pair.rounded is None or self._is_round(pair)) and pair.default is None
        if no_rule and pair.form.name == "timestamp" and self._column(pair).base == "timestamptz":
            return self.column(pair)
        return self.canonical(pair)

    @staticmethod
    def _mix(bits: sql.Composable) -> Step:
        return sql.SQL("hashcharextended('n', ({}) # ").format(bits), sql.SQL(")")

    def _bits(self) -> list[Step]:
        flags: list[sql.Composable] = []
        for pair in self.plan.pairs:
            if pair.filled:
                continue
            if pair.default is None:
                flags.append(sql.SQL("{} IS NULL").format(self.column(pair)))
            if pair.form.name == "boolean" and pair.name not in self.plan.key:
                flags.append(sql.SQL("{} IS TRUE").format(self.canonical(pair)))
        words = [flags[start : start + BITS_PER_WORD] for start in range(0, len(flags), BITS_PER_WORD)]
        return [self._mix(_word(word)) for word in words]

    @staticmethod
    def _chain(seed: sql.Composable, steps: list[Step]) -> sql.Composable:
        """Nests the steps around the seed, without recursion: a table may have 1,600 columns."""
        opening = [before for before, _ in reversed(steps)]
        return sql.Composed([*opening, seed, *(after for _, after in steps)])

    @property
    def from_clause(self) -> sql.Composable:
        """The table after FROM; without a key, with the row hash ``h.value``, computed once per row."""
        if self.plan.key:
            return self.plain_from_clause
        hashed = sql.SQL(" CROSS JOIN LATERAL (SELECT {} AS value OFFSET 0) AS h")
        return self.plain_from_clause + hashed.format(self.content_hash)

    @property
    def plain_from_clause(self) -> sql.Composable:
        """The table after FROM, without ``h``, whose join takes as long as the hash of a short row."""
        return self.plan.table(self.side).from_clause + sql.SQL(" AS r") + self._restriction()

    def _restriction(self) -> sql.Composable:
        """The expressions of the side as ``x``, for rows that are compared.

        They stand in a query of their own, in which a name can only be that of a column. PostgreSQL pulls it
        up: an expression costs what it costs, and an index serves the condition.
        """
        condition = self.plan.table(self.side).condition
        if not condition and not self._expressed:
            return sql.SQL("")
        values = [
            sql.SQL("({}\n) AS {}").format(raw_sql(self._column(pair).expression), sql.Identifier(place))
            for pair in self.plan.pairs
            if (place := self._expressed.get(pair.name))
        ]
        shape = sql.SQL(" CROSS JOIN LATERAL (SELECT {} WHERE ({}\n)) AS x")
        return shape.format(sql.SQL(", ").join(values), raw_sql(condition or "true"))

    @property
    def key_texts(self) -> sql.Composable:
        """The key as an array of texts, the same on both sides for the same row."""
        if not self.plan.key:
            return sql.SQL("ARRAY[textin(int8out(h.value))]")
        return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(self.key_text, self.plan.key_pairs)))

    def key_text(self, pair: ColumnPair) -> sql.Composable:
        """A column of the key as text. Equal texts where hashes are equal: 0 and -0 give the same text."""
        shape: LiteralString = "({} + 0)" if pair.form.name == "float" else "{}"
        return pair.form.text_of(sql.SQL(shape).format(self.canonical(pair)))

    def value_text(self, pair: ColumnPair) -> sql.Composable:
        """The column as it is stored, as text."""
        return text_of(self.column(pair), self._column(pair).output)

    @property
    def tokens(self) -> list[Token]:
        """For each tracked rule the values to which it applies."""
        return [self._token(tracked) for tracked in self.plan.tracked_rules]

    def _token(self, tracked: TrackedRule) -> Token:
        pair, kind = tracked.pair, tracked.rule.kind
        if kind == "null_is_default":
            return Token(sql.SQL("{} IS NULL").format(self.column(pair)), self.key_hash)
        if kind == "null_is_filled":
            # A composite value with a NULL inside is neither NULL nor NOT NULL.
            there = sql.SQL("{} IS DISTINCT FROM NULL").format(self.column(pair))
            return Token(there, self._hash_not_null(pair, self.rounded(pair), self.key_hash))
        if self._is_round(pair):
            return Token(sql.SQL("false"), sql.SQL("NULL::bigint"))
        exact = self.exact(pair)
        changed = sql.SQL("{} <> {}").format(exact, self.rounded(pair))
        return Token(changed, self._hash_not_null(pair, exact, self.key_hash))


def _word(flags: Iterable[sql.Composable]) -> sql.Composable:
    """A bit for each flag; by CASE, because a cast from boolean to bigint takes two function calls."""
    bits = [
        sql.SQL("CASE WHEN {} THEN {}::bigint ELSE 0 END").format(flag, sql.Literal(1 << place))
        for place, flag in enumerate(flags)
    ]
    return sql.SQL(" | ").join(sql.SQL("({})").format(bit) for bit in bits)
