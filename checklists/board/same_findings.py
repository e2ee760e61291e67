"""Results of a preflight that say the same have one cause and one remedy: pages show them as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from checklists.board.preflight import ComparedResult
from checklists.models import Item


@dataclass(frozen=True)
class SameFinding:
    """One or more results with the same verdict, check, finding and remedy, in the order of the page."""

    results: list[ComparedResult]

    @property
    def first(self) -> ComparedResult:
        """It speaks for all of them."""
        return self.results[0]

    @property
    def affected(self) -> list[Item]:
        """The items that any of them affects, each once, in the order of the runbook."""
        items = {item.pk: item for one in self.results for item in one.affected}
        return sorted(items.values(), key=lambda item: item.position)


def group_same(results: Iterable[ComparedResult]) -> list[SameFinding]:
    """The results as findings, each at the place of its first result."""
    found: dict[tuple[str, ...], list[ComparedResult]] = {}
    for one in results:
        result = one.result
        found.setdefault((result.verdict, result.check_key, result.seen, result.change), []).append(one)
    return [SameFinding(each) for each in found.values()]
