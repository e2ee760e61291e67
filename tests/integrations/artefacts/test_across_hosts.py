"""What an item left on one host is used on another; without a shared storage it says who has it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, Outcome, ProbeStatus, registry
from integrations.artefacts import ArtefactStore, LocalArtefacts
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.systems import Systems
from integrations.writes import freeze
from tests.integrations.artefacts.s3_server import CUTOVER, SharedBucket
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Facts = dict[str, Any]
Run = Callable[..., tuple[Outcome, Facts]]


@pytest.fixture
def systems(app_database: AppDatabase) -> dict[str, dict[str, str]]:
    scratch = postgres.with_database(app_database.admin_url, "postgres")
    return {
        "old": {"kind": "postgres", "url": app_database.admin_url},
        "app": {"kind": "postgres", "url": app_database.app_url},
        "scratch": {"kind": "postgres", "url": scratch},
    }


@pytest.fixture
def context_on(systems: Mapping[str, Mapping[str, str]]) -> Callable[..., Context]:
    """The context of a new attempt where this store is; its evidence comes from the host “a”."""

    def make(store: ArtefactStore, evidence: Facts | None = None) -> Context:
        return Context(
            Systems(systems, environ={}),
            evidence or {},
            store.root,
            attempt=str(uuid.uuid4()),
            cutover=CUTOVER,
            hosts=dict.fromkeys(evidence or {}, "a"),
            store=store,
        )

    return make


@pytest.fixture
def run_on(context_on: Callable[..., Context]) -> Run:
    def run(store: ArtefactStore, action: str, evidence: Facts | None = None, **raw: Any) -> Any:
        known, report = registry()[action], Recorder()
        outcome = known.run(known.bind(raw, context_on(store, evidence)), report)
        return outcome, report.facts

    return run


def local(folder: Path, host: str) -> LocalArtefacts:
    root = folder / host / "artefacts" / CUTOVER
    root.mkdir(parents=True)
    return LocalArtefacts(root, CUTOVER)


def hide(folder: Path, host: str) -> None:
    """The disk of this host, as another host sees it."""
    (folder / host).rename(folder / f"{host}-elsewhere")


def test_a_backup_of_one_host_is_verified_and_kept_by_another(
    shared: SharedBucket, run_on: Run, tmp_path: Path
) -> None:
    outcome, taken = run_on(shared.host("a"), "backup.take", database="old")
    assert outcome.ok
    hide(shared.folder, "a")
    named = {"backup": "take", "scratch": "scratch"}
    outcome, facts = run_on(shared.host("b"), "backup.verify", {"take": taken}, **named)
    assert outcome.ok, outcome.summary
    assert facts["verified"]["equal"]
    assert facts["verified"]["sha256"] == taken["backup"]["sha256"]
    # what the bucket has cannot be changed unseen: a third host refuses it
    (dump,) = (key for key in shared.objects() if key.endswith("/dump"))
    shared.client.put_object(Bucket=shared.settings.bucket, Key=dump, Body=b"x" * taken["backup"]["bytes"])
    with pytest.raises(Problem, match=r"dump of .* is not what was written"):
        run_on(shared.host("c"), "backup.verify", {"take": taken}, **named)


def test_without_a_shared_storage_the_host_that_has_the_backup_is_named(run_on: Run, tmp_path: Path) -> None:
    here, there = local(tmp_path, "a"), local(tmp_path, "b")
    _, taken = run_on(here, "backup.take", database="old")
    hide(tmp_path, "a")
    with pytest.raises(Problem) as refused:
        run_on(there, "backup.verify", {"take": taken}, backup="take", scratch="scratch")
    assert "is on the host a, and this item runs on" in refused.value.what
    assert taken["backup"]["path"] in refused.value.means
    assert "CUTOVER_ARTEFACTS" in refused.value.next
    assert "not found" not in str(refused.value).lower()
    # the same folder, mounted under another name, is enough
    (tmp_path / "b" / "artefacts" / CUTOVER).rmdir()
    (tmp_path / "b" / "artefacts").rmdir()
    (tmp_path / "a-elsewhere" / "artefacts").rename(tmp_path / "b" / "artefacts")
    outcome, _ = run_on(there, "backup.verify", {"take": taken}, backup="take", scratch="scratch")
    assert outcome.ok, outcome.summary


def test_a_fingerprint_of_one_host_is_compared_by_another(shared: SharedBucket, run_on: Run) -> None:
    _, taken = run_on(shared.host("a"), "parity.fingerprint", database="old")
    hide(shared.folder, "a")
    outcome, _ = run_on(shared.host("b"), "parity.compare", {"print": taken}, before="print", database="old")
    assert outcome.ok, outcome.summary


def test_a_freeze_that_failed_on_one_host_is_lifted_exactly_by_another(
    shared: SharedBucket, run_on: Run, app_database: AppDatabase
) -> None:
    here, there = shared.host("a"), shared.host("b")
    app_database.execute(f"alter role {app_database.role} set default_transaction_read_only = off")
    outcome, _ = run_on(here, "freeze.on", database="old", application="app", watch=0)
    assert outcome.ok
    # its attempt left no evidence, as one that failed half-way
    login = freeze.DatabaseLogin(app_database.role, app_database.name)
    assert freeze.read_saved_state(there, login) is not None
    outcome, facts = run_on(there, "freeze.off", database="old", application="app", freeze="frozen")
    assert outcome.ok, outcome.summary
    assert facts["lifted"]["restored"] is None
    assert freeze.read_saved_state(here, login) is None  # a later freeze begins anew on either host


def test_a_backup_that_the_storage_does_not_have_is_not_called_done(
    shared: SharedBucket, context_on: Callable[..., Context]
) -> None:
    known, here, there = registry()["backup.take"], shared.host("a"), shared.host("b")
    params = known.bind({"database": "old"}, context_on(here))
    assert known.run(params, Recorder()).ok
    before = known.before(params)
    elsewhere = known.bind({"database": "old"}, context_on(there))
    hide(shared.folder, "a")
    assert known.probe(elsewhere, before).status == ProbeStatus.DONE  # fetched, and every SHA-256 checked
    (index,) = (key for key in shared.objects() if key.endswith(".index.json"))
    shared.client.delete_object(Bucket=shared.settings.bucket, Key=index)
    found = known.probe(elsewhere, before)
    assert found.status == ProbeStatus.PARTIAL
    assert "not in the storage" in found.observed
