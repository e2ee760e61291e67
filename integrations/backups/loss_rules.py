"""The rules under which a rollback's loss is counted: they explain what the migration itself changed."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from integrations.parity.model.declared import RENAMES, DeclaredRule
from integrations.parity.result import TableResult
from integrations.parity.server.catalog import CatalogColumn, CatalogTable

Tables = Mapping[tuple[str, str], CatalogTable]

DIGITS = 6  # of a second, where a type does not say how many it keeps
PRECISION = re.compile(r"^time[a-z]*\((\d)\)")  # of a type as format_type() writes it


@dataclass(frozen=True)
class LossRules:
    """``rules`` for the engine, and ``notes`` about declared rules that do not apply here."""

    rules: tuple[DeclaredRule, ...]
    notes: tuple[str, ...]


def choose_rules(
    declared: Iterable[DeclaredRule], copy: Tables, live: Tables, foreign: Iterable[str]
) -> LossRules:
    """The declared rules without those that would hide a loss, and the rounding that the types imply.

    “New rows” and a table that is “not compared” are expected after a migration. A rollback loses these
    rows all the same, so both are counted here. What has another name counts as unknown, like any table or
    column that only one side has. Foreign tables are left out: no restore touches their rows.
    """
    kept, notes = [], []
    for rule in declared:
        if rule.kind in RENAMES:
            notes.append(f"{rule.description}: what was renamed is not compared, and counts as unknown.")
        elif rule.kind == "new_rows" or (rule.kind == "not_compared" and not rule.column):
            what = "declared as new rows" if rule.kind == "new_rows" else "declared as not compared"
            notes.append(f"{rule.table} is {what}: rows that the migration wrote there count as well.")
        else:
            if rule.is_sql:
                notes.append(f"{rule.description}: what its SQL takes for the same does not count as lost.")
            kept.append(rule)
    left_out = (DeclaredRule("not_compared", glob.escape(name)) for name in foreign)
    return LossRules((*kept, *_iterate_rounding(copy, live), *left_out), tuple(notes))


def expresses_key(table: TableResult) -> bool:
    """Whether a column of the key was compared through SQL: its texts are then no values of the column."""
    return any(
        line.startswith(f"{column} through SQL: ") for column in table.key for line in table.expressions
    )


def _iterate_rounding(copy: Tables, live: Tables) -> Iterator[DeclaredRule]:
    """A rule for each time that has fewer digits in the live database: the change of type has cut it."""
    for place in copy.keys() & live.keys():
        for column in copy[place].columns:
            other = live[place].column(column.name)
            if other is not None and _digits(other) < _digits(column):
                table = glob.escape(copy[place].label)
                yield DeclaredRule("rounded", table, glob.escape(column.name), digits=_digits(other))


def _digits(column: CatalogColumn) -> int:
    """Digits of a second that a column keeps."""
    found = PRECISION.match(column.type)
    return int(found[1]) if found else DIGITS
