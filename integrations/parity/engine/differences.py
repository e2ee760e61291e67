"""Tells rows that differ from rows that do not, and undeclared differences from declared ones; no queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.parity.engine.declared_pairs import remove_declared
from integrations.parity.model.plan import TablePlan, TrackedRule
from integrations.parity.model.sums import BucketSum, BucketSums
from integrations.parity.sql.keys import RowKey
from integrations.parity.sql.queries import RowHashes

MAX_KEYS = 10_000  # of differing rows per table that are remembered, to read them again and to show them


@dataclass
class DifferenceTally:
    """What was found in one table so far.

    ``rules`` counts the values that each declared rule explains, by its description. ``overflow`` says that
    more rows differ than ``keys`` holds, which are at most ``most_keys``.
    """

    changed: int = 0
    missing: int = 0
    extra: int = 0
    new_rows: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    keys: list[RowKey] = field(default_factory=list)
    overflow: bool = False
    most_keys: int = MAX_KEYS

    @property
    def differing(self) -> int:
        """Rows that differ and are not declared."""
        return self.changed + self.missing + self.extra


#: Position of a tracked rule → count and sum of the tokens of the side that may have them, over the rows that
#: have one on the other side, too.
KeptTokens = Mapping[int, tuple[int, int]]


def find_suspicious_buckets(
    plan: TablePlan,
    source: BucketSums,
    target: BucketSums,
    tally: DifferenceTally,
    kept_tokens: Callable[[int], KeptTokens] = lambda bucket: {},
) -> dict[int, int]:
    """Buckets whose rows have to be compared → rows of the bucket on the larger side.

    Differences in other buckets are all declared: they are added to the tally.
    """
    empty = BucketSum(0, 0, ((0, 0),) * len(plan.tracked_rules))
    suspicious = {}
    for bucket, before, after in source.differing_buckets(target):
        one, other = before or empty, after or empty
        counts = None
        if one[:2] == other[:2]:
            counts = count_declared(plan.tracked_rules, one, other, kept_tokens(bucket))
        if counts is None:
            suspicious[bucket] = max(one.rows, other.rows)
        else:
            for rule, count in counts.items():
                tally.rules[rule] += count
    return suspicious


def count_declared(
    rules: Sequence[TrackedRule], source: BucketSum, target: BucketSum, kept_tokens: KeptTokens
) -> dict[str, int] | None:
    """How many values each rule explains where the sums of row hashes agree; None if only rows can tell.

    The row hashes agree after the rules were applied. When a rule applies to the same values on both sides,
    it explains none of them. When it applies to none on the side that should not have any, it explains
    every value on the other side. When it applies to some there, these rows must have the same tokens on the
    other side; it explains the rest of that side's values.
    """
    counts: dict[str, int] = {}
    pairs = zip(rules, source.tracked, target.tracked, strict=True)
    for number, (tracked, before, after) in enumerate(pairs):
        if before == after:
            continue
        forbidden, allowed = (after, before) if tracked.forbidden_side == "target" else (before, after)
        if forbidden != (0, 0) and kept_tokens.get(number) != forbidden:
            return None
        description = tracked.rule.description
        counts[description] = counts.get(description, 0) + allowed[0] - forbidden[0]
    return counts


def tally_rows(
    plan: TablePlan,
    key: RowKey,
    source: Counter[RowHashes],
    target: Counter[RowHashes],
    tally: DifferenceTally,
    extra_declared: bool,
) -> None:
    """Adds the rows of one key (in a table without a key: of one row hash) to the tally.

    Rows with the same hashes are counted, and cost no more than one.
    """
    left, right = source - target, target - source
    if not left and not right:
        return
    if plan.tracked_rules:
        remove_declared(plan.tracked_rules, left, right, tally.rules)
    here, there = left.total(), right.total()
    changed = min(here, there) if plan.key else 0
    missing, extra = here - changed, there - changed
    tally.changed += changed
    tally.missing += missing
    if extra_declared:
        tally.new_rows += extra
        extra = 0
    tally.extra += extra
    if changed + missing + extra:
        _remember_key(key, tally)


def _remember_key(key: RowKey, tally: DifferenceTally) -> None:
    if len(tally.keys) < tally.most_keys:
        tally.keys.append(key)
    else:
        tally.overflow = True
