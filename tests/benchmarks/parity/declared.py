"""What declared differences cost: a migrated table under its rules, against an equal table without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from integrations.parity.engine.comparison import compare_before, compare_live
from integrations.parity.engine.fingerprint import (
    Fingerprint,
    read_fingerprint,
    take_fingerprint,
    write_fingerprint,
)
from integrations.parity.model.declared import DeclaredRule, parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from tests.benchmarks.parity.costs import costs_in_turns
from tests.benchmarks.parity.data import SOURCE, TARGET
from tests.benchmarks.parity.parts import Run
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.table import Line, Table
from tests.servers import new_folder

EQUAL = "bench_equal"  # the source of the comparison without declared differences: a copy of the target
LIMIT = ("at most", 1.5)

#: As the old application left it: a few rows in a hundred without times, texts and JSON, and microseconds.
GIFTS = """create table gifts (id int, email varchar(120) not null, amount numeric(10,2) not null,
  currency varchar(3) not null, reference varchar(100), status varchar(20), payment_info json,
  created_at timestamp, updated_at timestamp)"""
GIFT = """insert into gifts select i, 'donor' || i || '@example.org', (i % 100000) / 7.0,
  (array['EUR','NGN','USD'])[1 + i % 3], case when i % 50 > 0 then 'ref ' || md5(i::text) end,
  case when i % 97 > 0 then (array['paid','failed','pending'])[1 + i % 3] end,
  case when i % 23 > 0 then ('{{"b": 1, "a": "' || i || '"}}')::json end,
  case when i % 31 > 0 then timestamp '2020-01-01' + i * interval '17.123457 s' end,
  case when i % 37 > 0 then timestamp '2020-01-01' + i * interval '19.765431 s' end
  from generate_series(1, {rows}) i"""
MIGRATION = (
    "update gifts set status = coalesce(status, 'pending'), payment_info = coalesce(payment_info, '{}'),"
    " created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now())",
    "alter table gifts alter status type text, alter status set not null,"
    " alter payment_info type jsonb, alter payment_info set not null,"
    " alter created_at type timestamp(3), alter created_at set not null,"
    " alter updated_at type timestamp(3), alter updated_at set not null",
    "vacuum full gifts",
)
#: The equal source has the types of before, so that only the declared differences make the two unlike.
TYPES_OF_BEFORE = (
    "alter table gifts alter payment_info type json, alter created_at type timestamp(6),"
    " alter updated_at type timestamp(6)"
)
RULES = parse_rules(
    [
        {"kind": "rounded", "table": "*", "column": "*", "digits": 3},
        {"kind": "null_is_filled", "table": "*", "column": "created_at"},
        {"kind": "null_is_filled", "table": "*", "column": "updated_at"},
        {"kind": "null_is_default", "table": "gifts", "column": "status", "default": "pending"},
        {"kind": "null_is_default", "table": "gifts", "column": "payment_info", "default": {}},
    ]
)


def make_migration(bench: Bench, rows: int) -> None:
    """Three databases: before a migration, after it, and a copy of that."""
    bench.create(SOURCE)
    bench.run(SOURCE, GIFTS, GIFT.format(rows=rows), "alter table gifts add primary key (id)")
    bench.create(TARGET, template=SOURCE)
    bench.run(TARGET, *MIGRATION)
    bench.create(EQUAL, template=TARGET)
    bench.run(EQUAL, TYPES_OF_BEFORE)
    for database in (SOURCE, TARGET, EQUAL):
        bench.run(database, "vacuum analyze", "select count(*) from gifts")
    bench.run(SOURCE, "checkpoint")


def expected_counts(rows: int) -> dict[str, int]:
    """What the rules for NULL explain in `make_migration`."""
    return {"filled": rows // 31 + rows // 37, "default": rows // 97 + rows // 23}


def declared(bench: Bench, run: Run) -> Iterator[Table]:
    """The comparison of the night, before and after, and the live one, at each number of rows."""
    for rows in run.sizes.declared:
        times = run.sizes.times if rows < 4_000_000 else 1
        make_migration(bench, rows)
        lines = list(_lines(bench, rows, times, new_folder("declared")))
        yield Table(f"Declared differences: {rows:,} rows, a migrated table under its rules", lines)


def _lines(bench: Bench, rows: int, times: int, folder: Path) -> Iterator[Line]:
    with_rules, without = (
        _Side(bench, SOURCE, RULES, folder / "rules"),
        _Side(bench, EQUAL, (), folder / "none"),
    )
    _require_findings(with_rules.live(), rows)
    _require_findings(with_rules.before(), rows)
    for what, name in (("fingerprint", "take"), ("before and after", "before"), ("live", "live")):
        plain, ruled = costs_in_turns(bench, times, getattr(without, name), getattr(with_rules, name))
        yield Line(f"{what}, equal and without rules", plain.seconds, note=f"CPU {plain.cpu:.2f} s")
        wanted = LIMIT if name != "take" else None
        note = ruled.told_against(plain, "without")
        yield Line(
            f"{what}, under its rules",
            ruled.seconds,
            ruled.seconds / plain.seconds,
            "× without",
            wanted,
            note,
        )


class _Side:
    """One of the two sources, which are compared with the same target."""

    def __init__(self, bench: Bench, database: str, rules: tuple[DeclaredRule, ...], file: Path) -> None:
        self.server = PostgresServer.from_url(bench.url(database))
        self.target = PostgresServer.from_url(bench.url(TARGET))
        self.options, self.file = ComparisonOptions(rules, structure="off"), file
        write_fingerprint(self.take(), file)

    def take(self) -> Fingerprint:
        """The fingerprint under the rules."""
        with Snapshot(self.server) as snapshot:
            return take_fingerprint(snapshot, self.options.rules)

    def before(self) -> ComparisonResult:
        """As in the night: the fingerprint decides, the restored backup names the rows."""
        return compare_before(read_fingerprint(self.file), self.target, self.options, backup=self.server)

    def live(self) -> ComparisonResult:
        """Both sides live."""
        return compare_live(self.server, self.target, self.options)


def _require_findings(result: ComparisonResult, rows: int) -> None:
    """Raises AssertionError unless all is explained, with the right numbers: the time says nothing else."""
    assert result.equal, result.summary
    (table,) = result.tables
    found = {"filled": 0, "default": 0}
    for rule, count in table.declared_by.items():
        kind = "filled" if "any value after" in rule else "default" if "NULL is" in rule else ""
        if kind:
            found[kind] += count
    assert found == expected_counts(rows), (found, expected_counts(rows))
