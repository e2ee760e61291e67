"""Explains declared differences by sums, so that rows have to be read only where something else differs.

First the sums of the whole table are compared, which is enough where rules explain all. A rule may touch rows
on the side where a row that it explains has no token: times that were not NULL before are beside those that
were filled. Then the rows that it touches there are asked of that side, and the tokens of these rows of the
other side: the same sums prove that these rows kept their values, and the rule explains the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from integrations.parity.engine.differences import (
    DifferenceTally,
    KeptTokens,
    count_declared,
    find_suspicious_buckets,
)
from integrations.parity.engine.page_ranges import PageRange
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import SumReader
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSum, BucketSums, add_sums, wrap_sum
from integrations.parity.sql.queries import SideQueries
from integrations.parity.sql.rule_queries import (
    RowSet,
    TouchedRows,
    may_name,
    read_token_sums,
    read_touched_rows,
)

# Below one touched row in so many, to read the buckets of these rows takes less time than all tokens again.
ROWS_PER_TOUCHED = 4096


class TokensOfRows(NamedTuple):
    """The tokens of one rule over some rows of the side that may have more of them.

    ``all_tokens`` are those of all rows of that side, ``named`` those of the rows that were named; ``place``
    is the place of the rule in them. With ``others`` the rows that were not named are meant.
    """

    rule: int
    others: bool
    all_tokens: BucketSums
    named: BucketSums
    place: int

    def in_bucket(self, bucket: int) -> tuple[int, int]:
        """Count and sum in one bucket."""
        return self._choose(self.all_tokens.get(bucket), self.named.get(bucket))

    @property
    def total(self) -> tuple[int, int]:
        """Count and sum in the whole table."""
        return self._choose(self.all_tokens.totals, self.named.totals)

    def _choose(self, every: BucketSum | None, named: BucketSum | None) -> tuple[int, int]:
        there = named.tracked[self.place] if named else (0, 0)
        if not self.others:
            return there
        rows, total = every.tracked[self.rule] if every else (0, 0)
        return rows - there[0], wrap_sum(total - there[1])


@dataclass
class RuleProof:
    """Which buckets of one table the declared rules leave open.

    ``source`` is None where only a fingerprint stands for it. ``live``: the sums of the source are those of
    the database that ``source`` asks, and not of a fingerprint.
    """

    plan: TablePlan
    source: SideQueries | None
    target: SideQueries
    live: bool
    reader: SumReader
    meter: ProgressMeter

    def find_suspicious(
        self, before: BucketSums, after: BucketSums, tally: DifferenceTally
    ) -> dict[int, int]:
        """As `find_suspicious_buckets`, with as few queries as needed."""
        one, other = before.totals, after.totals
        if not self.plan.tracked_rules:
            return find_suspicious_buckets(self.plan, before, after, tally)
        if one[:2] == other[:2] and self._explain(one, other, {}, tally):
            return {}
        sets = self._read_sets(self._choose_rows(one, other))
        if not sets or not all(rows.fits for rows in sets):
            return find_suspicious_buckets(self.plan, before, after, tally)
        found = self._read_tokens(sets, before, after)
        if one[:2] == other[:2]:
            totals = {tokens.rule: tokens.total for tokens in found}
            if self._explain(one, other, totals, tally):
                return {}

        def kept_tokens(bucket: int) -> KeptTokens:
            return {tokens.rule: tokens.in_bucket(bucket) for tokens in found}

        return find_suspicious_buckets(self.plan, before, after, tally, kept_tokens)

    def _explain(self, one: BucketSum, other: BucketSum, kept: KeptTokens, tally: DifferenceTally) -> bool:
        counts = count_declared(self.plan.tracked_rules, one, other, kept)
        tally.rules.update(counts or {})
        return counts is not None

    def _choose_rows(self, one: BucketSum, other: BucketSum) -> dict[TouchedRows, int]:
        """The rows to ask for, with their number, for each rule that sums alone leave open."""
        wanted: dict[TouchedRows, int] = {}
        explained = 0
        for number, tracked in enumerate(self.plan.tracked_rules):
            before, after = one.tracked[number], other.tracked[number]
            on_source = tracked.forbidden_side == "source"
            (there, _), rows = (before, one.rows) if on_source else (after, other.rows)
            if before == after or not there or not self._may_ask(on_source):
                continue
            explained += abs(before[0] - after[0])
            others = rows - there < there
            wanted[TouchedRows(number, others)] = rows - there if others else there
        if self.source is None or explained * ROWS_PER_TOUCHED <= one.rows:
            return {}
        return wanted if may_name(self.target, wanted) else {}

    def _may_ask(self, source_decides: bool) -> bool:
        """Whether sums of these two servers prove anything: those of a fingerprint are not the backup's."""
        return self.source is not None and (self.live or source_decides)

    def _read_sets(self, wanted: Mapping[TouchedRows, int]) -> list[RowSet]:
        sets: list[RowSet] = []
        for side in filter(None, (self.source, self.target)):
            mine = [rows for rows in wanted if self._decides(rows.rule) == side.expressions.side]
            sets += self._read_sets_of(side, mine) if mine else []
        return sets

    def _read_sets_of(self, side: SideQueries, wanted: list[TouchedRows]) -> list[RowSet]:
        def read(part_side: SideQueries, part: PageRange) -> list[bytes | None]:
            return read_touched_rows(part_side, wanted, part.condition)

        sets = [RowSet(rows) for rows in wanted]
        pages = self.meter.pages_by_side[side.expressions.side]
        for packed in self.reader.read_again(side, pages, read):
            for found, numbers in zip(sets, packed, strict=True):
                found.add(numbers)
        return sets

    def _decides(self, rule: int) -> str:
        return self.plan.tracked_rules[rule].forbidden_side

    def _read_tokens(self, sets: list[RowSet], before: BucketSums, after: BucketSums) -> list[TokensOfRows]:
        """The tokens of the rows that the rules touch on one side, as they are on the other side."""
        assert self.source is not None
        found: list[TokensOfRows] = []
        for side, other, all_tokens in ((self.source, "target", before), (self.target, "source", after)):
            mine = [one for one in sets if self._decides(one.rows.rule) == other]
            if mine:
                named = self._read_token_sums(side, mine)
                found += [TokensOfRows(*one.rows, all_tokens, named, place) for place, one in enumerate(mine)]
        return found

    def _read_token_sums(self, side: SideQueries, sets: list[RowSet]) -> BucketSums:
        def read(part_side: SideQueries, part: PageRange) -> BucketSums:
            return read_token_sums(part_side, sets, part.condition)

        pages = self.meter.pages_by_side[side.expressions.side]
        return add_sums(self.reader.read_again(side, pages, read))
