"""Only a backup that was restored and is equal is verified; every damage is a red verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations import processes, programs
from integrations.actions import ActionParams, Context, Outcome, ProbeStatus, registry
from integrations.backups import scratch_database
from integrations.checksums import hash_file
from integrations.clients import pgtools, postgres
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
TAKE, ACTION = registry()["backup.take"], registry()["backup.verify"]


@pytest.fixture
def take(app_database: AppDatabase, new_context: Make) -> Callable[..., dict[str, Any]]:
    def take_backup(**raw: Any) -> dict[str, Any]:
        report = Recorder()
        context = new_context({"old": {"kind": "postgres", "url": app_database.admin_url}})
        assert TAKE.run(TAKE.bind({"database": "old", **raw}, context), report).ok
        return report.facts["backup"]

    return take_backup


@pytest.fixture
def bind(app_database: AppDatabase, new_context: Make) -> Callable[..., ActionParams]:
    def bind_params(backup: dict[str, Any] | None, **raw: Any) -> ActionParams:
        url = postgres.with_database(app_database.admin_url, "postgres")
        evidence = {"take": {"backup": backup}} if backup else {}
        context = new_context({"scratch": {"kind": "postgres", "url": url}}, **evidence)
        return ACTION.bind({"backup": "take", "scratch": "scratch", **raw}, context)

    return bind_params


def verify(params: ActionParams) -> tuple[Outcome, dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(params, report)
    assert list_scratch_databases(params) == (
        [report.facts["verified"]["database"]] if report.facts["verified"]["database"] else []
    )
    return outcome, report.facts["verified"], report


def list_scratch_databases(params: ActionParams) -> list[str]:
    with postgres.connect(params.scratch["url"]) as admin:
        name = scratch_database.make_scratch_name(params.context.attempt)
        return [found for found in scratch_database.list_scratch_databases(admin) if found == name]


def forge(facts: dict[str, Any]) -> dict[str, Any]:
    """As if the damage had happened before the hashes were made: the manifest agrees with the files."""
    folder = Path(facts["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        file = folder / name
        manifest["files"][name] = {"bytes": file.stat().st_size, "sha256": hash_file(file)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return {**facts, "sha256": hash_file(folder / "manifest.json")}


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_a_good_backup_is_restored_and_found_equal(take: Any, bind: Any, format: str) -> None:
    facts = take(format=format)
    outcome, verified, report = verify(bind(facts))
    assert outcome.ok, outcome.summary
    assert verified["equal"] is True
    assert verified["sha256"] == facts["sha256"]
    assert verified["digest"] == facts["digest"]
    assert verified["seconds"] > 0
    assert (verified["tables"], verified["rows"]) == (4, 1050)
    assert any("restoring public.members" in what for _, _, what in report.steps)


def test_views_sequences_large_objects_and_odd_rows_come_back_equal(
    app_database: AppDatabase, take: Any, bind: Any
) -> None:
    app_database.execute(
        "create materialized view m as select currency, sum(amount) from donations group by 1;"
        "create materialized view hollow as select 1 as one with no data;"
        "create table parted (id int, t text) partition by range (id);"
        "create table part_1 partition of parted for values from (0) to (10);"
        "insert into parted values (1, 'x');"
        "create table t (cutover_row text, t text, r regclass);"
        "insert into t values (null, '', 'donations'), ('', null, null);"
        "create sequence down increment -1; select nextval('down'), nextval('down'); create sequence unused;"
        "select lo_from_bytea(0, 'large')"
    )
    outcome, verified, _ = verify(bind(take()))
    assert outcome.ok, verified["problems"]


def flip(data: bytearray) -> bytearray:
    data[len(data) * 3 // 4] ^= 0x10
    return data


DAMAGES: dict[str, Callable[[bytearray], bytearray]] = {
    "truncated": lambda data: data[: len(data) * 6 // 10],
    "bit flipped": flip,
    "empty": lambda data: bytearray(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("forged", [False, True])
def test_a_damaged_archive_is_never_verified(take: Any, bind: Any, damage: str, forged: bool) -> None:
    facts = take()
    dump = Path(facts["path"]) / "dump"
    dump.write_bytes(DAMAGES[damage](bytearray(dump.read_bytes())))
    outcome, verified, _ = verify(bind(forge(facts) if forged else facts))
    assert not outcome.ok
    assert verified["equal"] is False
    assert "Do not rely on this backup" in outcome.summary


def test_a_changed_value_in_an_uncompressed_archive_is_found_by_comparing_rows(
    app_database: AppDatabase, take: Any, bind: Any
) -> None:
    facts = take()
    dump = Path(facts["path"]) / "dump"
    tools = pgtools.choose(18)
    env = postgres.libpq_environment(app_database.admin_url)
    command = [tools.dump, "--format=custom", "--compress=0", f"--file={dump}"]
    assert programs.run(command, env=env).ok
    data = dump.read_bytes()
    assert data.count("Ünï 77\t".encode()) == 1
    dump.write_bytes(data.replace("Ünï 77\t".encode(), "Ünï 78\t".encode()))
    outcome, verified, _ = verify(bind(forge(facts)))
    assert not outcome.ok
    assert verified["problems"] == [
        "The table public.members has its 500 rows, but not all with the same values."
    ]


def test_a_missing_and_a_foreign_file_are_named(take: Any, bind: Any) -> None:
    facts = take(format="directory")
    data = sorted((Path(facts["path"]) / "dump").glob("*.dat.gz"))
    data[0].rename(data[0].with_name("other.gz"))
    outcome, verified, _ = verify(bind(facts))
    assert not outcome.ok
    assert f"The file dump/{data[0].name} is missing." in verified["problems"]
    assert "The file dump/other.gz does not belong to the backup." in verified["problems"]


def test_another_manifest_than_the_evidence_names_is_refused(take: Any, bind: Any) -> None:
    facts = take()
    outcome, _, _ = verify(bind({**forge(facts), "sha256": facts["sha256"]}))
    assert not outcome.ok
    assert "manifest is not the one" in outcome.summary


def test_rows_that_the_dump_lacks_are_counted(app_database: AppDatabase, take: Any, bind: Any) -> None:
    facts = take()
    app_database.execute("delete from donations where id <= 3; drop table empty_one")
    dump = Path(facts["path"]) / "dump"
    env = postgres.libpq_environment(app_database.admin_url)
    assert programs.run([pgtools.choose(18).dump, "--format=custom", f"--file={dump}"], env=env).ok
    _, verified, _ = verify(bind(forge(facts)))
    assert "The table public.empty_one is missing." in verified["problems"]
    assert "The table public.donations has 497 rows instead of 500." in verified["problems"]


def test_the_restored_database_can_be_kept_for_later_items(take: Any, bind: Any) -> None:
    params = bind(take(), keep=True)
    _, verified, _ = verify(params)
    before = ACTION.before(params)
    assert verified["database"] == before["database"]
    url = postgres.with_database(params.scratch["url"], verified["database"])
    try:
        with psycopg.connect(url) as restored:
            assert restored.execute("select count(*) from members").fetchone() == (500,)
        assert ACTION.probe(params, before).status is ProbeStatus.PARTIAL
    finally:
        with postgres.connect(params.scratch["url"]) as admin:
            scratch_database.drop_database(admin, verified["database"])
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE


def test_a_cancel_drops_the_scratch_database(take: Any, bind: Any) -> None:
    params = bind(take())
    with pytest.raises(Cancelled):
        ACTION.run(params, Recorder(lambda report: "processing data" in report.text))
    assert list_scratch_databases(params) == []
    assert processes.find_leftovers(params.context.attempt) == []


def test_without_a_backup_the_refusal_names_the_item_to_run_first(bind: Any) -> None:
    with pytest.raises(Problem, match="has taken no backup yet"):
        ACTION.run(bind(None), Recorder())
    assert "that “take” will take" in ACTION.preview(bind(None)).lines[0]


def test_a_backup_in_another_place_is_refused(take: Any, bind: Any) -> None:
    facts = take()
    Path(facts["path"]).rename(facts["path"] + "-moved")
    with pytest.raises(Problem, match="is no longer on"):
        ACTION.run(bind(facts), Recorder())


def test_a_login_that_may_not_create_databases_is_refused(
    app_database: AppDatabase, take: Any, new_context: Make
) -> None:
    facts = take()
    context = new_context(
        {"scratch": {"kind": "postgres", "url": app_database.app_url}}, take={"backup": facts}
    )
    with pytest.raises(Problem, match="may not create databases"):
        ACTION.run(ACTION.bind({"backup": "take", "scratch": "scratch"}, context), Recorder())
    assert Path(facts["path"]).exists()
