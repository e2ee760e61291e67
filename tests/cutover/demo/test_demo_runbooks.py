"""The demo has two runbooks, each with systems and a data folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from checklists.runbook import read
from cutover.demo import __main__ as demo
from cutover.demo import demo_folder
from cutover.demo.demo_plan import COVENANT_CONNECT, ROWS, SHOP, DemoPlan
from cutover.demo.demo_runbooks import RUNBOOKS
from integrations.sandbox import mariadb_programs

pytestmark = pytest.mark.usefixtures("only_own_actions")


@pytest.mark.parametrize("name", list(RUNBOOKS))
def test_each_runbook_is_right_and_has_the_item_that_a_rollback_begins_with(name: str) -> None:
    runbook = RUNBOOKS[name]
    document = read(runbook.file.read_text()).document
    assert document is not None
    assert document.item(runbook.back_at).kind == "action"
    assert ROWS[name] > 0


def test_each_runbook_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUTOVER_DATA", raising=False)
    assert demo_folder.demo_folder(COVENANT_CONNECT) == demo_folder.demo_folder()
    assert demo_folder.demo_folder(SHOP).name == "demo-shop"


def test_a_folder_of_one_runbook_is_not_used_for_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTOVER_DATA", str(tmp_path / "demo"))
    demo_folder.mark(tmp_path / "demo")
    DemoPlan.load_or_create(tmp_path / "demo", None)
    assert demo.main(["--runbook", "shop"]) == 1
    assert "This demo began with the runbook covenant-connect." in capsys.readouterr().out


def test_a_demo_without_mariadb_names_the_missing_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTOVER_DATA", str(tmp_path / "demo"))
    monkeypatch.setattr(mariadb_programs, "INSTALLED", tmp_path)
    monkeypatch.setattr(mariadb_programs, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo.main(["--runbook", "shop"]) == 1
    said = capsys.readouterr().out
    assert "MariaDB's server (mariadbd) is not installed on this machine." in said
    assert "apt-get install mariadb-server" in said


def test_the_shop_has_no_recorded_defects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.arguments(["--runbook", "shop", "--autopilot", "recorded"])
    assert "no recorded defects" in capsys.readouterr().err
