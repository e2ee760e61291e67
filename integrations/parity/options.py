"""What a comparison may be told: rules, what is asked beside the rows, and how much load it may make."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.parity.checks import SqlRule
from integrations.parity.declared import Rule
from integrations.parity.spots import Spot
from integrations.parity.totals import Total


@dataclass(frozen=True)
class Options:
    """All that a comparison may be told; what is not said has a harmless value.

    ``settle``: seconds after which rows that differ are asked again (0: never). ``longest``: seconds
    that one statement may take. ``workers``: connections a side (0: as many as cores allow).
    ``page_rate``: 8 kB pages a second and side. ``snapshot_age``: seconds that a snapshot may get
    old. ``largest``: pages of the largest table that may be read. (0: no bound; a table that would
    exceed one is refused with a reason.) ``sample``: percent of the rows to look at (0: all; a
    sample is never “equal”). ``keep``: differing rows told a table. ``personal``: patterns
    ``table.column`` of columns whose values are personal. ``structure``: whether indexes, constraints,
    triggers, defaults, extensions and collations that differ are only told (“told”), stand against
    “equal” unless they are declared (“judged”), or are not looked at (“off”).
    """

    rules: tuple[Rule, ...] = ()
    totals: tuple[Total, ...] = ()
    schemas: tuple[str, ...] = ()
    settle: float = 0
    longest: int = 1800
    workers: int = 0
    page_rate: int = 0
    snapshot_age: int = 3600
    largest: int = 0
    sample: float = 0
    keep: int = 10_000
    views: tuple[str, ...] = ()
    checks: tuple[SqlRule, ...] = ()
    spots: tuple[Spot, ...] = ()
    personal: tuple[str, ...] = ()
    structure: str = "told"  # or “judged”, or “off”
