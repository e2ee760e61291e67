"""Pairs rows that are the same but for declared differences, in time that grows with their number alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from integrations.parity.model.plan import TrackedRule
from integrations.parity.sql.queries import RowHashes

Places = tuple[int, ...]  # positions of rules that explain a row whatever the other side has there
Tokens = tuple[int | None, ...]


def rows_match(rules: Sequence[TrackedRule], source: RowHashes, target: RowHashes) -> bool:
    """Whether two rows are the same except for declared differences."""
    return source.row == target.row and all(
        tracked.allows(before, after)
        for tracked, before, after in zip(rules, source.tokens, target.tokens, strict=True)
    )


def remove_declared(
    rules: Sequence[TrackedRule],
    source: Counter[RowHashes],
    target: Counter[RowHashes],
    counts: Counter[str],
) -> None:
    """Takes out pairs of rows that differ only by declared rules; counts the values that these explain."""
    partners = _Partners(rules, target)
    # A row with few NULL tokens matches few rows of the other side, so it chooses first. In another order
    # an easy row could take its only partner, and a declared difference would count as a real one.
    for row in sorted(source, key=lambda hashes: hashes.tokens.count(None)):
        for other in partners.find(row):
            pairs = min(source[row], target[other])
            source[row] -= pairs
            target[other] -= pairs
            for tracked, before, after in zip(rules, row.tokens, other.tokens, strict=True):
                counts[tracked.rule.description] += pairs * (before != after)
            if not source[row]:
                break
    for side in (source, target):
        for row in [row for row, count in side.items() if not count]:
            del side[row]


class _Partners:
    """Rows of the target by the tokens that a row of the source has to share with them."""

    def __init__(self, rules: Sequence[TrackedRule], target: Counter[RowHashes]) -> None:
        self.target = target
        self.sides = [tracked.forbidden_side for tracked in rules]
        self._by_places: dict[Places, dict[tuple[int, Places, Tokens], list[RowHashes]]] = {}
        self._open = {self._explained(row.tokens, "target") for row in target}

    def _explained(self, tokens: Tokens, side: str) -> Places:
        """The rules that explain a row because it has no token on that side."""
        places = enumerate(zip(tokens, self.sides, strict=True))
        return tuple(place for place, (token, forbidden) in places if token is None and forbidden == side)

    def find(self, row: RowHashes) -> Iterator[RowHashes]:
        """Rows that match and are not taken yet."""
        mine = self._explained(row.tokens, "source")
        index = self._index(mine)
        for theirs in self._open:
            found = index.get((row.row, theirs, _without(row.tokens, mine, theirs)), [])
            while found:
                if self.target[found[-1]]:
                    yield found[-1]
                if found and not self.target[found[-1]]:
                    found.pop()

    def _index(self, mine: Places) -> dict[tuple[int, Places, Tokens], list[RowHashes]]:
        if mine not in self._by_places:
            index: dict[tuple[int, Places, Tokens], list[RowHashes]] = defaultdict(list)
            for row in self.target:
                theirs = self._explained(row.tokens, "target")
                index[row.row, theirs, _without(row.tokens, mine, theirs)].append(row)
            self._by_places[mine] = index
        return self._by_places[mine]


def _without(tokens: Tokens, *places: Places) -> Tokens:
    left_out = {place for some in places for place in some}
    return tuple(token for place, token in enumerate(tokens) if place not in left_out)
