"""Tells rows that differ from rows that do not, and real differences from declared ones; asks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.parity.plan import TablePlan, Track
from integrations.parity.questions import Hashed, Key
from integrations.parity.sums import Sum, Sums

KEPT_KEYS = 10_000  # differing keys remembered a table, to ask again and to show


@dataclass
class Tally:
    """What a table's comparison has found so far; ``rules`` counts declared cells by their words."""

    changed: int = 0
    missing: int = 0
    extra: int = 0
    new_rows: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    keys: list[Key] = field(default_factory=list)
    overflow: bool = False  # more rows differ than keys are kept

    @property
    def differing(self) -> int:
        """Rows that differ and were not declared."""
        return self.changed + self.missing + self.extra


def suspicious(plan: TablePlan, source: Sums, target: Sums, tally: Tally) -> dict[int, int]:
    """The buckets whose rows have to be looked at, each with the rows it has on the larger side.

    Declared differences of the others are counted.
    """
    nothing = Sum(0, 0, ((0, 0),) * len(plan.tracks))
    bad = {}
    for bucket, found, there in source.unlike(target):
        one, other = found or nothing, there or nothing
        counts = _declared_counts(plan.tracks, one, other) if one[:2] == other[:2] else None
        if counts is None:
            bad[bucket] = max(one.rows, other.rows)
        else:
            tally.rules.update(counts)
    return bad


def _declared_counts(tracks: Sequence[Track], source: Sum, target: Sum) -> Counter[str] | None:
    """How many cells each rule explains in a bucket of equal rows; None when only its rows can tell.

    Rows are equal after the rules. Where the target has no touched cell at all, every touched cell
    of the source is one that the rule explains; where both have the same ones, none is.
    """
    counts: Counter[str] = Counter()
    for track, before, after in zip(tracks, source.tracks, target.tracks, strict=True):
        loose, strict = (after, before) if track.rule.kind == "null_is_filled" else (before, after)
        if before == after:
            continue
        if strict != (0, 0):
            return None
        counts[track.rule.words] += loose[0]
    return counts


def judge(
    plan: TablePlan,
    key: Key,
    source: Sequence[Hashed],
    target: Sequence[Hashed],
    tally: Tally,
    extra_declared: bool,
) -> None:
    """Adds the verdict on the rows of one key (of equal row hash, in a table without key) to the tally."""
    rest, other = _unlike(source, target)
    if not rest and not other:
        return
    rest, other = _explained(plan.tracks, rest, other, tally.rules)
    both = min(len(rest), len(other)) if plan.key else 0
    missing, extra = len(rest) - both, len(other) - both
    tally.changed += both
    tally.missing += missing
    if extra_declared:
        tally.new_rows += extra
        extra = 0
    tally.extra += extra
    if both + missing + extra:
        _keep(key, tally)


def _keep(key: Key, tally: Tally) -> None:
    if len(tally.keys) < KEPT_KEYS:
        tally.keys.append(key)
    else:
        tally.overflow = True


def _unlike(source: Sequence[Hashed], target: Sequence[Hashed]) -> tuple[list[Hashed], list[Hashed]]:
    one, other = Counter(source), Counter(target)
    return list((one - other).elements()), list((other - one).elements())


def _explained(
    tracks: Sequence[Track], source: list[Hashed], target: list[Hashed], rules: Counter[str]
) -> tuple[list[Hashed], list[Hashed]]:
    """Takes out pairs of rows that are the same but for declared differences, and counts those."""
    left = []
    # the row with most values of its own can be paired with fewest others: it chooses first
    for row in sorted(source, key=lambda hashed: hashed.tokens.count(None)):
        match = next((other for other in target if same(tracks, row, other)), None)
        if match is None:
            left.append(row)
            continue
        target.remove(match)
        for track, before, after in zip(tracks, row.tokens, match.tokens, strict=True):
            rules[track.rule.words] += before != after
    return left, target


def same(tracks: Sequence[Track], source: Hashed, target: Hashed) -> bool:
    """Whether two rows are the same but for declared differences."""
    return source.row == target.row and all(
        track.allows(before, after)
        for track, before, after in zip(tracks, source.tokens, target.tokens, strict=True)
    )
