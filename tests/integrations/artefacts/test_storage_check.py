"""The preflight and the start of a worker say what is wrong with the storage, before anything needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.artefacts import check_storage
from integrations.errors import Problem
from integrations.preflight import Verdict
from tests.integrations.artefacts.s3_server import SharedBucket
from tests.integrations.preflight.scopes import run_check, scope_of

SUBJECT = "panel: storage of artefacts"


def test_a_storage_that_works_is_green_and_left_as_it_was(shared: SharedBucket) -> None:
    found = run_check("panel.artefacts", scope_of({}, store=shared.host("a")))[SUBJECT]
    assert found.verdict == Verdict.GREEN
    assert shared.objects() == []
    assert list(shared.host("a").root.iterdir()) == []


def test_a_storage_that_does_not_is_red_with_the_variable(shared: SharedBucket) -> None:
    found = run_check("panel.artefacts", scope_of({}, store=shared.host("a", bucket="not-there")))[SUBJECT]
    assert found.verdict == Verdict.RED
    assert "NoSuchBucket" in found.seen
    assert "CUTOVER_ARTEFACTS" in found.change


def test_a_folder_of_this_host_is_not_asked_about(tmp_path: Path) -> None:
    assert run_check("panel.artefacts", scope_of({}, folder=tmp_path)) == {}


def environment(shared: SharedBucket, monkeypatch: pytest.MonkeyPatch, **other: str) -> None:
    settings = shared.settings
    known = {
        "": f"s3://{settings.bucket}/{settings.prefix}",
        "_ENDPOINT": settings.endpoint,
        "_REGION": settings.region,
        "_ACCESS_KEY": settings.access_key,
        "_SECRET_KEY": settings.secret_key,
        "_ADDRESSING": "path",
    }
    for name, value in {**known, **other}.items():
        monkeypatch.setenv(f"CUTOVER_ARTEFACTS{name}", value)


def test_a_worker_does_not_start_with_a_bucket_that_is_missing(
    shared: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    environment(shared, monkeypatch)
    check_storage(said.append)
    environment(shared, monkeypatch, **{"": "s3://not-there"})
    with pytest.raises(Problem, match="NoSuchBucket"):
        check_storage(said.append)
    assert said == []


def test_a_storage_that_is_away_is_told_and_does_not_stop_a_worker(
    shared: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    environment(shared, monkeypatch, _ENDPOINT="http://127.0.0.1:9")
    check_storage(said.append)
    assert "does not answer" in said[0]
