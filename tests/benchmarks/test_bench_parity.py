"""The benchmark measures what it says: right findings first, ratios after, misses said as misses."""

from __future__ import annotations

import pytest

from cutover.embedded import Postgres
from integrations.parity.result import TableResult
from tests.benchmarks.parity.declared import declared
from tests.benchmarks.parity.other_sources import other_sources
from tests.benchmarks.parity.parts import (
    Run,
    agreement,
    headline,
    many,
    rechecks,
    require_counts,
    scale,
    small,
    workers,
)
from tests.benchmarks.parity.peers import PEERS, found_by
from tests.benchmarks.parity.ranges import ranges
from tests.benchmarks.parity.same_rows import same_rows
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.sizes import Sizes
from tests.benchmarks.parity.table import Line, Table

TINY = Run(
    Sizes(
        donations=2000,
        attendance=500,
        scale=(2000, 4000),
        small=3,
        declared=(2000,),
        same=2000,
        ranges=60_000,
        times=1,
    )
)


@pytest.fixture
def bench(postgres_server: Postgres) -> Bench:
    return Bench(postgres_server)


def test_a_ratio_beyond_its_limit_is_reported_as_missed() -> None:
    assert Line("a", 1.0, 1.26, "", ("at most", 1.25)).missed
    assert not Line("a", 1.0, 1.25, "", ("at most", 1.25)).missed
    assert Line("a", 1.0, 4.4, "", ("at least", 4.5)).missed
    table = Table("t", [Line("a", 1.0, 4.4, "× ours", ("at least", 4.5))])
    assert "| a | 1.000 | 4.40 × ours | at least 4.5 | missed |" in table.as_markdown()
    assert "missed" in table.as_text()
    assert "missed" not in table.unjudged().as_text()


def test_wrong_findings_end_the_run() -> None:
    with pytest.raises(AssertionError, match="instead of"):
        require_counts(TableResult("t", changed=2), 3, 0, 0)
    with pytest.raises(AssertionError, match="no common form"):
        require_counts(TableResult("t", unsound=["no common form"]), 0, 0, 0)


def test_a_peer_that_finds_more_is_an_error_and_one_that_finds_less_is_noted() -> None:
    exact, loose = PEERS[0], PEERS[2]
    assert found_by(exact, {"1"}, {"1"}) == ""
    with pytest.raises(AssertionError, match="reladiff"):
        found_by(exact, {"1", "2"}, {"1"})
    with pytest.raises(AssertionError, match="reladiff"):
        found_by(exact, set(), {"1"})
    assert found_by(loose, {"1"}, {"1", "2"}) == "it finds 1 of 2"


def test_every_part_finds_its_edits(bench: Bench) -> None:
    parts = (
        headline,
        agreement,
        rechecks,
        many,
        scale,
        small,
        workers,
        declared,
        same_rows,
        other_sources,
        ranges,
    )
    tables = [table for part in parts for table in part(bench, TINY)]
    assert [table.title.split(":")[0] for table in tables] == [
        "donations", "attendance", "Agreement", "Recheck", "Many differences", "Growth",
        "Small tables", "Workers", "Declared differences", "Rows without a key", "Other sources", "Ranges",
    ]  # fmt: skip
    untimed = ("pages", "ours")
    assert all(line.seconds or line.what.startswith(untimed) for table in tables for line in table.lines)
