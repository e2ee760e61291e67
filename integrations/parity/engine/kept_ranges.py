"""The ranges of a large table that were read: after a lost connection, and in a later run, the rest is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from integrations.parity.engine.page_ranges import PageRange
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums, add_sums
from integrations.parity.server.server_state import ServerState

TablePlace = tuple[str, str]  # schema and name of a table on the source
SIDES = ("source", "target")


@dataclass(frozen=True)
class KeptRanges:
    """Sums of the ranges of a table that were read, in ``snapshots`` snapshots of ``runs`` runs.

    The first of these snapshots was taken at ``first``, the last at ``last`` (ISO 8601). Nothing may be
    different from what it was in the first one: ``states`` of the servers and digests of the table's
    ``files``. ``left`` are the ranges that were not read. All pairs are of source and target.
    """

    recipe: list[str]
    buckets: BucketScheme
    states: tuple[ServerState, ServerState]
    files: tuple[str, str]
    first: str
    last: str
    left: tuple[tuple[PageRange, ...], tuple[PageRange, ...]]
    sums: tuple[BucketSums, BucketSums]
    snapshots: int = 1
    runs: int = 1

    @property
    def complete(self) -> bool:
        """Whether every range was read."""
        return not any(self.left)

    def in_next_snapshot(self, taken_at: str) -> KeptRanges:
        """The same ranges; the next ones are read in a snapshot of that time."""
        return replace(self, last=taken_at, snapshots=self.snapshots + 1)

    def with_sums(
        self,
        sums: tuple[BucketSums, BucketSums],
        left: tuple[tuple[PageRange, ...], tuple[PageRange, ...]],
    ) -> KeptRanges:
        """After further ranges were read, which have these sums."""
        source, target = (add_sums(pair) for pair in zip(self.sums, sums, strict=True))
        return replace(self, sums=(source, target), left=left)

    def find_change(self, states: tuple[ServerState, ServerState], files: tuple[str, str]) -> str:
        """Why these sums do not fit to what is read in the present state; empty when they do."""
        changes = [then.find_change(now) for then, now in zip(self.states, states, strict=True)]
        if self.files != files:
            changes.append("it was rewritten, or its columns were altered")
        return "; ".join(change for change in changes if change)

    def goes_on_with(self, other: KeptRanges | None) -> bool:
        """Whether the other ranges are part of these: the same reading of the table, at an earlier time."""
        return other is not None and (self.recipe, self.buckets, self.states, self.files, self.first) == (
            other.recipe, other.buckets, other.states, other.files, other.first
        )  # fmt: skip

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` reads them."""
        return {
            "recipe": self.recipe,
            "buckets": asdict(self.buckets),
            "states": [state.as_facts() for state in self.states],
            "files": list(self.files),
            "first": self.first,
            "last": self.last,
            "left": [[[one.pages, one.start, one.end] for one in side] for side in self.left],
            "sums": [side.as_facts() for side in self.sums],
            "snapshots": self.snapshots,
            "runs": self.runs,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> KeptRanges:
        """The ranges from `as_facts`."""
        source, target = (ServerState(**state) for state in facts["states"])
        before, after = (tuple(PageRange(*one) for one in side) for side in facts["left"])
        sums, others = (BucketSums.from_facts(side) for side in facts["sums"])
        return cls(
            facts["recipe"],
            BucketScheme(**facts["buckets"]),
            (source, target),
            (facts["files"][0], facts["files"][1]),
            facts["first"],
            facts["last"],
            (before, after),
            (sums, others),
            facts["snapshots"],
            facts["runs"],
        )


class RangeStore:
    """The ranges of each table that were read in this run, or in ``earlier`` ones.

    ``append`` is called with what a file has to hold so that a later run goes on (`add_line` reads it).
    """

    def __init__(
        self,
        append: Callable[[dict[str, Any]], None] | None = None,
        earlier: Mapping[TablePlace, KeptRanges] | None = None,
    ) -> None:
        self._append = append
        self._kept = dict(earlier or {})
        self._of_earlier_runs = set(self._kept)

    def find(self, plan: TablePlan) -> KeptRanges | None:
        """The ranges of this table that were read, if it was to be compared in the same way."""
        place = _place_of(plan)
        kept = self._kept.get(place)
        if kept is None or kept.recipe != plan.recipe:  # a column came, or cannot be read
            return None
        return replace(kept, runs=kept.runs + (place in self._of_earlier_runs))

    def keep(self, plan: TablePlan, kept: KeptRanges, latest: tuple[BucketSums, BucketSums]) -> None:
        """Keeps the ranges. Of sums that are in the file already, only the ``latest`` are added to it."""
        place = _place_of(plan)
        if self._append:
            adds = kept.goes_on_with(self._kept.get(place))
            facts = replace(kept, sums=latest if adds else kept.sums).as_facts()
            # Before it is replaced here: the first line of a file is written behind those of earlier runs.
            self._append({"table": list(place), "ranges": facts, "adds": adds})
        self._kept[place] = kept
        self._of_earlier_runs.discard(place)

    def drop(self, plan: TablePlan) -> None:
        """The ranges of this table are of no use any more."""
        self._kept.pop(_place_of(plan), None)

    def iterate_lines(self) -> Iterable[dict[str, Any]]:
        """All that is kept, as lines of a file."""
        for place, kept in self._kept.items():
            yield {"table": list(place), "ranges": kept.as_facts(), "adds": False}


def add_line(kept: dict[TablePlace, KeptRanges], line: Mapping[str, Any]) -> None:
    """Adds what a line of a file says to the ranges that the lines before it have given."""
    place, ranges = (line["table"][0], line["table"][1]), KeptRanges.from_facts(line["ranges"])
    if line["adds"]:
        source, target = (add_sums(pair) for pair in zip(kept[place].sums, ranges.sums, strict=True))
        ranges = replace(ranges, sums=(source, target))
    kept[place] = ranges


def _place_of(plan: TablePlan) -> TablePlace:
    return plan.source.schema, plan.source.name
