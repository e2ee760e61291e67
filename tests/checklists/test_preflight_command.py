"""``manage.py preflight``: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from checklists.management.commands import preflight
from checklists.models import AuditEntry, Cutover, PreflightRun
from cutover.data_folder import PROJECT
from integrations.preflight import check, registered_checks
from tests.by_hand import by_hand
from tests.checklists import sample_checks
from tests.checklists.histories import RUNBOOK, make_cutover
from tests.checklists.sample_checks import KEY, says

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def only_the_sample_check() -> Iterator[None]:
    registered_checks()
    before = dict(check._CHECKS)
    check._CHECKS.clear()
    check._CHECKS[KEY] = check.Check(KEY, "The world is right", sample_checks.check_world, 60)
    yield
    check._CHECKS.clear()
    check._CHECKS.update({key: each for key, each in before.items() if key != KEY})


@pytest.fixture
def cutover(tmp_path: Path) -> Cutover:
    text = RUNBOOK.replace("systems: {}", f"systems: {{world: {{kind: folder, path: {tmp_path}}}}}")
    return make_cutover(text=text)


def run(cutover: Cutover, *options: str) -> tuple[str, int]:
    """What it printed, and its exit code."""
    out = StringIO()
    try:
        call_command("preflight", cutover.slug, "--here", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def test_results_are_grouped_the_worst_first_and_green_ones_are_counted(
    cutover: Cutover, tmp_path: Path
) -> None:
    says(tmp_path, roof="amber", wall="green", door="red", cellar="unknown")
    text, code = run(cutover)
    assert code == 1
    order = [text.index(word) for word in ("RED (1)", "door", "UNKNOWN (1)", "cellar", "AMBER (1)", "roof")]
    assert order == sorted(order)
    assert "4 results" in text
    assert "1 red, 1 unknown, 1 amber, 1 green" in text
    assert "wall" not in text


def test_without_red_and_unknown_the_exit_code_is_0(cutover: Cutover, tmp_path: Path) -> None:
    says(tmp_path, roof="amber", wall="green")
    assert run(cutover)[1] == 0
    says(tmp_path, cellar="unknown")
    assert run(cutover)[1] == 1


def test_a_second_run_marks_what_is_new_and_names_what_is_gone(cutover: Cutover, tmp_path: Path) -> None:
    says(tmp_path, door="red", roof="amber", wall="green", gate="red")
    assert "NEW" not in run(cutover)[0]
    says(tmp_path, door="red", roof="red", wall="red", fence="amber")
    text, _ = run(cutover)
    assert "  door" in text
    assert "CHANGED (was amber) roof" in text
    assert "NEW wall" in text
    assert "NEW fence" in text
    assert "No longer reported: gate (was red)" in text


def test_json_has_every_result_and_the_affected_items(cutover: Cutover, tmp_path: Path) -> None:
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).get().items.filter(key="look").update(params={"thing": "world"})
    says(tmp_path, wall="green", door="red")
    text, code = run(cutover, "--json")
    found: dict[str, Any] = json.loads(text)
    assert code == 1
    assert found["counts"] == {"red": 1, "unknown": 0, "amber": 0, "green": 1}
    assert [each["subject"] for each in found["results"]] == ["door", "wall"]
    assert found["results"][0]["items"] == ["look"]


def test_an_unknown_cutover_is_told_with_those_that_exist(cutover: Cutover) -> None:
    with pytest.raises(CommandError, match=f"no cutover “nowhere”.*{cutover.slug}") as refused:
        call_command("preflight", "nowhere")
    assert refused.value.returncode == 2


def test_a_closed_cutover_is_refused(cutover: Cutover) -> None:
    with by_hand():
        Cutover.objects.update(status="ABANDONED", closed_at=cutover.created_at)
    with pytest.raises(CommandError, match="closed: abandoned"):
        call_command("preflight", cutover.slug)


def test_without_a_worker_it_says_so_and_the_run_stays_queued(
    cutover: Cutover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, wall="green")
    monkeypatch.setattr(preflight, "NO_WORKER_AFTER", 0.1)
    with pytest.raises(CommandError, match=r"No worker took it.*--here") as refused:
        call_command("preflight", cutover.slug)
    assert refused.value.returncode == 2
    assert PreflightRun.objects.get().status == "QUEUED"
    assert run(cutover)[1] == 0, "--here takes the run that waits"
    assert AuditEntry.objects.filter(kind="preflight.asked").count() == 1


def test_what_a_check_cannot_ask_is_unknown(cutover: Cutover, tmp_path: Path) -> None:
    (tmp_path / "says.json").mkdir()
    text, code = run(cutover)
    assert code == 1
    assert "UNKNOWN" in text
    assert "IsADirectoryError" in text


@pytest.mark.reference
def test_the_reference_of_checks_is_that_of_the_code() -> None:
    made = subprocess.run(
        [sys.executable, "manage.py", "preflight", "--checks"], cwd=PROJECT, capture_output=True, check=True
    )
    kept = (PROJECT / "docs/reference/preflight-checks.md").read_bytes()
    assert kept == made.stdout, (
        "make it again: manage.py preflight --checks > docs/reference/preflight-checks.md"
    )
