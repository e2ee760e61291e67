"""A fingerprint of a database, taken before and kept as a file, to compare it with itself after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.buckets import choose_buckets
from integrations.parity.checks import Answer, SqlRule, ask_check, read_checks
from integrations.parity.declared import Declared, Rule, read_rules
from integrations.parity.kept_file import read_facts, write_facts
from integrations.parity.options import Options
from integrations.parity.plan import Buckets, SchemaDifference, TablePlan, plan_table
from integrations.parity.progress import Meter
from integrations.parity.questions import Questions
from integrations.parity.reading import Reader
from integrations.parity.refusals import why_unread
from integrations.parity.result import digest_of
from integrations.parity.sizes import pages_of
from integrations.parity.snapshot import Snapshot
from integrations.parity.structure import Structure, read_structure
from integrations.parity.sums import Sums
from integrations.parity.tables import Table, read_tables
from integrations.parity.totals import Groups, Total, ask_total, read_totals
from integrations.parity.watch import Watch, one_at_a_time

FORMAT = 4


@dataclass
class KeptTable:
    """One table's fingerprint: how it was hashed, and its bucket sums; ``failed`` says why there are none."""

    table: Table
    recipe: list[str]
    buckets: Buckets
    sums: Sums
    failed: str = ""

    @property
    def rows(self) -> int:
        """Rows there were."""
        return self.sums.rows

    @property
    def digest(self) -> str:
        """SHA-256 over recipe and sums."""
        return digest_of([self.table.label, self.recipe, self.sums.digest, self.failed])

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        named = {"recipe": self.recipe, "buckets": asdict(self.buckets), "failed": self.failed}
        return {"table": self.table.as_facts(), **named, "sums": self.sums.as_facts()}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> KeptTable:
        """The way back from `as_facts`."""
        sums = Sums.from_facts(facts["sums"])
        table, buckets = Table.from_facts(facts["table"]), Buckets(**facts["buckets"])
        return cls(table, facts["recipe"], buckets, sums, facts["failed"])


@dataclass
class Fingerprint:
    """The whole of one side at one instant; ``probe`` tells servers apart whose hashes are not the same.

    ``rules`` and ``asked`` decided how values were hashed and what was summed: the comparison that
    comes after uses the same. ``structure`` is no part of the digest, which is about content. ``answers``
    are those to the rules in SQL, by name, or in words why there is none.
    """

    address: str
    taken_at: str
    probe: str
    schemas: list[str]
    tables: list[KeptTable]
    totals: dict[str, Groups | str]
    rules: tuple[Rule, ...] = ()
    asked: tuple[Total, ...] = ()
    structure: Structure = field(default_factory=dict)
    checks: tuple[SqlRule, ...] = ()
    answers: dict[str, Answer | str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over every table's and total's fingerprint: the same content gives the same digest."""
        totals = sorted((name, str(groups)) for name, groups in self.totals.items())
        return digest_of([self.probe, [kept.digest for kept in self.tables], totals])

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(kept.rows for kept in self.tables)

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        totals = {
            name: groups if isinstance(groups, str) else [[list(g), *v] for g, v in groups.items()]
            for name, groups in self.totals.items()
        }
        tables = [kept.as_facts() for kept in self.tables]
        rules, asked = [rule.as_facts() for rule in self.rules], [asdict(total) for total in self.asked]
        checks = [check.as_facts() for check in self.checks]
        more = {"tables": tables, "totals": totals, "rules": rules, "asked": asked, "checks": checks}
        return {**vars(self), **more, "format": FORMAT}


PROBE = sql.SQL(
    "SELECT concat_ws(' ', current_setting('server_encoding'),"
    " hashtextextended('probe' COLLATE \"C\", 1), hashcharextended('p', 1), hashfloat8extended(0.1, 1),"
    " uuid_hash_extended('00000000-0000-0000-0000-000000000001', 1))"
)


def take(
    snapshot: Snapshot,
    rules: tuple[Rule, ...] = (),
    totals: tuple[Total, ...] = (),
    schemas: tuple[str, ...] = (),
    watch: Watch | None = None,
    checks: tuple[SqlRule, ...] = (),
) -> Fingerprint:
    """The fingerprint of what this snapshot sees. The rules of the later comparison must be the same."""
    watch = one_at_a_time(watch or Watch())
    tables = list(read_tables(snapshot, schemas).values())
    declared = Declared(rules)
    plans = [
        plan_table(table, table, declared, SchemaDifference())
        for table in tables
        if not declared.find("not_compared", table.label)
    ]
    with Reader(Options(snapshot_age=0), watch) as reader:
        kept = [_keep(snapshot, plan, reader, meter) for plan, meter in _metered(snapshot, plans, watch)]
    watch.progress(1, 1, "")
    found = {total.name: ask_total(snapshot, tables, total) for total in totals}
    moment = snapshot.value(sql.SQL('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'))
    probe = snapshot.value(PROBE)
    address = snapshot.server.address
    return Fingerprint(
        address, moment, probe, list(schemas), kept, found, tuple(rules), tuple(totals),
        structure=read_structure(snapshot, schemas), checks=checks,
        answers={check.name: ask_check(snapshot, check) for check in checks},
    )  # fmt: skip


def _metered(
    snapshot: Snapshot, plans: Sequence[TablePlan], watch: Watch
) -> Iterator[tuple[TablePlan, Meter]]:
    known = pages_of(snapshot, [plan.source for plan in plans])
    pages = [known.get((plan.source.schema, plan.source.name), 0) for plan in plans]
    for number, plan in enumerate(plans):
        watch.check()
        yield plan, Meter(watch, plan.label, {"source": pages[number]}, sum(pages[:number]), sum(pages))


def _keep(snapshot: Snapshot, plan: TablePlan, reader: Reader, meter: Meter) -> KeptTable:
    reader.share([snapshot])
    meter.tell("reading")
    try:
        with snapshot.attempt():
            buckets = choose_buckets(snapshot, plan, meter.pages)
            sums = reader.one(Questions(snapshot, plan, "source", buckets), meter)
    except psycopg.DataError as error:
        if (less := plan.without_json()) is not None:
            return _keep(snapshot, less, reader, meter.again())
        return _failed(plan, meter, error)
    except psycopg.Error as error:
        return _failed(plan, meter, error)
    meter.tell("done")
    return KeptTable(plan.source, plan.recipe, buckets, sums)


def _failed(plan: TablePlan, meter: Meter, error: psycopg.Error) -> KeptTable:
    meter.tell("failed")
    return KeptTable(plan.source, plan.recipe, Buckets("hash", 0), Sums({}), why_unread(error))


def write(fingerprint: Fingerprint, path: Path) -> str:
    """Writes it so that the file is there whole or not at all; gives its SHA-256."""
    return write_facts(fingerprint.as_facts(), path)


def read(path: Path, sha256: str = "") -> Fingerprint:
    """The fingerprint of a file; raises `Problem` when it is gone, changed or of another format."""
    facts = read_facts(
        path, sha256, FORMAT, what="fingerprint", instead="compare live against the restored backup"
    )
    totals = {
        name: groups if isinstance(groups, str) else {tuple(g): (rows, value) for g, rows, value in groups}
        for name, groups in facts.pop("totals").items()
    }
    tables = [KeptTable.from_facts(table) for table in facts.pop("tables")]
    rules, asked = read_rules(facts.pop("rules")), read_totals(facts.pop("asked"))
    checks = read_checks(facts.pop("checks"))
    return Fingerprint(**facts, tables=tables, totals=totals, rules=rules, asked=asked, checks=checks)
