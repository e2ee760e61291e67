"""What rows without a key cost that are all the same, against rows that differ from each other."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer
from tests.benchmarks.parity.costs import costs_in_turns
from tests.benchmarks.parity.data import SOURCE, TARGET
from tests.benchmarks.parity.parts import Run, require_counts
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.table import Line, Table

#: table → the values of row i
VALUES = {"other": "i, 'row ' || i", "same": "1, 'row 1000000'"}


def same_rows(bench: Bench, run: Run) -> Iterator[Table]:
    """One row of each table was replaced by another one."""
    rows = run.sizes.same
    _make(bench, rows)
    servers = [PostgresServer.from_url(bench.url(database)) for database in (SOURCE, TARGET)]

    def compare(name: str) -> None:
        result = compare_live(*servers, ComparisonOptions(tables=(name,), structure="off"))
        require_counts(result.tables[0], 0, 1, 1)

    other, same = costs_in_turns(bench, run.sizes.times, lambda: compare("other"), lambda: compare("same"))
    lines = [
        Line("all different", other.seconds, note=f"CPU {other.cpu:.2f} s"),
        Line(
            "all the same", same.seconds, same.seconds / other.seconds, "× that of different ones",
            ("at most", 1), same.told_against(other, "that of different ones"),
        ),
    ]  # fmt: skip
    yield Table(f"Rows without a key: {rows:,} rows, one replaced", lines)


def _make(bench: Bench, rows: int) -> None:
    bench.create(SOURCE)
    for name, values in VALUES.items():
        bench.run(SOURCE, f"create table {name} (a int, v text)",
                  f"insert into {name} select {values} from generate_series(1, {rows}) i")  # fmt: skip
    bench.create(TARGET, template=SOURCE)
    for name in VALUES:
        bench.run(TARGET, f"update {name} set v = 'another' where ctid = (select min(ctid) from {name})")
    for database in (SOURCE, TARGET):
        bench.run(database, "vacuum analyze")
    bench.run(SOURCE, "checkpoint")
