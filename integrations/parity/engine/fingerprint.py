"""A fingerprint of a database: taken before the migration, kept in a file, compared afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.beyond_rows.object_reader import ObjectsOfSide, read_objects
from integrations.parity.beyond_rows.sql_rules import Answer, SqlRule, parse_sql_rules, query_sql_rule
from integrations.parity.beyond_rows.totals import Groups, GroupTotal, parse_totals, query_total
from integrations.parity.engine.checksummed_file import read_facts, write_facts
from integrations.parity.engine.compared_tables import read_source_tables
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.unreadable_columns import VALUE_ERRORS, leave_out_unreadable
from integrations.parity.model.buckets import BucketScheme, choose_bucket_scheme
from integrations.parity.model.declared import DeclaredRule, DeclaredRules, parse_rules
from integrations.parity.model.plan import SchemaDifference, TablePlan, plan_table
from integrations.parity.model.sums import BucketSums
from integrations.parity.observer import ComparisonObserver, serialize_calls
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import compute_digest
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.encodings import HASH_PROBE
from integrations.parity.server.server_errors import explain_read_failure
from integrations.parity.server.session_settings import SettingsLost
from integrations.parity.server.sizes import read_table_pages
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.server.standby import read_standby
from integrations.parity.server.table_changes import TableChanged
from integrations.parity.sql.queries import SideQueries

FORMAT = 5  # since 5 with the structure of types
#: On a standby, what the snapshot sees is as old as the last transaction that was replayed.
TAKEN_AT = sql.SQL(
    "SELECT to_char(CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE now() END,"
    ' \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
)


@dataclass
class TableFingerprint:
    """How one table was hashed, and its bucket sums; ``failed`` says why there are none.

    ``left_out`` says which columns are not in the sums because they could not be read, and why.
    """

    table: CatalogTable
    recipe: list[str]
    buckets: BucketScheme
    sums: BucketSums
    failed: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the table when the fingerprint was taken."""
        return self.sums.rows

    @property
    def digest(self) -> str:
        """SHA-256 over recipe and sums."""
        return compute_digest([self.table.label, self.recipe, self.sums.digest, self.failed])

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` reads them."""
        named: dict[str, Any] = {"recipe": self.recipe, "buckets": asdict(self.buckets)}
        named |= {"failed": self.failed, "left_out": list(self.left_out)}
        return {"table": self.table.as_facts(), **named, "sums": self.sums.as_facts()}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> TableFingerprint:
        """The fingerprint from `as_facts`."""
        sums = BucketSums.from_facts(facts["sums"])
        table, buckets = CatalogTable.from_facts(facts["table"]), BucketScheme(**facts["buckets"])
        return cls(table, facts["recipe"], buckets, sums, facts["failed"], tuple(facts.get("left_out", ())))


@dataclass
class Fingerprint:
    """One side at one instant.

    ``probe`` is the answer to `HASH_PROBE`: servers with other answers hash in another way. ``rules`` and
    ``requested_totals`` decided how values were hashed and what was summed up; the later comparison uses
    the same. ``objects`` are not part of the digest, which covers the rows. ``answers`` are those to
    the rules in SQL (``checks``), by name; a text says why there is no answer.
    """

    address: str
    taken_at: str
    probe: str
    schemas: list[str]
    tables: list[TableFingerprint]
    totals: dict[str, Groups | str]
    rules: tuple[DeclaredRule, ...] = ()
    requested_totals: tuple[GroupTotal, ...] = ()
    objects: ObjectsOfSide = field(default_factory=ObjectsOfSide)
    checks: tuple[SqlRule, ...] = ()
    answers: dict[str, Answer | str] = field(default_factory=dict)
    standby: str = ""  # its lag, when it was taken from a standby

    @property
    def digest(self) -> str:
        """SHA-256 over all tables and totals: the same content gives the same digest."""
        totals = sorted((name, str(groups)) for name, groups in self.totals.items())
        return compute_digest([self.probe, [kept.digest for kept in self.tables], totals])

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(kept.rows for kept in self.tables)

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `read_fingerprint` reads them."""
        return {
            "address": self.address,
            "taken_at": self.taken_at,
            "probe": self.probe,
            "schemas": self.schemas,
            "tables": [kept.as_facts() for kept in self.tables],
            "totals": {
                name: groups if isinstance(groups, str) else [[list(g), *v] for g, v in groups.items()]
                for name, groups in self.totals.items()
            },
            "rules": [rule.as_facts() for rule in self.rules],
            "asked": [asdict(total) for total in self.requested_totals],
            "structure": self.objects.found,
            "objects": self.objects.as_facts(),
            "checks": [check.as_facts() for check in self.checks],
            "answers": self.answers,
            "standby": self.standby,
            "format": FORMAT,
        }


def take_fingerprint(
    snapshot: Snapshot,
    rules: tuple[DeclaredRule, ...] = (),
    totals: tuple[GroupTotal, ...] = (),
    schemas: tuple[str, ...] = (),
    observer: ComparisonObserver | None = None,
    checks: tuple[SqlRule, ...] = (),
) -> Fingerprint:
    """Takes the fingerprint of what this snapshot sees; the later comparison must have the same rules.

    A table that cannot be read is in it with a reason. Raises `ServerUnreachable` when the server is lost.
    """
    observer = serialize_calls(observer or ComparisonObserver())
    standby = read_standby(snapshot.connection)
    tables = list(read_source_tables(snapshot, schemas, rules).values())
    fingerprints = _read_table_fingerprints(snapshot, _plan_tables(tables, rules), observer)
    observer.on_progress(1, 1, "")
    return Fingerprint(
        address=snapshot.server.address,
        taken_at=snapshot.fetch_value(TAKEN_AT) or "an unknown time",
        probe=snapshot.fetch_value(HASH_PROBE),
        schemas=list(schemas),
        tables=fingerprints,
        totals={total.name: query_total(snapshot, tables, total) for total in totals},
        rules=tuple(rules),
        requested_totals=tuple(totals),
        objects=read_objects(snapshot, schemas),
        checks=checks,
        answers={check.name: query_sql_rule(snapshot, check) for check in checks},
        standby=standby.description if standby else "",
    )


def _plan_tables(tables: Sequence[CatalogTable], rules: tuple[DeclaredRule, ...]) -> list[TablePlan]:
    declared = DeclaredRules(rules)
    return [
        plan_table(table, table, declared, SchemaDifference())
        for table in tables
        if not declared.find("not_compared", table.label) and not table.part_of
    ]


def _read_table_fingerprints(
    snapshot: Snapshot, plans: Sequence[TablePlan], observer: ComparisonObserver
) -> list[TableFingerprint]:
    sizes = read_table_pages(snapshot, [plan.source for plan in plans])
    pages = [sizes.get((plan.source.schema, plan.source.name), 0) for plan in plans]
    fingerprints = []
    with SumReader(ComparisonOptions(snapshot_age=0), observer) as reader:
        for number, plan in enumerate(plans):
            observer.check_cancelled()
            before, total = sum(pages[:number]), sum(pages)
            meter = ProgressMeter(observer, plan.label, {"source": pages[number]}, before, total)
            fingerprints.append(_read_table_fingerprint(snapshot, plan, reader, meter))
    return fingerprints


def _read_table_fingerprint(
    snapshot: Snapshot, plan: TablePlan, reader: SumReader, meter: ProgressMeter
) -> TableFingerprint:
    reader.export_snapshots([snapshot])
    meter.report_state("reading")
    try:
        with snapshot.savepoint():
            scheme = choose_bucket_scheme(snapshot, plan, meter.pages)
            sums = reader.read_one(SideQueries(snapshot, plan, "source", scheme), meter)
    except VALUE_ERRORS as error:
        if (less := leave_out_unreadable(plan, [("source", snapshot)])) is not None:
            return _read_table_fingerprint(snapshot, less, reader, meter.restarted())
        return _failed_fingerprint(plan, meter, error)
    except (psycopg.Error, TableChanged, SettingsLost) as error:
        return _failed_fingerprint(plan, meter, error)
    meter.report_state("done")
    return TableFingerprint(plan.source, plan.recipe, scheme, sums, left_out=plan.unreadable)


def _failed_fingerprint(
    plan: TablePlan, meter: ProgressMeter, error: psycopg.Error | TableChanged | SettingsLost
) -> TableFingerprint:
    meter.report_state("failed")
    reason = explain_read_failure(error) if isinstance(error, psycopg.Error) else str(error)
    return TableFingerprint(plan.source, plan.recipe, BucketScheme("hash", 0), BucketSums({}), reason)


def write_fingerprint(fingerprint: Fingerprint, path: Path) -> str:
    """Writes the file completely or not at all; returns its SHA-256."""
    return write_facts(fingerprint.as_facts(), path)


def read_fingerprint(path: Path, sha256: str = "") -> Fingerprint:
    """The fingerprint of a file; raises `ParityError` when it is gone, was changed or has another format."""
    facts = read_facts(
        path, sha256, FORMAT, what="fingerprint", instead="compare live against the restored backup"
    )
    totals = {
        name: groups if isinstance(groups, str) else {tuple(g): (rows, value) for g, rows, value in groups}
        for name, groups in facts.pop("totals").items()
    }
    tables = [TableFingerprint.from_facts(table) for table in facts.pop("tables")]
    rules, asked = parse_rules(facts.pop("rules")), parse_totals(facts.pop("asked"))
    checks = parse_sql_rules(facts.pop("checks"))
    facts["objects"] = ObjectsOfSide.from_facts(facts.pop("structure"), facts.get("objects"))
    return Fingerprint(
        **facts, tables=tables, totals=totals, rules=rules, requested_totals=asked, checks=checks
    )
