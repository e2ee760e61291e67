"""A kept pass is valid for one history of a server: after a restore to a point or a failover it is refused.

With real servers: base backups, archived WAL, a standby that is promoted.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL, main
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.kept_pass import read_kept_pass
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.engine.row_history import require_state
from integrations.parity.errors import ParityError
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Database, only
from tests.integrations.parity.replicas import Family, ask, family
from tests.waiting import wait_for

TABLE = (
    "create table t (id int primary key, v text)",
    "insert into t select i, 'v' || i from generate_series(1, 5000) i",
)
ANOTHER_WAY = "does not hold for the target any more: its history took another way"


@pytest.fixture
def related() -> Iterator[Family]:
    with family() as made:
        database_of(made.primary).run(*TABLE)
        yield made


@pytest.fixture
def source(new_database: Callable[[], str]) -> Database:
    """The other side, on a server of its own, with the same rows."""
    made = Database(new_database())
    made.run(*TABLE)
    return made


def database_of(server: Postgres) -> Database:
    return Database(server.url())


def kept(source: Database, target: Postgres, file: Path) -> Path:
    result, _ = compare_and_keep_pass(source.server, database_of(target).server, file, ComparisonOptions())
    assert only(result, "t").equal, result.summary  # a standby as a whole is never equal
    return file


def mended_after_the_point(related: Family, source: Database, file: Path) -> tuple[Database, Postgres, Path]:
    """The target, the server that a restore makes of it, which lacks a mend, and a pass that saw the mend."""
    target = database_of(related.primary)
    target.run("update t set v = 'old' where id = 7")
    restored = related.to_be_restored("before the mend")
    related.mark("before the mend")
    target.run("update t set v = 'v7' where id = 7")
    return target, restored, kept(source, related.primary, file)


def promote(standby: Postgres) -> None:
    assert ask(standby, "select pg_promote()")


def test_a_restore_to_a_point_in_time_voids_the_pass(
    related: Family, source: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pass saw row 7 mended; the restored server, at the same address, has it as before."""
    target, restored, file = mended_after_the_point(related, source, tmp_path / "pass")
    related.primary.stop()
    restored.start()
    wait_for(lambda: not ask(restored, "select pg_is_in_recovery()"))

    with pytest.raises(ParityError, match=ANOTHER_WAY) as refused:
        recheck(source.server, target.server, file, ComparisonOptions())
    assert refused.value.next == "Compare in full, and keep that pass."
    assert main([source.url, target.url, "--recheck", str(file)]) == COULD_NOT
    assert "(a new timeline, or a standby was promoted)" in capsys.readouterr().err

    result, _ = compare_and_keep_pass(source.server, target.server, file, ComparisonOptions())
    assert [row.key for row in only(result, "t").examples] == [{"id": "7"}]
    target.run("update t set v = 'v7' where id = 7")
    again = only(recheck(source.server, target.server, file, ComparisonOptions()), "t")
    assert (again.mode, again.equal) == ("recheck", True)


def test_a_restore_during_the_recheck_voids_the_pass_too(
    related: Family, source: Database, tmp_path: Path
) -> None:
    """The connection is lost, and afterwards another server answers at that address."""
    target, restored, file = mended_after_the_point(related, source, tmp_path / "pass")

    def restore(told: ReadProgress) -> None:
        if told.state == "reading" and restored.process is None:
            related.primary.stop()
            restored.start()
            wait_for(lambda: not ask(restored, "select pg_is_in_recovery()"))

    with pytest.raises(ParityError, match=ANOTHER_WAY):
        recheck(source.server, target.server, file, ComparisonOptions(), ComparisonObserver(on_table=restore))


def test_a_failover_to_a_standby_voids_the_pass(related: Family, source: Database, tmp_path: Path) -> None:
    """What the primary had acknowledged, and the standby had not got, is lost; but the pass saw it."""
    standby = related.standby()
    standby.stop()
    for side in (source, database_of(related.primary)):
        side.run("update t set v = 'late' where id = 9")
    file = kept(source, related.primary, tmp_path / "pass")
    related.primary.stop()
    promote(standby.start())
    target = database_of(standby)
    with pytest.raises(ParityError, match=ANOTHER_WAY):
        recheck(source.server, target.server, file, ComparisonOptions())
    assert main([source.url, target.url, "--quiet"]) == DIFFERENT
    target.run("update t set v = 'late' where id = 9")
    assert main([source.url, target.url, "--quiet"]) == EQUAL


