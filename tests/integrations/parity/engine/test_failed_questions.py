"""A question beside the rows that fails is a line of the result, and costs nothing that was found."""

from __future__ import annotations

import psycopg
import pytest

from integrations.parity.__main__ import DIFFERENT, main
from integrations.parity.beyond_rows import object_reader
from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, exit_code
from integrations.parity.server import session_settings
from tests.integrations.parity.conftest import Pair, only, when


@pytest.fixture
def two(pair: Pair) -> Pair:
    pair.both(
        "create table a (id int primary key, v text)",
        "insert into a values (1, 'x')",
        "create table t (id serial primary key, v text)",
    )
    return pair


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("structure", ["told", "judged"])
def test_a_lock_costs_the_structure_and_nothing_else(
    two: Pair, side: str, structure: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "200ms")
    monkeypatch.setattr(object_reader, "IMPATIENT", "set local lock_timeout = '100ms'")
    two.target.run("update a set v = 'y'")
    with psycopg.connect(getattr(two, side).url) as holder:
        holder.execute("alter table t add constraint c check (id > 0)")
        code = main([two.source.url, two.target.url, "--structure", structure])
    told = capsys.readouterr().out
    assert code == DIFFERENT
    assert "a: 1 changed" in told
    assert "t: it could not be read: another session holds a lock on it" in told
    assert f"not compared: columns could not be compared: {side}: canceling statement due to lock" in told
    assert "present, not compared: columns: " in told


def test_a_table_that_is_dropped_after_it_was_read_costs_no_result(two: Pair) -> None:
    """The snapshot still lists it, and its definition is gone."""
    dropped = when("t", "done", lambda: two.both("drop table a"))
    result = compare_live(two.source.server, two.target.server, ComparisonOptions(), dropped)
    assert [table.equal for table in result.tables] == [True, True]
    assert exit_code(result) == COULD_NOT
    assert any("could not be compared: " in line for line in result.unsound)
    assert any(line.startswith("a was rewritten or truncated in the source") for line in result.unsound)
    assert only(result, "t").equal
    assert result.finished
