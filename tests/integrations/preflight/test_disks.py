"""Free disk is compared with what the items need, and said to be unknown where a server does not tell it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from integrations.clients import postgres
from integrations.preflight import CheckScope, Verdict
from tests.integrations.conftest import AppDatabase
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.ports import free_port

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def scope(app_database: AppDatabase, tmp_path: Path) -> CheckScope:
    """Two backups of a database, and a server for its copies."""
    systems = {
        "live": {"kind": "postgres", "url": app_database.app_url},
        "scratch": {"kind": "postgres", "url": postgres.with_database(app_database.admin_url, "postgres")},
    }
    items = planned(
        early=("backup.take", {"database": "live"}),
        fresh=("backup.take", {"database": "live"}),
        verify=("backup.verify", {"scratch": "scratch"}),
        back=("rollback.restore", {"database": "live"}),
    )
    return scope_of(systems, items=items, folder=tmp_path)


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))


@pytest.mark.parametrize("key", ["disk.panel", "postgres.disk"])
def test_a_disk_is_green_with_room_and_red_without(
    scope: CheckScope, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {each.verdict for each in run_check(key, scope).values()} == {Verdict.GREEN}
    full_disk(monkeypatch)
    found = run_check(key, scope)
    assert {each.verdict for each in found.values()} == {Verdict.RED}
    assert all("1.0 kB" in each.seen and "Free space in" in each.change for each in found.values())


def test_a_backup_that_was_taken_needs_no_more_room(scope: CheckScope) -> None:
    def needed(evidence: dict[str, dict[str, str]]) -> str:
        asked = CheckScope(scope.systems, items=scope.items, folder=scope.folder, evidence=evidence)
        (result,) = run_check("disk.panel", asked).values()
        return result.seen.partition(", free")[0]

    assert needed({}) != needed({"early": {}}) != needed({"early": {}, "fresh": {}})


def test_the_disk_of_a_server_elsewhere_is_asked_of_its_operator(
    scope: CheckScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another host: its process is none of this one."""
    monkeypatch.setattr(
        "integrations.preflight.checks.disk_space.SESSION", "select 2147483647, current_database()"
    )
    found = run_check("postgres.disk", scope)
    assert {each.verdict for each in found.values()} == {Verdict.AMBER}
    assert all("Ask its operator whether" in each.change for each in found.values())


def test_a_database_that_an_item_starts_later_need_not_answer_yet() -> None:
    system = {"kind": "postgres", "url": f"postgresql://u:p@127.0.0.1:{free_port()}/x"}
    items = planned(provision=("stack.provision", {"database": "staging"}))
    scope = scope_of({"staging": system}, items=items)
    (result,) = run_check("postgres.reachable", scope).values()
    assert (result.verdict, "“provision” starts it" in result.seen) == (Verdict.AMBER, True)
    assert run_check("postgres.clock", scope) == {}
    started = CheckScope(scope.systems, items=items, evidence={"provision": {}})
    (result,) = run_check("postgres.reachable", started).values()
    assert result.verdict is Verdict.RED
