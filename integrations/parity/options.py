"""The options of a comparison: declared rules, checks beyond the rows, limits on the load."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.parity.beyond_rows.spot_checks import SpotCheck
from integrations.parity.beyond_rows.sql_rules import SqlRule
from integrations.parity.beyond_rows.totals import GroupTotal
from integrations.parity.model.announced import AnnouncedChange
from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.selection import RowCondition, TableSelection


@dataclass(frozen=True)
class ComparisonOptions:
    """Everything that can be set; each option has a harmless default. Names are those of the command line.

    What is compared: ``rules`` (declared differences), ``totals``, ``checks`` (rules in SQL), ``spots``
    (spot checks), ``schemas`` (() for all) and ``views`` (by label). ``tables`` and ``exclude`` are patterns
    of tables, ``where`` conditions on their rows: see `selection`. ``structure`` says which differences of
    objects beside the rows count against “equal” unless they are declared or ``announced``: those of each
    kind by its own level and of the kinds in ``judge`` (“levels”), all (“judged”), or none (“told”). “off”
    only counts the objects. ``sample`` is the percentage of
    rows to read (0: all); a sample is never “equal”. ``settle``: seconds after which differing rows are
    read again (0: never).

    Limits; 0 means none, and a table that would exceed one is refused with a reason. ``longest``: seconds
    of one statement. ``workers``: connections per side (0: as the cores allow). ``page_rate``: 8 kB pages
    per second and side. ``snapshot_age``: seconds. ``largest``: pages of the largest table. With
    ``renew_snapshots`` a table is not refused because of the age: it is read in several snapshots.

    ``fail_fast`` ends at the first table that is not equal, ``limit`` after so many differing rows (0:
    never); what was not compared then is named.

    ``keep``: differing rows per table that are reported. ``personal``: patterns ``table.column`` of columns
    whose values are personal, ``harmless``: of those that everybody may see. A pattern that matches nothing
    is red; with ``refuse_personal``, one of a personal column ends the comparison before a row is read.
    """

    rules: tuple[DeclaredRule, ...] = ()
    totals: tuple[GroupTotal, ...] = ()
    schemas: tuple[str, ...] = ()
    settle: float = 0
    longest: int = 1800
    workers: int = 0
    page_rate: int = 0
    snapshot_age: int = 3600
    renew_snapshots: bool = False
    largest: int = 0
    sample: float = 0
    keep: int = 10_000
    views: tuple[str, ...] = ()
    checks: tuple[SqlRule, ...] = ()
    spots: tuple[SpotCheck, ...] = ()
    personal: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    structure: str = "levels"
    judge: tuple[str, ...] = ()
    announced: tuple[AnnouncedChange, ...] = ()
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: tuple[RowCondition, ...] = ()
    fail_fast: bool = False
    limit: int = 0
    refuse_personal: bool = False

    @property
    def selection(self) -> TableSelection:
        """The tables and rows to which the comparison is restricted."""
        return TableSelection(self.tables, self.exclude, self.where)
