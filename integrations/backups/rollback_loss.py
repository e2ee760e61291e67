"""What a rollback would lose, as numbers: rows by table, money, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrations.backups.lost_money import LostMoney


@dataclass
class TableLoss:
    """Rows of one table that a rollback deletes (created), sets back (changed) or brings back (deleted).

    ``keys``: kind → first keys as texts, where their type may be shown. ``columns``: column → changed rows
    among the examples. ``times``: when the first and the last of the created rows say that they were
    created, which proves nothing. ``notes`` say what the counts do not tell by themselves.
    """

    created: int = 0
    changed: int = 0
    deleted: int = 0
    keys: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    times: tuple[str, str] | None = None

    @property
    def rows(self) -> int:
        """All rows that differ."""
        return self.created + self.changed + self.deleted


@dataclass
class RollbackLoss:
    """The answer. ``counted_at``: the moment of the live snapshot by that database's clock.

    ``tables`` has the tables with a loss, ``compared`` the number of tables that were compared.
    ``added`` are rows of declared new tables, which a rollback removes with their table. ``unknown``: what
    could not be counted, with the reason; with any, the answer is not known. ``untold``: sentences about
    what no comparison can tell. ``explained``: values and rows that the declared rules of the migration
    explain; they are no loss.
    """

    counted_at: str = ""
    compared: int = 0
    copied_rows: dict[str, int] = field(default_factory=dict)
    tables: dict[str, TableLoss] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    money: list[LostMoney] = field(default_factory=list)
    explained: int = 0
    at_least: bool = False  # the counts are lower bounds

    @property
    def answer(self) -> str:
        """“unknown” as soon as one part could not be counted, else “loss” or “nothing”."""
        if self.unknown:
            return "unknown"
        return "loss" if self.tables or self.added else "nothing"

    def total(self, kind: str) -> int:
        """The rows of one kind in all tables."""
        return sum(getattr(table, kind) for table in self.tables.values())


def find_changed_copy(loss: RollbackLoss, counts: Mapping[str, int]) -> dict[str, str]:
    """Tables of the restored copy that have not the rows of the backup, with the reason.

    ``counts`` are those of the backup's own snapshot, by schema and table. A partitioned table is counted
    there by its partitions and is not checked here.
    """
    found = {}
    for label, rows in loss.copied_rows.items():
        known = counts.get(label if "." in label else f"public.{label}")
        if known is not None and known != rows and label not in loss.unknown:
            found[label] = (
                f"the restored copy has {rows:,} rows and the backup {known:,}: somebody has changed the copy"
            )
    return found


def find_missing_tables(loss: RollbackLoss, names: Iterable[str]) -> list[str]:
    """Those of the named tables that were not found. Without a copy none was looked for, and none is told."""
    if not loss.copied_rows:
        return []
    return sorted(set(names) - loss.copied_rows.keys() - loss.added.keys() - loss.unknown.keys())
