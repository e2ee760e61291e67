"""What a rollback would lose: the live database against the restored backup, by keys and by rows.

No time decides here. Clocks differ between the panel, the database and its applications, columns with times
are filled by migrations, and many tables have none. So every row of every table is compared with the copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from integrations.backups.added_values import NotCounted, count_rows, count_values
from integrations.backups.loss_rules import LossRules, choose_rules, expresses_key
from integrations.backups.lost_money import LostMoney, sum_money
from integrations.backups.lost_rows import Key, read_first_and_last
from integrations.backups.rollback_loss import RollbackLoss, TableLoss
from integrations.errors import Problem
from integrations.parity.engine.comparison import Comparison, compare_before
from integrations.parity.engine.fingerprint import Fingerprint
from integrations.parity.engine.inherited_tables import join_children
from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from integrations.parity.server.both_sides import open_snapshots
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.foreign_tables import read_foreign_tables
from integrations.parity.server.same_database import is_same_database
from integrations.parity.server.server_errors import explain_read_failure
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.server.standby import read_standby

KINDS = {"extra": "created", "changed": "changed", "missing": "deleted"}  # of the engine → of a loss
#: Only keys of these types are shown: the key of a session, for example, is a secret that opens it.
SHOWN_KEY_TYPES = frozenset({"int2", "int4", "int8", "uuid"})
KEYS_KEPT = 50  # of each kind, per table
NOW = sql.SQL("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
LARGE_OBJECTS = sql.SQL("SELECT count(*) FROM pg_largeobject_metadata")


def measure_loss(
    copy: PostgresServer,
    live: PostgresServer,
    declared: Sequence[DeclaredRule],
    money: Sequence[Mapping[str, Any]],
    options: ComparisonOptions,
    observer: ComparisonObserver,
    *,
    created: str = "",
) -> RollbackLoss:
    """Compares the restored copy with the live database; both are only read.

    ``money``: entries {table, sum, by}. ``created``: a column with the time of a row, which only describes.
    Raises `ParityError` when the two cannot be compared at all, `ServerUnreachable` when one is lost, and
    `Problem` when both are the same database.
    """
    with open_snapshots(copy, live, options.longest) as (source, target):
        measurement = LossMeasurement(source, target, declared, options, observer)
        loss = measurement.run(money)
        for label in loss.tables if created else ():
            measurement.describe_times(loss.tables[label], label, created)
        return loss


def count_since_fingerprint(
    before: Fingerprint, live: PostgresServer, options: ComparisonOptions, observer: ComparisonObserver
) -> RollbackLoss:
    """Lower bounds of what differs from a fingerprint, where there is no restored copy.

    Raises the same errors as `measure_loss`.
    """
    given = replace(options, rules=before.rules, schemas=tuple(before.schemas), structure="off")
    result = compare_before(before, live, given, observer)
    loss = RollbackLoss(result.started, len(result.tables), at_least=True)
    for table in result.tables:
        if table.differing:
            note = f"a lower bound, since the fingerprint of {before.taken_at}"
            loss.tables[table.table] = TableLoss(table.extra, table.changed, table.missing, notes=[note])
        elif table.unsound:
            loss.unknown[table.table] = "; ".join(table.unsound)
    return loss


class LossMeasurement:
    """One measurement in the snapshots of both sides."""

    def __init__(
        self,
        copy: Snapshot,
        live: Snapshot,
        declared: Sequence[DeclaredRule],
        options: ComparisonOptions,
        observer: ComparisonObserver,
    ) -> None:
        _refuse_same_database(copy, live)
        self.copy, self.live = copy, live
        self.foreign = list(read_foreign_tables(live))
        copied = join_children(read_tables(copy), copy, declared)
        tables = join_children(read_tables(live), live, declared)
        self.copied = {table.label: table for table in copied.values()}
        self.tables = {table.label: table for table in tables.values()}
        self.rules: LossRules = choose_rules(declared, copied, tables, self.foreign)
        self.options = replace(options, rules=self.rules.rules, structure="off")
        self.row_keys: dict[str, list[str]] = {}
        self.keys: dict[str, dict[str, list[Key]]] = defaultdict(lambda: defaultdict(list))
        self.observer = replace(observer, on_difference=self._keep_key)

    def run(self, money: Sequence[Mapping[str, Any]]) -> RollbackLoss:
        """Compares every table, then counts what the copy cannot have, then sums up the money."""
        loss = RollbackLoss(counted_at=str(self.live.fetch_value(NOW)))
        result = Comparison(self.copy, self.live, None, self.options, self.observer).run()
        loss.compared = len(result.tables)
        loss.explained = result.declared_count
        loss.copied_rows = {table.table: table.source_rows for table in result.tables}
        for table in result.tables:
            self._add_table(loss, table, result)
        declared = result.schema["declared"]
        self._add_new_tables(loss, declared)
        self._add_new_columns(loss, declared)
        self._add_what_is_gone(loss, result)
        self._add_the_rest(loss, result)
        loss.money = [self._sum_money(loss, asked, result) for asked in money]
        return loss

    def _keep_key(self, table: str, row: DifferingRow) -> None:
        if row.key:
            self.keys[table][KINDS[row.kind]].append(tuple(row.key.values()))

    def _add_table(self, loss: RollbackLoss, table: TableResult, result: ComparisonResult) -> None:
        if table.unsound:
            loss.unknown[table.table] = "; ".join(table.unsound)
        self.row_keys[table.table] = table.key
        found = TableLoss(table.extra, table.changed, table.missing, columns=table.by_column)
        if not found.rows:
            return
        if self._may_show_keys(table):
            kept = self.keys[table.table]
            found.keys = {
                kind: [", ".join(map(str, key)) for key in keys[:KEYS_KEPT]] for kind, keys in kept.items()
            }
        if not table.key:
            found.notes.append("it has no key: a changed row counts as one deleted and one created")
        found.notes += _notes_about_types(table, result)
        loss.tables[table.table] = found

    def describe_times(self, found: TableLoss, label: str, created: str) -> None:
        """Adds when the first and the last of the created rows say that they were created."""
        column, kept = self.tables[label].column(created), self.keys[label]["created"]
        if column is None or not kept:
            return
        with suppress(psycopg.Error):  # it only describes
            table, key = self.tables[label], self.row_keys[label]
            if times := read_first_and_last(self.live, table, key, kept, created):
                found.times = times

    def _may_show_keys(self, table: TableResult) -> bool:
        columns = [self.tables[table.table].column(name) for name in table.key]
        personal = PersonalColumns(self.options.personal)
        return bool(columns) and all(
            column and column.base in SHOWN_KEY_TYPES and not personal.hides(table.table, column.name)
            for column in columns
        )

    def _add_new_tables(self, loss: RollbackLoss, declared: Collection[str]) -> None:
        for label in sorted(self.tables.keys() - self.copied.keys()):
            if self.tables[label].part_of:
                continue  # its rows were compared with those of its table
            with _note_failure(loss, label):
                rows = count_rows(self.live, self.tables[label])
                if rows and label in declared:
                    loss.added[label] = rows
                elif rows:
                    loss.unknown[label] = (
                        f"the backup has no such table: its {rows:,} row(s) may be new, or were moved there"
                    )

    def _add_new_columns(self, loss: RollbackLoss, declared: Collection[str]) -> None:
        for label in sorted(self.tables.keys() & self.copied.keys()):
            known = self.copied[label]
            columns = [c.name for c in self.tables[label].columns if known.column(c.name) is None]
            with _note_failure(loss, label):
                values = count_values(self.live, self.tables[label], columns) if columns else {}
                self._add_values(loss, label, values, declared)

    @staticmethod
    def _add_values(
        loss: RollbackLoss, label: str, values: Mapping[str, int], declared: Collection[str]
    ) -> None:
        for column, rows in values.items():
            name = f"{label}.{column}"
            said = f"the backup has no such column: what was written there (up to {rows:,} rows) is not told"
            if rows and name in declared:
                loss.untold.append(f"{name}: {said}")
            elif rows:
                loss.unknown[name] = f"{said}; it may also be another column under a new name"

    @staticmethod
    def _add_what_is_gone(loss: RollbackLoss, result: ComparisonResult) -> None:
        for noun, names in (("table", "missing_tables"), ("column", "missing_columns")):
            for name in result.schema[names]:
                said = f"the live database has no such {noun} any more"
                if name in result.schema["declared"]:
                    loss.untold.append(f"{name}: {said}, and a rollback brings it back as it was")
                else:
                    loss.unknown[name] = (
                        f"{said}: what was written there since the backup is gone, or is under another name"
                    )

    def _add_the_rest(self, loss: RollbackLoss, result: ComparisonResult) -> None:
        """What was left out on purpose, what the engine could not do, and what no row tells."""
        for table in result.tables:
            loss.untold += [f"{table.table}.{name}: declared as not compared" for name in table.not_compared]
        loss.untold += [f"{name}: a foreign table, whose rows no restore touches" for name in self.foreign]
        loss.untold += self.rules.notes
        if result.unsound:
            loss.unknown["the database as a whole"] = "; ".join(result.unsound)
        if standby := read_standby(self.live.connection):
            loss.unknown["what the primary has written"] = f"the live side is {standby.description}"
        objects = [int(side.fetch_value(LARGE_OBJECTS)) for side in (self.copy, self.live)]
        if any(objects):
            loss.unknown["large objects"] = (
                f"they are not compared ({objects[0]:,} in the backup, {objects[1]:,} now)"
            )

    def _sum_money(self, loss: RollbackLoss, asked: Mapping[str, Any], result: ComparisonResult) -> LostMoney:
        name, kept = str(asked["table"]), self.keys[str(asked["table"])]
        money: LostMoney = {
            "table": name,
            "groups": [],
            "changed_from": [],
            "changed_to": [],
            "deleted": [],
            "at_least": loss.tables.get(name, TableLoss()).rows > sum(map(len, kept.values())),
            "reason": "",
        }
        table = next((table for table in result.tables if table.table == name), None)
        if table is None:
            money["reason"] = "there is no such table on both sides"
        elif loss.tables.get(name) and not table.key:
            money["reason"] = "the table has no key by which its rows are found"
        elif expresses_key(table):
            money["reason"] = "its key is compared through SQL, which finds no row"
        else:
            try:
                self._fill_money(money, table.key, kept, asked)
            except psycopg.Error as error:
                money["reason"] = explain_read_failure(error)
        if money["reason"]:
            loss.unknown[f"the money of {name}"] = money["reason"]
        return money

    def _fill_money(
        self,
        money: LostMoney,
        key: Sequence[str],
        kept: Mapping[str, list[Key]],
        asked: Mapping[str, Any],
    ) -> None:
        table = self.tables[money["table"]]
        none: list[Key] = []
        money["groups"] = sum_money(self.live, table, key, kept.get("created", none), asked)
        money["changed_to"] = sum_money(self.live, table, key, kept.get("changed", none), asked)
        money["changed_from"] = sum_money(self.copy, table, key, kept.get("changed", none), asked)
        money["deleted"] = sum_money(self.copy, table, key, kept.get("deleted", none), asked)


@contextmanager
def _note_failure(loss: RollbackLoss, label: str) -> Iterator[None]:
    """A table that cannot be read inside the block becomes an entry of ``unknown``."""
    try:
        yield
    except NotCounted as error:
        loss.unknown[label] = str(error)


def _refuse_same_database(copy: Snapshot, live: Snapshot) -> None:
    if is_same_database(copy, live):
        raise Problem(
            f"{live.server.address} is itself the restored copy of the backup.",
            means="Compared with itself, a database has lost nothing: nothing was counted.",
            next="Correct database: of this item in the runbook, or the address of that system.",
        )


def _notes_about_types(table: TableResult, result: ComparisonResult) -> list[str]:
    """Changed columns whose type is another one now: the migration may have changed their values."""
    types = {change["column"]: change for change in result.schema["changed_types"]}
    changed = [types[f"{table.table}.{name}"] for name in table.by_column if f"{table.table}.{name}" in types]
    return [
        f"{each['column']} was {each['source']} and is {each['target']}: the change of type may be among them"
        for each in changed
    ]