def test_a_pass_over_a_standby_is_valid_until_it_is_promoted(
    related: Family, source: Database, tmp_path: Path
) -> None:
    standby, primary = related.standby(), database_of(related.primary)
    target = database_of(standby)
    result = compare_live(source.server, target.server, ComparisonOptions(workers=2))
    assert (only(result, "t").equal, result.equal) == (True, False), "its primary may know more"
    file = kept(source, standby, tmp_path / "pass")

    primary.run("update t set v = 'x' where id = 11", "delete from t where id = 12", "vacuum (freeze) t")
    related.wait_for_replay(standby)
    table = only(recheck(source.server, target.server, file, ComparisonOptions()), "t")
    assert (table.changed, table.missing, table.extra, table.mode) == (1, 1, 0, "recheck")

    promote(standby)
    with pytest.raises(ParityError, match=ANOTHER_WAY):
        recheck(source.server, target.server, file, ComparisonOptions())


def test_a_transaction_that_began_on_the_primary_before_the_pass_is_found_on_the_standby(
    related: Family, source: Database, tmp_path: Path
) -> None:
    standby = related.standby()
    with psycopg.connect(related.primary.url()) as early:
        early.execute("update t set v = 'early' where id = 13")
        database_of(related.primary).run("create table moves_the_counter_on ()")
        related.wait_for_replay(standby)
        compare_and_keep_pass(
            source.server, database_of(standby).server, tmp_path / "pass", ComparisonOptions()
        )
    related.wait_for_replay(standby)
    again = only(
        recheck(source.server, database_of(standby).server, tmp_path / "pass", ComparisonOptions()), "t"
    )
    assert (again.changed, again.mode) == (1, "recheck")


def test_a_pass_right_after_a_promotion_stays_valid_after_the_next_checkpoint(
    related: Family, source: Database, tmp_path: Path
) -> None:
    """The control file knows the new timeline only from that on: minutes later, with much to write."""
    standby = related.standby()
    for side in (source, database_of(related.primary)):
        side.run("update t set v = repeat('x', 2000)")
    related.wait_for_replay(standby)
    promote(standby)
    file = kept(source, standby, tmp_path / "pass")
    assert read_kept_pass(file).target.timeline == "2 false"
    database_of(standby).run("checkpoint")
    result = recheck(source.server, database_of(standby).server, file, ComparisonOptions())
    assert (only(result, "t").equal, only(result, "t").mode) == (True, "recheck")


POSITIONS: LiteralString = (
    "select array[pg_current_wal_insert_lsn() - '0/0', checkpoint_lsn - '0/0', redo_lsn - '0/0',"
    " split_part(next_xid, ':', 2)::numeric] from pg_control_checkpoint()"  # its time has whole seconds
)


def test_nothing_but_the_start_tells_of_older_files_that_were_put_in_place_and_written_to(
    related: Family, source: Database, tmp_path: Path
) -> None:
    """Why a restart ends what was kept: all positions have gone on, and the row looks older than the pass."""
    older, target = related.folder / "older", database_of(related.primary)
    target.run("create table u (a int)")
    related.primary.stop()
    subprocess.run(["cp", "-a", related.primary.data, older], check=True)
    related.primary.start()
    target.run(*["insert into u values (1)"] * 9)  # what the older files lack: their numbers are given again
    file = kept(source, related.primary, tmp_path / "pass")
    target.run("checkpoint")
    then, state = ask(related.primary, POSITIONS), read_kept_pass(file).target

    related.primary.stop()
    shutil.rmtree(related.primary.data)
    older.rename(related.primary.data)
    related.primary.start()
    target.run("update t set v = 'of another history' where id = 7")
    while ask(related.primary, "select txid_snapshot_xmin(txid_current_snapshot())") < state.upcoming + 5:
        target.run("insert into u values (1)")
    target.run("insert into u select generate_series(1, 50000)", "checkpoint")
    assert all(before < after for before, after in zip(then, ask(related.primary, POSITIONS), strict=True))

    with Snapshot(target.server) as snapshot:
        now = require_state(snapshot)
    assert "started again" in state.find_change(now)
    assert replace(state, started=now.started).find_change(now) == ""
    assert ask(related.primary, "select xmin::text::bigint from t where id = 7") < state.horizon
    with pytest.raises(ParityError, match="older files"):
        recheck(source.server, target.server, file, ComparisonOptions())
